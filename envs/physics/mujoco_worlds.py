"""Worlds of the reference backend: MuJoCo on the CPU, stepped on a pool of threads; made by `MujocoCpu`."""

import io
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, Given, PhysicsState
from envs.physics.checks import check_active, check_finite, check_poses, check_reset, check_worlds
from envs.physics.contacts import Contacts, hand_penetration
from envs.physics.divergence import is_sound
from envs.physics.model_cache import ModelCache
from envs.physics.rotation import rotation_vector_between
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import OBJECT_PART, TABLE_PART, ModelAddresses
from envs.workers import default_workers

_LOG = logging.getLogger(__name__)

HISTORY = 16
"""Control steps kept for the dump of a diverged world."""

MAX_SPARE = 1
"""Data put aside for objects that no world holds now, at most so many times the number of worlds."""

_CLOCK_START = 1.0
"""Seconds on MuJoCo's clock at a reset. A bad number makes MuJoCo restart it at 0: seen even in the first step."""


class MujocoCpuPhysics:
    """E worlds of MuJoCo, each with its own data and the compiled model of its object.

    `mujoco.mj_step` releases the interpreter lock, so threads use all cores. Controls are computed for all worlds at
    once; a thread only copies a row in, steps, and copies a row out.

    Args:
        hand: the hand in all of them.
        num_worlds: number of worlds E.
        settings: physical constants.
        num_threads: threads that step; 0 steps in the calling thread, None takes one per core.
        dump_dir: where the last states of diverged worlds are written as npz; None writes nothing.
        cache: compiled models to use, of the same hand and settings; models of its own when None.
    """

    def __init__(
        self,
        hand: Hand,
        num_worlds: int,
        settings: PhysicsSettings | None = None,
        *,
        num_threads: int | None = None,
        dump_dir: Path | None = None,
        cache: ModelCache | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
        self.hand = hand
        self.settings = settings or PhysicsSettings()
        self.cache = cache or ModelCache(hand, self.settings)
        self.dump_dir = dump_dir
        self.num_diverged = 0
        threads = default_workers() if num_threads is None else num_threads
        self._num_threads = min(threads, num_worlds)
        self._pool = ThreadPoolExecutor(self._num_threads) if self._num_threads > 1 else None
        self._num_worlds = num_worlds
        self._models: list[mujoco.MjModel | None] = [None] * num_worlds
        self._data: list[mujoco.MjData | None] = [None] * num_worlds
        self._names = [""] * num_worlds
        self._spare: list[tuple[mujoco.MjModel, mujoco.MjData]] = []
        self._layout: ModelAddresses | None = None
        self._finger_target = self._with_coupled(np.zeros((num_worlds, hand.num_joints)))
        self._wrist_target_w = np.tile(np.array([0, 0, 1, 1, 0, 0, 0], dtype=np.float64), (num_worlds, 1))
        self._side_force_w = np.zeros((num_worlds, 3))
        self._is_diverged = np.zeros(num_worlds, dtype=bool)
        self._contacts: Contacts | None = None

    @property
    def num_worlds(self) -> int:
        """Number of worlds E."""
        return self._num_worlds

    def reset(
        self,
        objects: Sequence[GraspObject],
        object_pose_w: Given,
        wrist_pose_w: Given,
        joint_pos: Given,
        *,
        worlds: Given | None = None,
    ) -> None:
        """See `PhysicsBackend.reset`."""
        start = check_reset(self.hand, self._num_worlds, objects, object_pose_w, wrist_pose_w, joint_pos, worlds)
        rows, fingers = start.rows, self._with_coupled(start.joint_pos)
        for index, world in enumerate(rows):
            data = self._fresh_data(int(world), objects[index])
            data.time = _CLOCK_START
            data.qpos[self._addresses.base_pos] = start.wrist_pose_w[index]
            data.qpos[self._addresses.object_pos] = start.object_pose_w[index]
            data.qpos[self._addresses.finger_pos] = fingers[index]
            self._qpos[world] = data.qpos
        self._qvel[rows] = 0.0
        self._time[rows] = _CLOCK_START
        self._history[:, rows] = 0.0
        self._finger_target[rows] = fingers
        self._wrist_target_w[rows] = start.wrist_pose_w
        self._side_force_w[rows] = 0.0
        self._is_diverged[rows] = False
        self._contacts = None

    @property
    def _addresses(self) -> ModelAddresses:
        if self._layout is None:
            raise RuntimeError("physics holds no objects yet; call reset before anything else")
        return self._layout

    def _fresh_data(self, world: int, grasp_object: GraspObject) -> mujoco.MjData:
        model = self.cache.get(grasp_object)
        data = self._data[world]
        if data is None or self._models[world] is not model:
            self._put_aside(world)
            data = self._take_spare(model) or mujoco.MjData(model)
            self._models[world], self._data[world] = model, data
            self._names[world] = grasp_object.name
        mujoco.mj_resetData(model, data)
        if self._layout is None:
            self._layout = ModelAddresses(self.hand, model)
            self._qpos = np.tile(model.qpos0, (self._num_worlds, 1))
            self._qvel = np.zeros((self._num_worlds, model.nv))
            self._time = np.zeros(self._num_worlds)
            self._history = np.zeros((HISTORY, self._num_worlds, model.nq + model.nv))
            self._history_head = 0
        return data

    def _put_aside(self, world: int) -> None:
        """Keep a world's data for the next world with that object: making it anew takes milliseconds."""
        model, data = self._models[world], self._data[world]
        if model is not None and data is not None:
            self._spare.append((model, data))
            del self._spare[: -MAX_SPARE * self._num_worlds]

    def _take_spare(self, model: mujoco.MjModel) -> mujoco.MjData | None:
        """Data put aside for this model, if there is any."""
        for index, (of_model, data) in enumerate(self._spare):
            if of_model is model:
                del self._spare[index]
                return data
        return None

    def set_joint_targets(self, joint_target: Given) -> None:
        """See `PhysicsBackend.set_joint_targets`; targets beyond the limits are clamped."""
        target = check_finite("joint_target", joint_target, (self._num_worlds, self.hand.num_joints))
        self._finger_target = self._with_coupled(self.hand.clamp(target))

    def set_wrist_targets(self, wrist_pose_w: Given) -> None:
        """See `PhysicsBackend.set_wrist_targets`."""
        self._wrist_target_w = check_poses("wrist_pose_w", wrist_pose_w, self._num_worlds)

    def set_side_acceleration(self, acceleration_w: Given) -> None:
        """See `PhysicsBackend.set_side_acceleration`."""
        field_w = check_finite("acceleration_w", acceleration_w, self._side_force_w.shape)
        mass = [0.0 if model is None else model.body_mass[self._addresses.object_body] for model in self._models]
        self._side_force_w = np.asarray(mass)[:, None] * field_w

    def step(self, active: Given | None = None) -> None:
        """See `PhysicsBackend.step`; diverged worlds stand still."""
        rows = self._moving_rows(active)
        if len(rows) == 0:
            return
        self._contacts = None
        control = self._controls()
        base_velocity = self._base_velocities()
        self._history_head = (self._history_head + 1) % HISTORY
        self._history[self._history_head] = np.concatenate([self._qpos, self._qvel], axis=1)
        if self._pool is None:
            self._step_rows(rows, control, base_velocity)
        else:
            chunks = np.array_split(rows, min(len(rows), 4 * self._num_threads))
            list(self._pool.map(lambda chunk: self._step_rows(chunk, control, base_velocity), chunks))
        self._find_diverged(rows)

    def _moving_rows(self, active: Given | None) -> NDArray[np.int64]:
        rows = check_active(active, self._is_diverged)
        self._check_filled(rows)
        return rows

    def _check_filled(self, rows: NDArray[np.int64]) -> None:
        empty = [int(world) for world in rows if self._models[world] is None]
        if empty:
            raise RuntimeError(f"world {empty[0]} holds no object yet; reset it, or leave it out")

    def _controls(self) -> Array:
        """Targets of actuated and coupled joints (E, J + C), at most max_target_gap away from the present joints."""
        present = self._qpos[:, self._addresses.finger_pos]
        gap = self.settings.max_target_gap
        return present + np.minimum(np.maximum(self._finger_target - present, -gap), gap)

    def _base_velocities(self) -> Array:
        """Free-joint velocities (E, 6) that bring each hand base to its target within one control step."""
        duration = self.settings.control_dt
        pose = self._qpos[:, self._addresses.base_pos]
        linear_w = (self._wrist_target_w[:, :3] - pose[:, :3]) / duration
        angular_h = rotation_vector_between(pose[:, 3:], self._wrist_target_w[:, 3:]) / duration
        return np.concatenate([linear_w, angular_h], axis=1)

    def _step_rows(self, rows: NDArray[np.int64], control: Array, base_velocity: Array) -> None:
        base_vel, object_body = self._addresses.base_vel, self._addresses.object_body
        steps, timestep, control_dt = self.settings.steps_per_control, self.settings.timestep, self.settings.control_dt
        for world in rows:
            model, data = self._models[world], self._data[world]
            data.ctrl[:] = control[world, : model.nu]
            data.qvel[base_vel] = base_velocity[world]
            data.xfrc_applied[object_body, :3] = self._side_force_w[world]
            mujoco.mj_step(model, data, steps)
            self._qpos[world] = data.qpos
            self._qvel[world] = data.qvel
            self._time[world] += control_dt
            # a bad number makes MuJoCo warn and restart its clock; contacts beyond its memory only make it warn
            if any(data.warning.number.tolist()) or data.time < self._time[world] - 0.5 * timestep:
                self._qpos[world] = np.nan

    def _find_diverged(self, rows: NDArray[np.int64]) -> None:
        qpos, qvel = self._qpos[rows], self._qvel[rows]
        address = self._addresses
        is_fine = is_sound(
            qpos[:, address.object_pos], qvel[:, address.object_vel], qpos[:, address.base_pos], self.settings
        )
        is_fine &= np.isfinite(qpos).all(axis=1) & np.isfinite(qvel).all(axis=1)
        for world in rows[~is_fine]:
            self._is_diverged[world] = True
            self.num_diverged += 1
            _LOG.warning("world %d diverged (object %s); it ends as a failure", world, self._names[world])
            if self.dump_dir is not None:
                self._dump(int(world), self.dump_dir)
            last = self._history[self._history_head, world]
            self._qpos[world], self._qvel[world] = last[: self._qpos.shape[1]], 0.0

    def _dump(self, world: int, folder: Path) -> None:
        """Write the last states of a world, oldest first, to ``diverged_<count>_<object>.npz``."""
        order = (self._history_head + 1 + np.arange(HISTORY)) % HISTORY
        states = self._history[order, world]
        num_positions = self._qpos.shape[1]
        name, content = self._names[world], io.BytesIO()
        np.savez_compressed(content, qpos=states[:, :num_positions], qvel=states[:, num_positions:], object=name)
        write_atomically(folder / f"diverged_{self.num_diverged:05d}_{name}.npz", content.getvalue())

    def state(self) -> PhysicsState:
        """See `PhysicsBackend.state`."""
        address = self._addresses
        fingers = self._qpos[:, address.finger_pos]
        return PhysicsState(
            joint_pos=fingers[:, : self.hand.num_joints],
            coupled_pos=fingers[:, self.hand.num_joints :],
            wrist_pose_w=self._qpos[:, address.base_pos].copy(),
            object_pose_w=self._qpos[:, address.object_pos].copy(),
            object_velocity=self._qvel[:, address.object_vel].copy(),
            is_diverged=self._is_diverged.copy(),
        )

    def contact_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.contact_links`; contacts of the last physics step."""
        return self._contacts_now().links_on(OBJECT_PART)

    def table_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.table_links`; contacts of the last physics step."""
        return self._contacts_now().links_on(TABLE_PART)

    def _contacts_now(self) -> Contacts:
        """Gathered once after each step."""
        if self._contacts is None:
            self._contacts = Contacts.gather(self._data, self._addresses.part_of_geom, len(self.hand.links))
        return self._contacts

    def initial_penetration(self, worlds: Given) -> Array:
        """See `PhysicsBackend.initial_penetration`."""
        rows = check_worlds(worlds, self._num_worlds)
        self._check_filled(rows)
        links = self._addresses.link_bodies
        return np.array([hand_penetration(self._models[world], self._data[world], links) for world in rows])

    def _with_coupled(self, joint_pos: Array) -> Array:
        """The actuated joints (E, J) and those that follow from them (E, J + C), in the order of the actuators."""
        return np.concatenate([joint_pos, self.hand.coupled_from_actuated(joint_pos)], axis=1)
