"""Whether written graphs do what the module does: on random inputs, and on observations of real episodes."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import DEVELOPMENT_SPLIT, MAX_JOINT_STEP
from envs.hand.commands import next_command
from envs.objects.library import ObjectLibrary
from envs.physics.base import Array
from envs.task.episodes import EpisodeSampler
from envs.task.observations import Observation
from envs.wrist.patterns import generate_patterns
from lightning_modules.graphs.fields import grouping_tensors
from lightning_modules.graphs.parts import MAX_GAP, observation_of
from lightning_modules.graphs.writing import Exportable
from lightning_modules.policy.finger_policies import PrimitivePolicy
from lightning_modules.policy.primitive_view import PrimitiveView, closeness

_LOG = logging.getLogger(__name__)

TOLERANCE = 1e-5
"""Largest difference of any number that a graph may have from the module."""

MAX_TIES = 0.02
"""Largest share of hands, above a single one, that may be left out as ties: more are a fault that looks like them."""

_CHUNK = 250
"""Hands at once: as many as keep the memory small."""

_MEASURE = dict.fromkeys(("action", "a_p", "a_s", "a_r"), MAX_JOINT_STEP)
"""What turns an output into what it means for a joint in one control step, rad."""

Run = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""Runs a written graph: inputs by name to outputs by name."""


@dataclass(frozen=True)
class Parity:
    """How far a graph is from the module.

    Attributes:
        count: hands compared.
        largest: largest difference of any number; of an action and its parts, of how far they move a joint, in rad.
        raw: the same with actions as they are, which divide rad by MAX_JOINT_STEP and with them their rounding.
        undecided: hands left out, in which the nearest point to a finger is a tie within float32: which of the two is
            taken, and with it the answer, is then chance, on every machine and in the module itself.
    """

    count: int
    largest: float
    raw: float = 0.0
    undecided: int = 0

    @property
    def holds(self) -> bool:
        """Whether the graph does what the module does."""
        return self.largest <= TOLERANCE and self.undecided <= max(1.0, MAX_TIES * self.count)


def onnx_run(path: Path) -> Run:
    """Runs an ONNX file in onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs, outputs = ([each.name for each in part] for part in (session.get_inputs(), session.get_outputs()))

    def run(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        done = session.run(outputs, {name: given[name].numpy() for name in inputs})
        return {name: torch.from_numpy(value) for name, value in zip(outputs, done, strict=True)}

    return run


def program_run(path: Path, source: Exportable, name: str) -> Run:
    """Runs a program of torch."""
    module, graph = torch.export.load(path).module(), source.graphs[name]

    @torch.no_grad()
    def run(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(zip(graph.outputs, module(*(given[each] for each in graph.inputs)), strict=True))

    return run


@torch.no_grad()
def reference(source: Exportable, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the module itself makes of the inputs: every output of every graph."""
    primitive, hand = source.primitive, source.hand
    observation = observation_of(hand, given)
    scene = PrimitiveView(primitive).scene(observation)
    heading = primitive.heading(given["joint_pos"], scene, closeness=closeness(hand, given["points_h"]))
    found = {"scene": scene, "a_p": heading.action, "way": heading.way, "back": heading.back}
    if source.policy is None:
        return found
    policy = source.policy
    policy.start(len(observation))
    parts = policy.parts(observation)
    targets = next_command(
        given["command"], parts.action, given["joint_pos"], hand.limits, max_step=MAX_JOINT_STEP, max_gap=MAX_GAP
    )
    more = {"action": parts.action, "a_s": parts.a_s, "a_r": parts.a_r, "joint_targets": targets}
    return found | {name: value for name, value in more.items() if value is not None}


def compare(source: Exportable, name: str, run: Run, given: Mapping[str, Tensor]) -> Parity:
    """The graph ``name`` as it was written against the module.

    Args:
        source: the module.
        name: the graph.
        run: runs what was written.
        given: inputs of all graphs (B, ...).
    """
    count, off, raw = len(given["joint_pos"]), [], 0.0
    for begin in range(0, count, _CHUNK):
        part = {each: value[begin : begin + _CHUNK] for each, value in given.items()}
        expected, found = reference(source, part), run(part)
        gaps = {each: (value - expected[each]).abs().amax(dim=1) for each, value in found.items() if each in expected}
        off.append(torch.stack([value * _MEASURE.get(each, 1.0) for each, value in gaps.items()]).amax(dim=0))
        raw = max(raw, *(float(value.max()) for value in gaps.values()))
    apart = torch.cat(off)
    undecided = torch.zeros_like(apart, dtype=torch.bool)
    for row in (apart > TOLERANCE).nonzero()[:, 0].tolist():
        undecided[row] = _is_tie({each: value[row : row + 1] for each, value in given.items()}, source)
    return Parity(count, float(apart.where(~undecided, 0.0).max()), raw, int(undecided.sum()))


def _is_tie(given: Mapping[str, Tensor], source: Exportable, changes: int = 64) -> bool:
    """Whether the module's own answer jumps when joints change by less than float32 resolves in what follows."""
    draw = torch.Generator().manual_seed(0)
    many = {name: value.expand(changes, *value.shape[1:]).contiguous() for name, value in given.items()}
    noise = 2e-7 * torch.randn(many["joint_pos"].shape, generator=draw)
    many["joint_pos"] = many["joint_pos"] + noise
    ways = reference(source, many)["way"]
    return bool((ways - ways[:1]).abs().max() > TOLERANCE)


class _Recorder:
    """A policy that keeps what it sees."""

    def __init__(self, policy: FingerPolicy) -> None:
        self._policy = policy
        self.seen: list[Observation] = []

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._policy.start(num_worlds)

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        self.seen.append(observation)
        return self._policy.act(observation, step)


def real_inputs(
    source: Exportable, count: int, path: str = "data/grasps_small.npz", seed: int = 0
) -> dict[str, Tensor]:
    """Inputs of all graphs (count, ...) as they come in simulated episodes of development objects.

    Raises:
        FileNotFoundError, ValueError: no such grasp set, or one of another hand.
    """
    targets = grasp_targets(load_grasp_set(path).split(DEVELOPMENT_SPLIT), ObjectLibrary())
    if targets.hand is not source.hand:
        raise ValueError(f"grasp set {path} is of the hand {targets.hand.name}, the policy of {source.hand.name}")
    sampler = EpisodeSampler(targets, generate_patterns().split("train"), mix=True, seed=seed)
    episodes = sampler.sample(-(-count // 50))
    acts = PrimitivePolicy(PrimitiveView(source.primitive)) if source.policy is None else source.policy
    recorder = _Recorder(acts)
    EpisodeRunner(num_worlds=len(episodes), num_threads=1).run(recorder, episodes)
    groups = {name: torch.cat([each[name] for each in recorder.seen])[:count] for name in recorder.seen[0].groups}
    hand, spec = source.hand, source.primitive.module.network.encoder.grouping_spec
    low, high = hand.coupled_limits.tensors(groups["coupled_pos"])
    given = {
        **{name: groups[name].contiguous() for name in ("points_h", "wrist_history", "wrist_past")},
        **{name: hand.denormalise(groups[name]) for name in ("joint_pos", "command")},
        "coupled_pos": low + 0.5 * (groups["coupled_pos"] + 1.0) * (high - low),
        "wrist_pose_w": groups["wrist_history"][:, -1].contiguous(),
    }
    return source.complete(given | grouping_tensors(spec, given["points_h"]))
