"""Worlds on threads and in processes, for env_throughput.py: an open hand over each object closes and opens."""

import logging
import multiprocessing
import time
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np
from _raw import RawWorlds, RecordingPhysics
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsBackend
from envs.physics.mujoco_cpu import MujocoCpu

HAND = shadow_hand()

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
    return Setting(objects, object_pose_w, wrist_pose_w, np.tile(HAND.open_pose.copy(), (len(objects), 1)))


def closing_phase(step: int) -> float:
    """0 open, 1 closed, there and back within PERIOD steps."""
    return 0.5 - 0.5 * float(np.cos(2.0 * np.pi * step / PERIOD))


def joint_targets(step: int) -> Array:
    """Targets (18,) of a control step, rad."""
    return HAND.clamp(HAND.open_pose.copy() + 1.2 * closing_phase(step) * HAND.closing)


class Worlds:
    """Worlds that run blocks of control steps, from the same start each time."""

    def __init__(self, chosen: Setting, physics: PhysicsBackend) -> None:
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


def raw_twins(chosen: Setting, steps: int) -> RawWorlds:
    """The same worlds by bare mj_step in one thread."""
    physics = RecordingPhysics(len(chosen.objects))
    worlds = Worlds(chosen, physics)
    worlds.reset()
    start = physics.state()
    worlds(steps)
    return RawWorlds(physics, chosen.objects, start)


def _serve(connection: Connection, num_worlds: int, first: int, count: int) -> None:
    """In a process: run a block for each number of steps received; None ends it."""
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    worlds = Worlds(setting(num_worlds, first, count), MujocoCpu().make(HAND, count, num_threads=0))
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
