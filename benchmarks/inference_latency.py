"""How long one control step of the controller takes, batch 1, one thread, in torch and onnxruntime. Prints JSON.

Milliseconds of `AssistController.update`, checks and state machine included, over many steps of a hand above a ball:
    known    a wrist at rest: the scene is kept
    new      a wrist that moves by 2 mm a step: the cloud is encoded in each
    prepare  a camera's cloud of 4096 points down-sampled and grouped, which a thread of its own does

Each checkpoint is measured as it is and, where the extra ``onnx`` is installed, exported; folders of ONNX files as
they are. ``network`` is the policy's part of the median, the rest is the controller around it; ``processor`` the median
of the processor's time, which beside other work is shorter than the clock's.

    python benchmarks/inference_latency.py --policy pretrained/residual_ppo.ckpt
"""

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


class Durations:
    """How long something took each time, s: by the clock, and of the processor."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []

    @contextmanager
    def once(self) -> Iterator[None]:
        """One time more."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.processor.append(time.process_time() - processor)
        self.wall.append(time.perf_counter() - wall)

    def milliseconds(self) -> dict[str, float]:
        """Median, 99th percentile and shortest by the clock, and the processor's median."""
        taken, of_processor = (1e3 * np.array(each[_WARM_UP:]) for each in (self.wall, self.processor))
        found = {"median": np.median(taken), "p99": np.percentile(taken, 99), "min": taken.min()}
        found["processor"] = np.median(of_processor)
        return {name: round(float(value), 3) for name, value in found.items()}


class Timed:
    """A policy that keeps how long each of its answers took."""

    def __init__(self, policy: ControlPolicy) -> None:
        self._policy, self.facts = policy, policy.facts
        self.durations = Durations()

    def start(self) -> None:
        """See `ControlPolicy.start`."""
        self._policy.start()

    def act(self, observation: LiveObservation) -> PolicyParts:
        """See `ControlPolicy.act`."""
        with self.durations.once():
            return self._policy.act(observation)


def measure(policy: ControlPolicy, steps: int) -> dict[str, dict[str, float]]:
    """Durations of a policy's control steps, by case."""
    found = {}
    for name, shift in (("known", 0.0), ("new", 0.002)):
        timed = Timed(policy)
        controller, joints, durations = AssistController(timed), policy.facts.open_pose, Durations()
        controller.know_object(ball(1024))
        for step in range(steps):
            wrist_w = np.array([-0.085, 0.0, 0.09 + shift * (step % 2), 0.5, 0.5, 0.5, 0.5])
            thing = ObjectPose(np.array([0, 0, 0.035, 1, 0, 0, 0]))
            with durations.once():
                done = controller.update(0.025 * step, wrist_w, joints, thing)
            joints = done.joint_pos
        network = timed.durations.milliseconds()
        found[name] = durations.milliseconds() | {
            "network": network["median"], "network_processor": network["processor"]
        }  # fmt: skip
    durations = Durations()
    for _ in range(_WARM_UP + 10):
        with durations.once():
            prepare(ball(4096), policy.facts.grouping)
    return {**found, "prepare": durations.milliseconds()}


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
        for name in ("encoder", "control"):
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
