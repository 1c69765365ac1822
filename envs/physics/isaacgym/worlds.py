"""Worlds of Isaac Gym in this process: what they hold, what they are told, and what the worker says of them."""

import logging
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, Given, PhysicsState
from envs.physics.checks import check_active, check_finite, check_poses, check_reset, check_worlds
from envs.physics.contacts import hand_penetration
from envs.physics.divergence import is_sound
from envs.physics.isaacgym.assets import AssetFile, AssetFiles
from envs.physics.isaacgym.base_joints import BASE_JOINTS, base_from_pose, pose_from_base
from envs.physics.isaacgym.options import IsaacGymOptions
from envs.physics.isaacgym.plan import simulation_plan
from envs.physics.isaacgym.process import WorkerProcess
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import ModelAddresses

_LOG = logging.getLogger(__name__)

_BASE = len(BASE_JOINTS)


class IsaacGymPhysics:
    """E worlds that a worker process simulates; made by `envs.physics.isaacgym.factory.IsaacGym`.

    Isaac Gym fixes the actors of a simulation. When worlds get other objects, all are built anew at the next step, the
    others going on from where they were; so a reset of all worlds costs one building, and resets of one world after
    another one each.

    Args:
        hand: the hand in all of them.
        num_worlds: number of worlds E.
        settings: physical constants.
        worker: simulates; nobody else may use it.
        options: how.
        assets: files that it loads.
        cache: models of MuJoCo, in which overlaps of a start are looked up; of the same hand and settings.
    """

    def __init__(
        self,
        hand: Hand,
        num_worlds: int,
        settings: PhysicsSettings,
        worker: WorkerProcess,
        *,
        options: IsaacGymOptions,
        assets: AssetFiles,
        cache: ModelCache,
    ) -> None:
        self.hand = hand
        self.settings = settings
        self.num_diverged = 0
        self._num_worlds = num_worlds
        self._worker, self._options, self._assets, self._cache = worker, options, assets, cache
        self._hand_file = assets.of_hand(hand, settings)
        joints, links = _BASE + len(hand.all_joints), len(hand.links)
        self._shared = worker.share(
            {
                "root": (np.float32, (num_worlds, 13)),
                "dof": (np.float32, (num_worlds, joints, 2)),
                "target_start": (np.float32, (num_worlds, joints)),
                "target_end": (np.float32, (num_worlds, joints)),
                "force": (np.float32, (num_worlds, 3)),
                "is_given": (np.bool_, (num_worlds,)),
                "is_active": (np.bool_, (num_worlds,)),
                "object_links": (np.bool_, (num_worlds, links)),
                "table_links": (np.bool_, (num_worlds, links)),
            }
        )
        self._objects: list[GraspObject | None] = [None] * num_worlds
        self._files: list[AssetFile | None] = [None] * num_worlds
        self._is_built = False
        nowhere = np.tile(np.array([0, 0, 1, 1, 0, 0, 0], dtype=np.float64), (num_worlds, 1))
        self._wrist_w, self._object_w, self._wrist_target_w = nowhere.copy(), nowhere.copy(), nowhere.copy()
        self._fingers = self._with_coupled(np.zeros((num_worlds, hand.num_joints)))
        self._finger_target = self._fingers.copy()
        self._velocity = np.zeros((num_worlds, 6))
        self._is_diverged = np.zeros(num_worlds, dtype=bool)

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
        files = [self._assets.of_object(thing) for thing in objects]
        rows = start.rows
        for world, thing, file in zip(rows, objects, files, strict=True):
            self._is_built &= self._files[world] == file
            self._objects[world], self._files[world] = thing, file
        self._wrist_w[rows] = self._wrist_target_w[rows] = start.wrist_pose_w
        self._object_w[rows] = start.object_pose_w
        self._fingers[rows] = self._finger_target[rows] = self._with_coupled(start.joint_pos)
        self._velocity[rows] = 0.0
        self._is_diverged[rows] = False
        shared = self._shared
        shared["root"][rows, :3] = start.object_pose_w[:, :3]
        shared["root"][rows, 3:7] = np.roll(start.object_pose_w[:, 3:], -1, axis=1)  # wxyz to xyzw
        shared["root"][rows, 7:] = 0.0
        shared["dof"][rows, :_BASE, 0] = base_from_pose(start.wrist_pose_w, np.zeros((len(rows), _BASE)))
        shared["dof"][rows, _BASE:, 0] = self._fingers[rows]
        shared["dof"][rows, :, 1] = 0.0
        shared["force"][rows] = 0.0
        shared["is_given"][rows] = True
        shared["object_links"][rows] = shared["table_links"][rows] = False

    def set_joint_targets(self, joint_target: Given) -> None:
        """See `PhysicsBackend.set_joint_targets`; targets beyond the limits are clamped."""
        target = check_finite("joint_target", joint_target, (self._num_worlds, self.hand.num_joints))
        self._finger_target = self._with_coupled(self.hand.clamp(target))

    def set_wrist_targets(self, wrist_pose_w: Given) -> None:
        """See `PhysicsBackend.set_wrist_targets`."""
        self._wrist_target_w = check_poses("wrist_pose_w", wrist_pose_w, self._num_worlds)

    def set_side_acceleration(self, acceleration_w: Given) -> None:
        """See `PhysicsBackend.set_side_acceleration`."""
        field_w = check_finite("acceleration_w", acceleration_w, (self._num_worlds, 3))
        mass = np.array([0.0 if thing is None else thing.mass for thing in self._objects])
        self._shared["force"][:] = mass[:, None] * field_w

    def step(self, active: Given | None = None) -> None:
        """See `PhysicsBackend.step`.

        Raises:
            IsaacGymError: the worker died, failed or took too long.
        """
        rows = check_active(active, self._is_diverged)
        self._check_filled(rows)
        if len(rows) == 0:
            return
        if not self._is_built:
            self._build()
        shared = self._shared
        before = {name: shared[name][rows].copy() for name in ("root", "dof")}
        self._write_targets(rows)
        shared["is_active"][:] = False
        shared["is_active"][rows] = True
        self._worker.call("step", steps=self.settings.steps_per_control)
        self._read(rows, before)

    def _build(self) -> None:
        filled = {world: file for world, file in enumerate(self._files) if file is not None}
        plan = simulation_plan(self.hand, self.settings, self._options, self._hand_file, filled)
        self._worker.call("build", **plan)
        self._is_built = True

    def _write_targets(self, rows: NDArray[np.int64]) -> None:
        """The base goes straight from where it is to its target; fingers pull at most max_target_gap ahead."""
        present = self._shared["dof"][:, :, 0].astype(np.float64)
        gap = self.settings.max_target_gap
        start, end = present.copy(), present.copy()
        end[rows, :_BASE] = base_from_pose(self._wrist_target_w[rows], present[rows, :_BASE])
        fingers = present[rows, _BASE:]
        pulled = fingers + np.clip(self._finger_target[rows] - fingers, -gap, gap)
        start[rows, _BASE:] = end[rows, _BASE:] = pulled
        self._shared["target_start"][:], self._shared["target_end"][:] = start, end

    def _read(self, rows: NDArray[np.int64], before: dict[str, NDArray[Any]]) -> None:
        """Take over what the worker says of worlds that moved; those that broke down stay where they were."""
        root = self._shared["root"][rows].astype(np.float64)
        joints = self._shared["dof"][rows, :, 0].astype(np.float64)
        sound = np.isfinite(root).all(axis=1) & np.isfinite(self._shared["dof"][rows]).all(axis=(1, 2))
        sound &= (root[:, 3:7] ** 2).sum(axis=1) > 0.25  # a quaternion at all
        root[~sound, 3:7] = (0.0, 0.0, 0.0, 1.0)
        wrist_w = pose_from_base(np.where(sound[:, None], joints[:, :_BASE], 0.0), self._wrist_w[rows])
        turn = Rotation.from_quat(root[:, 3:7])
        quat = turn.as_quat(scalar_first=True)
        quat *= np.where((quat * self._object_w[rows, 3:]).sum(axis=1) < 0.0, -1.0, 1.0)[:, None]
        object_w = np.concatenate([root[:, :3], quat], axis=1)
        velocity = np.concatenate([root[:, 7:10], turn.inv().apply(root[:, 10:])], axis=1)
        sound &= is_sound(object_w, velocity, wrist_w, self.settings)
        moved = rows[sound]
        self._wrist_w[moved], self._object_w[moved] = wrist_w[sound], object_w[sound]
        self._velocity[moved], self._fingers[moved] = velocity[sound], joints[sound, _BASE:]
        if not sound.all():
            self._stop(rows[~sound], {name: values[~sound] for name, values in before.items()})

    def _stop(self, rows: NDArray[np.int64], before: dict[str, NDArray[Any]]) -> None:
        """Mark worlds that broke down, and put them back to where they stood."""
        for world in rows:
            thing = self._objects[world]
            name = "" if thing is None else thing.name
            _LOG.warning("world %d diverged (object %s); it ends as a failure", world, name)
        self.num_diverged += len(rows)
        self._is_diverged[rows] = True
        self._velocity[rows] = 0.0
        self._shared["root"][rows], self._shared["dof"][rows] = before["root"], before["dof"]
        self._shared["root"][rows, 7:] = self._shared["dof"][rows, :, 1] = 0.0
        self._shared["is_given"][rows] = True

    def state(self) -> PhysicsState:
        """See `PhysicsBackend.state`."""
        if not any(self._objects):
            raise RuntimeError("physics holds no objects yet; call reset before anything else")
        return PhysicsState(
            joint_pos=self._fingers[:, : self.hand.num_joints].copy(),
            coupled_pos=self._fingers[:, self.hand.num_joints :].copy(),
            wrist_pose_w=self._wrist_w.copy(),
            object_pose_w=self._object_w.copy(),
            object_velocity=self._velocity.copy(),
            is_diverged=self._is_diverged.copy(),
        )

    def contact_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.contact_links`; contacts of the last physics step."""
        return self._shared["object_links"].copy()

    def table_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.table_links`; contacts of the last physics step."""
        return self._shared["table_links"].copy()

    def initial_penetration(self, worlds: Given) -> Array:
        """See `PhysicsBackend.initial_penetration`.

        Looked up in MuJoCo, which has the same shapes: Isaac Gym knows contacts only after a step.
        """
        rows = check_worlds(worlds, self._num_worlds)
        self._check_filled(rows)
        return np.array([self._penetration(world) for world in rows])

    def _penetration(self, world: int) -> float:
        thing = self._objects[world]
        if thing is None:
            return 0.0
        model = self._cache.get(thing)
        data, address = mujoco.MjData(model), ModelAddresses(self.hand, model)
        data.qpos[address.base_pos] = self._wrist_w[world]
        data.qpos[address.object_pos] = self._object_w[world]
        data.qpos[address.finger_pos] = self._fingers[world]
        return hand_penetration(model, data, address.link_bodies)

    def _check_filled(self, rows: NDArray[np.int64]) -> None:
        empty = [int(world) for world in rows if self._files[world] is None]
        if empty:
            raise RuntimeError(f"world {empty[0]} holds no object yet; reset it, or leave it out")

    def _with_coupled(self, joint_pos: Array) -> Array:
        """The actuated joints (K, J) and those that follow from them (K, J + C), in the order of the joints."""
        return np.concatenate([joint_pos, self.hand.coupled_from_actuated(joint_pos)], axis=1)
