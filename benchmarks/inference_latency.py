"""How long one control step of the controller takes, batch 1, one thread, in torch and onnxruntime. Prints JSON.

Milliseconds of `AssistController.update`, checks and state machine included, over many steps of a hand above a ball:
    known    a wrist at rest: the scene is kept
    new      a wrist that moves by 2 mm a step: the cloud is encoded in each
    prepare  a camera's cloud of 4096 points down-sampled and grouped, which a thread of its own does

Each checkpoint is measured as it is and, where the extra ``onnx`` is installed, exported; folders of ONNX files as
they are. ``network`` is the policy's part of the median, the rest is the controller around it.

    python benchmarks/inference_latency.py --policy pretrained/residual_ppo.ckpt
"""

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from _machine import load_average, machine

from live.clouds import prepare
from live.controller import AssistController
from live.inputs import ObjectPose
from live.policies import ControlPolicy, LiveObservation, OnnxPolicy, PolicyParts, load_control_policy
from live.poses import Array

_WARM_UP = 10


def ball(count: int) -> Array:
    """Points of a ball of 7 cm (count, 3), m."""
    points = np.random.default_rng(0).normal(size=(count, 3))
    return 0.035 * points / np.linalg.norm(points, axis=1, keepdims=True)


class Timed:
    """A policy that keeps how long each of its answers took, s."""

    def __init__(self, policy: ControlPolicy) -> None:
        self._policy, self.facts = policy, policy.facts
        self.durations: list[float] = []

    def start(self) -> None:
        """See `ControlPolicy.start`."""
        self._policy.start()

    def act(self, observation: LiveObservation) -> PolicyParts:
        """See `ControlPolicy.act`."""
        began = time.perf_counter()
        done = self._policy.act(observation)
        self.durations.append(time.perf_counter() - began)
        return done


def milliseconds(durations: list[float]) -> dict[str, float]:
    """Median, 99th percentile and shortest of durations in seconds."""
    taken = 1e3 * np.array(durations[_WARM_UP:])
    found = {"median": np.median(taken), "p99": np.percentile(taken, 99), "min": taken.min()}
    return {name: round(float(value), 3) for name, value in found.items()}


def measure(policy: ControlPolicy, steps: int) -> dict[str, dict[str, float]]:
    """Durations of a policy's control steps, by case."""
    found = {}
    for name, shift in (("known", 0.0), ("new", 0.002)):
        timed = Timed(policy)
        controller, joints, durations = AssistController(timed), policy.facts.open_pose, []
        controller.know_object(ball(1024))
        for step in range(steps):
            wrist_w = np.array([-0.085, 0.0, 0.09 + shift * (step % 2), 0.5, 0.5, 0.5, 0.5])
            began = time.perf_counter()
            done = controller.update(0.025 * step, wrist_w, joints, ObjectPose(np.array([0, 0, 0.035, 1, 0, 0, 0])))
            durations.append(time.perf_counter() - began)
            joints = done.joint_pos
        found[name] = milliseconds(durations) | {"network": milliseconds(timed.durations)["median"]}
    durations = []
    for _ in range(_WARM_UP + 10):
        began = time.perf_counter()
        prepare(ball(4096), policy.facts.grouping)
        durations.append(time.perf_counter() - began)
    return {**found, "prepare": milliseconds(durations)}


def sides(path: Path) -> Iterator[tuple[str, ControlPolicy]]:
    """The policy by what runs it: a folder's in onnxruntime, a checkpoint's in both."""
    if path.is_dir():
        yield "onnxruntime", load_control_policy(path)
        return
    yield "torch", load_control_policy(path)
    if importlib.util.find_spec("onnxscript") is None:
        return
    from lightning_modules.checkpoints import read_checkpoint
    from lightning_modules.graphs.writing import Exportable, write_onnx

    source = Exportable(path, read_checkpoint(path))
    given = source.inputs(4)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("encoder", "primitive", "policy"):
            write_onnx(source.graphs[name], given, source.description(name), Path(folder) / f"{name}.onnx")
        yield "onnxruntime", OnnxPolicy(folder)


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, nargs="+", default=[Path("pretrained/residual_ppo.ckpt")])
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args(args)
    torch.set_num_threads(1)
    load = load_average()
    rows = {str(path): {name: measure(policy, given.steps) for name, policy in sides(path)} for path in given.policy}
    print(json.dumps({"milliseconds": rows, "steps": given.steps, "machine": machine(load)}, indent=2))


if __name__ == "__main__":
    main()
