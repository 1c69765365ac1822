"""Training throughput of the score network against a plain PointNet++ of the same sizes. Prints JSON.

Training steps (loss, backward, Adam) take turns in one run, so that other load on the machine hits all alike:
    ours       cached grouping, several draws of (t, z) per cloud
    many       the same with ten times the objects, each grouped beforehand
    one_draw   cached grouping, one draw per cloud: what the cache and the encoder's form gain
    plain      neighbours searched anew for every example (float32), features concatenated per neighbour, one draw
    pyg        with --pyg: PyTorch Geometric's PointNetConv on the cached grouping, one draw
An example is one (grasp, t, z) in the loss: ``speedup`` counts those, ``speedup_one_draw`` is the gain per cloud. All
networks have the same layers, and give the same features from the same weights, which is checked. ``flatness`` is the
step rate with many objects over that with few: 1 when the cost does not depend on how many there are. What does is the
grouping of every object once, ``grouping_ms_per_object``.

    python benchmarks/gf_training.py --size compact --seconds 30 --pyg
"""

import argparse
import copy
import json
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from _machine import memory_gb
from torch import Tensor, nn

from envs.conventions import NUM_CLOUD_POINTS
from envs.geometry.object_clouds import ObjectClouds
from envs.geometry.point_grouping import CloudGrouping, ball_query, farthest_point_sample
from envs.hand.shadow import shadow_hand
from lightning_modules.diffusion.losses import denoising_loss
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.networks.point_encoders import COMPACT_LEVELS, PointEncoder, PointNet2Encoder, SetAbstraction
from lightning_modules.networks.pyg_encoder import PointNetConvEncoder
from lightning_modules.networks.score_network import ScoreNetwork, paper_score_network

HAND = shadow_hand()

SDE = VPSDE()
NETWORKS = {"compact": lambda: ScoreNetwork(PointNet2Encoder()), "paper": paper_score_network}
DEFAULT_BATCH = {"compact": 64, "paper": 8}
FEW_OBJECTS = 300
MANY_OBJECTS = 3000  # about as many as the paper's training objects


class PlainPointNet2(PointEncoder):
    """The layers of a PointNet2Encoder, run the usual way."""

    grouping_spec = None

    def __init__(self, layers: PointNet2Encoder) -> None:
        super().__init__()
        self.layers = layers
        self.abstractions = [module for module in layers.levels if isinstance(module, SetAbstraction)]
        self.feature_dim = layers.feature_dim

    def forward(self, points_h: Tensor, grouping: CloudGrouping | None = None) -> Tensor:
        """Features (B, F) of points_h (B, N, 3); groups them on the way."""
        encoder, points, features = self.layers, points_h, points_h[..., :0]
        for module, spec in zip(self.abstractions, encoder.grouping_spec.levels, strict=True):
            centres = take(points, farthest_point_sample(points, spec.num_centres))
            index = ball_query(points, centres, spec.radius, spec.max_neighbours)
            neighbours = take(points, index)
            relative = (neighbours - centres[:, :, None]) / module.radius
            hidden = torch.cat([relative, encoder.input_scale * neighbours, take(features, index)], dim=-1)
            features = mlp_then_max([module.first, *module.rest.before, module.rest.last], hidden).relu()
            points = centres
        hidden = torch.cat([encoder.input_scale * points, features], dim=-1)
        pooled = mlp_then_max([*encoder.global_mlp.before, encoder.global_mlp.last], hidden)
        feature: Tensor = encoder.feature_mlp(pooled)
        return feature


def mlp_then_max(linears: list[nn.Module], hidden: Tensor) -> Tensor:
    """Largest value over the neighbours, (..., K, F) -> (..., C), ReLU between the layers."""
    for i, linear in enumerate(linears):
        hidden = linear(hidden if i == 0 else hidden.relu())
    return hidden.max(-2).values


def take(values: Tensor, index: Tensor) -> Tensor:
    """values (B, N, C) at index (B, ...), (B, ..., C)."""
    batch = torch.arange(values.shape[0]).view(-1, *[1] * (index.ndim - 1))
    return values[batch, index]


def synthetic_clouds(count: int) -> Tensor:
    """Points (count, N, 3) on random ellipsoids of 2 to 7 cm semi-axes, 8 cm in front of the hand, float32 metres."""
    generator = torch.Generator().manual_seed(0)
    direction = nn.functional.normalize(torch.randn(count, NUM_CLOUD_POINTS, 3, generator=generator), dim=-1)
    axes = 0.02 + 0.05 * torch.rand(count, 1, 3, generator=generator)
    return direction * axes + torch.tensor([0.0, 0.0, 0.08])


def make_step(network: ScoreNetwork, batch: int, draws: int, num_objects: int = FEW_OBJECTS) -> Callable[[], None]:
    """One training step on a random batch of clouds; groupings are cached where the encoder uses any."""
    clouds = synthetic_clouds(num_objects)
    generator = torch.Generator().manual_seed(1)
    objects, spec = ObjectClouds(clouds), network.encoder.grouping_spec
    if spec is not None:
        objects.grouping(spec, torch.arange(num_objects), clouds)
    optimiser = torch.optim.Adam(network.parameters(), lr=2.0e-4)

    def step() -> None:
        index = torch.randint(0, num_objects, (batch,), generator=generator)
        points = clouds[index]
        feature = network.encode(points, None if spec is None else objects.grouping(spec, index, points))
        state0 = 2.0 * torch.rand(batch, HAND.num_joints, generator=generator) - 1.0
        t = 1.0 - (1.0 - 1.0e-5) * torch.rand(batch, draws, generator=generator)
        z = torch.randn(batch, draws, HAND.num_joints, generator=generator)
        loss = denoising_loss(lambda x, time: network.score(x, feature, time, SDE), SDE, state0, t=t, z=z).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def twins(size: str) -> tuple[ScoreNetwork, ScoreNetwork]:
    """The project's network and the plain one with the same weights."""
    ours, plain = NETWORKS[size](), NETWORKS[size]()
    plain.load_state_dict(ours.state_dict())
    if isinstance(plain.encoder, PointNet2Encoder):
        plain.encoder = PlainPointNet2(plain.encoder)
    return ours, plain


def pyg_twin(ours: ScoreNetwork, size: str) -> ScoreNetwork:
    """The project's network with PyTorch Geometric's parts for an encoder."""
    network = copy.deepcopy(ours)
    encoder = PointNetConvEncoder() if size == "paper" else PointNetConvEncoder(COMPACT_LEVELS, (128, 256, 512), (512,))
    if isinstance(ours.encoder, PointNet2Encoder):
        encoder.take_weights_of(ours.encoder)
    network.encoder = encoder
    return network


def check_equal(ours: ScoreNetwork, other: ScoreNetwork) -> float:
    """Largest difference of the cloud features relative to their spread, on 4 clouds.

    Raises:
        RuntimeError: it is above a thousandth.
    """
    clouds = synthetic_clouds(4)
    with torch.no_grad():
        feature = ours.encode(clouds)
        difference = ((feature - other.encode(clouds)).abs().max() / feature.std()).item()
    if difference > 1.0e-3:
        raise RuntimeError(f"two networks differ by {difference:.1e} of the feature's spread; nothing to compare.")
    return difference


def measure(steps: dict[str, Callable[[], None]], seconds: float) -> dict[str, list[float]]:
    """Seconds of every step of each kind, taking turns until the time is over (at least three turns)."""
    for step in steps.values():
        step()
    durations: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(durations["plain"]) < 3:
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            durations[name].append(time.perf_counter() - begin)
    return durations


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=sorted(NETWORKS), default="compact")
    parser.add_argument("--seconds", type=float, default=30.0, help="measuring time, after the warm-up")
    parser.add_argument("--batch", type=int, default=None, help="clouds per step (compact 64, paper 8)")
    parser.add_argument("--draws", type=int, default=32, help="draws of (t, z) per cloud")
    parser.add_argument("--threads", type=int, default=None, help="torch threads; torch's own choice when left out")
    parser.add_argument("--pyg", action="store_true", help="measure PyTorch Geometric's encoder too")
    options = parser.parse_args(args)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    batch = options.batch or DEFAULT_BATCH[options.size]
    ours, plain = twins(options.size)
    difference = check_equal(ours, plain)
    began = time.perf_counter()
    many = make_step(copy.deepcopy(ours), batch, options.draws, MANY_OBJECTS)
    grouping_s = time.perf_counter() - began
    steps = {
        "ours": make_step(ours, batch, options.draws),
        "many": many,
        "one_draw": make_step(ours, batch, 1),
        "plain": make_step(plain, batch, 1),
    }
    if options.pyg:
        pyg = pyg_twin(ours, options.size)
        difference = max(difference, check_equal(ours, pyg))
        steps["pyg"] = make_step(pyg, batch, 1)
    durations = measure(steps, options.seconds)
    median = {name: statistics.median(values) for name, values in durations.items()}
    draws = {"ours": options.draws, "many": options.draws}
    rate = {name: batch * draws.get(name, 1) / median[name] for name in steps}
    report = {
        "benchmark": "gf_training",
        "size": options.size,
        "clouds_per_step": batch,
        "draws_per_cloud": options.draws,
        "step_ms": {name: round(1.0e3 * value, 1) for name, value in median.items()},
        "examples_per_s": {name: round(value, 1) for name, value in rate.items()},
        "clouds_per_s": {name: round(batch / value, 1) for name, value in median.items()},
        "speedup": round(rate["ours"] / rate["plain"], 2),
        "speedup_one_draw": round(rate["one_draw"] / rate["plain"], 2),
        **({"speedup_over_pyg": round(rate["one_draw"] / rate["pyg"], 2)} if options.pyg else {}),
        "objects": {"ours": FEW_OBJECTS, "many": MANY_OBJECTS},
        "flatness": round(median["ours"] / median["many"], 3),
        "grouping_ms_per_object": round(1.0e3 * grouping_s / MANY_OBJECTS, 2),
        "memory_gb": memory_gb(),
        "turns": len(durations["plain"]),
        "feature_difference": difference,
        "threads": torch.get_num_threads(),
        "machine": {"cpus": os.cpu_count(), "cpu": torch.backends.cpu.get_cpu_capability(), "arch": platform.machine()},
        "torch": torch.__version__,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
