"""Control steps per second of the MuJoCo worlds against bare mj_step, in one run. Prints JSON.

Every world has its own object; the open hand stands over it, palm down, and closes and opens around it again and
again. All variants take turns, block by block, so that other load on the machine hits all alike:
    raw              mj_step(model, data, 5) in a loop in one thread, with the controls that MujocoCpuPhysics gave
    threads_N        MujocoCpuPhysics with N threads (1: the calling thread steps)
    processes_N      N processes, each with its share of the worlds and one thread
One control step advances one world by 25 ms (5 physics steps). `share_of_raw` says what batching, wrist control and
the search for diverged worlds leave; with several cores it may exceed 1.

    python benchmarks/env_throughput.py --worlds 64 --seconds 20
"""

import argparse
import json
import logging
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, TypeVar

import mujoco
import numpy as np
from _machine import machine
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.workers import default_workers
from envs.conventions import STEPS_PER_CONTROL
from envs.hand.model import clamp_joints, open_hand
from envs.lift_test import closing_direction
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpuPhysics
from envs.physics.scene import SceneAddresses

PALM_GAP = 0.03
"""Metres from an object's top to the palm's middle above it: nothing touches at first, closing fingers do."""

PERIOD = 40
"""Control steps of closing and opening once."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """Objects at rest and a hand over each: poses (E, 7), joints (E, 18)."""

    objects: list[GraspObject]
    object_pose_w: Array
    wrist_pose_w: Array
    joint_pos: Array


def setting(num_worlds: int, first: int = 0, count: int | None = None) -> Setting:
    """The worlds from ``first`` on of ``num_worlds`` whose objects are spread over the training split."""
    library = ObjectLibrary()
    names = library.names("train")
    rows = np.linspace(0, len(names) - 1, num_worlds).round().astype(int)[first:][:count]
    objects = [library.get(names[row]) for row in rows]
    object_pose_w = np.stack([thing.rest_poses[0] for thing in objects])
    wrist_pose_w = np.zeros((len(objects), 7))
    wrist_pose_w[:, 3:] = Rotation.from_euler("x", 90.0, degrees=True).as_quat(scalar_first=True)
    wrist_pose_w[:, 1] = 0.11  # the palm faces down, the fingers (along -y of the world) over the object
    for row, thing in enumerate(objects):
        turn = Rotation.from_quat(object_pose_w[row, 3:], scalar_first=True)
        wrist_pose_w[row, 2] = object_pose_w[row, 2] + turn.apply(thing.vertices)[:, 2].max() + PALM_GAP
    return Setting(objects, object_pose_w, wrist_pose_w, np.tile(open_hand(), (len(objects), 1)))


def closing_phase(step: int) -> float:
    """0 open, 1 closed, there and back within PERIOD steps."""
    return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * step / PERIOD))


def joint_targets(step: int) -> Array:
    """Targets (18,) of a control step, rad."""
    return clamp_joints(open_hand() + 1.2 * closing_phase(step) * closing_direction())


Physics = TypeVar("Physics", bound=MujocoCpuPhysics)


class Worlds(Generic[Physics]):
    """MujocoCpuPhysics worlds that run blocks of control steps, from the same start each time."""

    def __init__(self, chosen: Setting, physics: Physics) -> None:
        self.chosen = chosen
        self.physics = physics

    def reset(self) -> None:
        """Put everything back."""
        chosen = self.chosen
        self.physics.reset(chosen.objects, chosen.object_pose_w, chosen.wrist_pose_w, chosen.joint_pos)

    def __call__(self, steps: int) -> float:
        """Seconds of a block."""
        self.reset()
        begin = time.perf_counter()
        for step in range(steps):
            self.physics.set_joint_targets(np.tile(joint_targets(step), (self.physics.num_worlds, 1)))
            self.physics.set_wrist_targets(self.chosen.wrist_pose_w)
            self.physics.step()
        return time.perf_counter() - begin


class RecordingPhysics(MujocoCpuPhysics):
    """Keeps what it hands to MuJoCo at every control step: actuator controls (E, 22) and base velocities (E, 6)."""

    def __init__(self, num_worlds: int) -> None:
        super().__init__(num_worlds, num_threads=0)
        self.handed: list[tuple[Array, Array]] = []

    def _step_rows(self, rows: NDArray[np.int64], control: Array, base_velocity: Array) -> None:
        self.handed.append((control, base_velocity))
        super()._step_rows(rows, control, base_velocity)


class RawWorlds:
    """The same models, starts and recorded controls, stepped by a bare loop over mj_step; ends in the same states."""

    def __init__(self, chosen: Setting, steps: int) -> None:
        worlds = Worlds(chosen, RecordingPhysics(len(chosen.objects)))
        worlds.reset()
        start = worlds.physics.state()
        worlds(steps)
        if worlds.physics.state().is_diverged.any():
            raise RuntimeError("a world diverged: its raw twin would go on, and nothing could be compared")
        self.handed = worlds.physics.handed
        self.models = [worlds.physics.scenes.get(thing) for thing in chosen.objects]
        self.datas = [mujoco.MjData(model) for model in self.models]
        self.addresses = SceneAddresses(self.models[0])
        self.starts = np.stack([model.qpos0 for model in self.models])
        self.starts[:, self.addresses.base_pos] = start.wrist_pose_w
        self.starts[:, self.addresses.object_pos] = start.object_pose_w
        self.starts[:, self.addresses.finger_pos] = np.concatenate([start.joint_pos, start.coupled_pos], axis=1)
        self(steps)
        ended = np.stack([data.qpos[self.addresses.object_pos] for data in self.datas])
        if (ended != worlds.physics.state().object_pose_w).any():
            raise RuntimeError("the raw objects do not end where ours do, bit for bit: nothing to compare")

    def __call__(self, steps: int) -> float:
        """Seconds of a block."""
        for model, data, start in zip(self.models, self.datas, self.starts, strict=True):
            mujoco.mj_resetData(model, data)
            data.qpos[:] = start
        base_vel = self.addresses.base_vel
        begin = time.perf_counter()
        for control, base_velocity in self.handed[:steps]:
            for world, (model, data) in enumerate(zip(self.models, self.datas, strict=True)):
                data.ctrl[:] = control[world]
                data.qvel[base_vel] = base_velocity[world]
                mujoco.mj_step(model, data, STEPS_PER_CONTROL)
        return time.perf_counter() - begin


def _serve(connection: Connection, num_worlds: int, first: int, count: int) -> None:
    """In a process: run a block for each number of steps received; None ends it."""
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    worlds = Worlds(setting(num_worlds, first, count), MujocoCpuPhysics(count, num_threads=0))
    connection.send("ready")
    while (steps := connection.recv()) is not None:
        connection.send(worlds(steps))


class ProcessWorlds:
    """The worlds dealt out to processes; a block ends when the last process has ended it."""

    def __init__(self, num_worlds: int, num_processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        bounds = np.linspace(0, num_worlds, num_processes + 1).round().astype(int)
        self.connections, self.processes = [], []
        for first, last in pairwise(bounds):
            ours, theirs = context.Pipe()
            arguments = (theirs, num_worlds, int(first), int(last - first))
            process = context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            self.connections.append(ours)
            self.processes.append(process)
        for connection in self.connections:
            connection.recv()

    def __call__(self, steps: int) -> float:
        """Seconds of the slowest process; resetting is left out as in the other variants."""
        for connection in self.connections:
            connection.send(steps)
        return max(connection.recv() for connection in self.connections)

    def __enter__(self) -> "ProcessWorlds":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in zip(self.connections, self.processes, strict=True):
            connection.send(None)
            process.join(10.0)


def measure(variants: dict[str, Callable[[int], float]], steps: int, seconds: float) -> dict[str, list[float]]:
    """Seconds of every block of each variant, taking turns until the time is over; one block each to warm up."""
    for run in variants.values():
        run(steps)
    durations: dict[str, list[float]] = {name: [] for name in variants}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not durations["raw"]:
        for name, run in variants.items():
            durations[name].append(run(steps))
    return durations


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--steps", type=int, default=PERIOD, help="control steps of a block")
    parser.add_argument("--seconds", type=float, default=20.0, help="measuring time, after the warm-up")
    parser.add_argument("--cores", type=int, default=None, help="threads and processes; one per core when left out")
    options = parser.parse_args(args)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    cores = options.cores or default_workers()
    load = [round(value, 2) for value in os.getloadavg()]
    chosen = setting(options.worlds)
    threaded = {
        f"threads_{count}": Worlds(chosen, MujocoCpuPhysics(options.worlds, num_threads=count))
        for count in sorted({1, cores})
    }
    with ProcessWorlds(options.worlds, min(cores, options.worlds)) as processes:
        variants: dict[str, Callable[[int], float]] = {
            "raw": RawWorlds(chosen, options.steps),
            **threaded,
            f"processes_{len(processes.processes)}": processes,
        }
        durations = measure(variants, options.steps, options.seconds)
    rates = {name: options.worlds * options.steps / statistics.median(values) for name, values in durations.items()}
    report: dict[str, Any] = {
        "benchmark": "env_throughput",
        "worlds": options.worlds,
        "steps_of_a_block": options.steps,
        "turns": len(durations["raw"]),
        "control_steps_per_second": {name: round(rate) for name, rate in rates.items()},
        "physics_steps_per_second": {name: round(STEPS_PER_CONTROL * rate) for name, rate in rates.items()},
        "share_of_raw": {name: round(rate / rates["raw"], 2) for name, rate in rates.items()},
        "machine": machine(load),
        "mujoco": version("mujoco"),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
