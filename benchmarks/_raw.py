"""The same models, starts and controls by a bare loop over mj_step: what stepping worlds costs at least."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.physics.world_model import ModelAddresses

Array = NDArray[np.float64]


class RecordingPhysics(MujocoCpuPhysics):
    """Keeps what it hands to MuJoCo at every control step: actuator controls (E, 22) and base velocities (E, 6)."""

    def __init__(self, num_worlds: int, factory: MujocoCpu | None = None) -> None:
        factory = factory or MujocoCpu()
        hand = shadow_hand()
        super().__init__(hand, num_worlds, factory.settings, num_threads=0, cache=factory.cache(hand))
        self.handed: list[tuple[Array, Array]] = []

    def _step_rows(self, rows: NDArray[np.int64], control: Array, base_velocity: Array) -> None:
        self.handed.append((control, base_velocity))
        super()._step_rows(rows, control, base_velocity)


class RawWorlds:
    """What `RecordingPhysics` has just done, again, without our code; ends in the same states.

    Worlds are dealt out to threads, which do not wait for one another between control steps: no batched environment can
    be faster.

    Args:
        recorded: physics after its steps.
        objects: object of each world.
        start: its state before them.
        num_threads: threads; 1 steps in the calling one.

    Raises:
        RuntimeError: a world diverged, or the raw objects end elsewhere.
    """

    def __init__(
        self, recorded: RecordingPhysics, objects: Sequence[GraspObject], start: PhysicsState, num_threads: int = 1
    ) -> None:
        if recorded.state().is_diverged.any():
            raise RuntimeError("a world diverged: its raw twin would go on; choose other worlds (another --seed)")
        self.handed = recorded.handed
        self.steps_per_control = recorded.settings.steps_per_control
        self.models = [recorded.cache.get(thing) for thing in objects]
        self.datas = [mujoco.MjData(model) for model in self.models]
        self.addresses = ModelAddresses(recorded.hand, self.models[0])
        self.starts = np.stack([model.qpos0 for model in self.models])
        self.starts[:, self.addresses.base_pos] = start.wrist_pose_w
        self.starts[:, self.addresses.object_pos] = start.object_pose_w
        self.starts[:, self.addresses.finger_pos] = np.concatenate([start.joint_pos, start.coupled_pos], axis=1)
        self.shares = np.array_split(np.arange(len(self.models)), min(num_threads, len(self.models)))
        self.pool = ThreadPoolExecutor(num_threads) if num_threads > 1 else None
        self(len(self.handed))
        ended = np.stack([data.qpos[self.addresses.object_pos] for data in self.datas])
        if (ended != recorded.state().object_pose_w).any():
            raise RuntimeError("the raw objects do not end where ours do, bit for bit: nothing to compare")

    def __call__(self, steps: int) -> float:
        """Seconds of a block of at most the recorded control steps; resetting is left out."""
        for model, data, start in zip(self.models, self.datas, self.starts, strict=True):
            mujoco.mj_resetData(model, data)
            data.qpos[:] = start
        begin = time.perf_counter()
        if self.pool is None:
            self._step(self.shares[0], steps)
        else:
            list(self.pool.map(lambda worlds: self._step(worlds, steps), self.shares))
        return time.perf_counter() - begin

    def _step(self, worlds: NDArray[np.int64], steps: int) -> None:
        base_vel = self.addresses.base_vel
        pairs = [(world, self.models[world], self.datas[world]) for world in worlds]
        for control, base_velocity in self.handed[:steps]:
            for world, model, data in pairs:
                data.ctrl[:] = control[world]
                data.qvel[base_vel] = base_velocity[world]
                mujoco.mj_step(model, data, self.steps_per_control)
