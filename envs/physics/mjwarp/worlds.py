"""Worlds of MJWarp, whose state, commands and verdicts stay on the device; made by `MujocoWarp`."""

import logging
from collections.abc import Sequence
from typing import Any, cast

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, Given, PhysicsState, to_host
from envs.physics.checks import check_active_shape, check_reset, check_worlds
from envs.physics.divergence import is_sound
from envs.physics.mjwarp.commands import Fingers, base_velocities, controls, finite_on, poses_on
from envs.physics.mjwarp.engine import WarpEngine, widest_model
from envs.physics.mjwarp.library import load_mujoco_warp
from envs.physics.mjwarp.room import WarpRoom
from envs.physics.mjwarp.touching import WarpContacts, part_of_geoms
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import OBJECT_PART, TABLE_PART, ModelAddresses

_LOG = logging.getLogger(__name__)


class WarpPhysics:
    """E worlds of MJWarp with different objects in one model.

    All worlds are stepped together; those that are to stand still are put back afterwards. On a device the host waits
    only for the bit that says whether a command is finite, and where it asks for numbers itself (`num_diverged`,
    `PhysicsState.host`, a reset).

    Args:
        hand: the hand in all of them.
        num_worlds: number of worlds E.
        device: where they live.
        cache: compiled models of objects, of the same hand, and with it the physical constants.
        room: sizes of MJWarp's arrays.

    Raises:
        ValueError: less than one world.
        PhysicsUnavailableError: MJWarp is not installed.
    """

    def __init__(self, hand: Hand, num_worlds: int, device: torch.device, cache: ModelCache, room: WarpRoom) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
        self.hand = hand
        self.settings: PhysicsSettings = cache.settings
        self.cache = cache
        self.room = room
        self.device = device
        mjw = load_mujoco_warp()
        kinds = mjw.OverflowType
        self._lost = int(
            kinds.NEFC | kinds.NJMAX_NNZ | kinds.BROADPHASE | kinds.NARROWPHASE | kinds.CCD | kinds.EPA_HORIZON
        )
        self._of_pairs = int(kinds.BROADPHASE | kinds.NARROWPHASE)
        self._had_no_room = torch.zeros((), dtype=torch.bool, device=device)
        self._has_warned = False
        self._num_worlds = num_worlds
        self._keys = [""] * num_worlds  # of the objects that they hold
        self._fingers = Fingers(hand, device)
        self._is_diverged = torch.zeros(num_worlds, dtype=torch.bool, device=device)
        self._num_diverged = torch.zeros((), dtype=torch.long, device=device)
        self._touching = {
            part: torch.zeros(num_worlds, len(hand.links), dtype=torch.bool, device=device)
            for part in (OBJECT_PART, TABLE_PART)
        }
        start_w = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64, device=device)
        self._wrist_target_w = start_w.repeat(num_worlds, 1)
        self._finger_target = self._fingers.clamped(torch.zeros(num_worlds, hand.num_joints, device=device))
        self._side_force_w = torch.zeros(num_worlds, 3, device=device)
        self._engine: WarpEngine | None = None

    @property
    def num_worlds(self) -> int:
        """Number of worlds E."""
        return self._num_worlds

    @property
    def num_diverged(self) -> int:
        """See `PhysicsBackend.num_diverged`; waits for the device."""
        self._warn_of_room()
        return int(self._num_diverged)

    def _warn_of_room(self) -> None:
        """Say once that worlds diverged for want of room that all share; where the host waits for the device anyway."""
        if not self._has_warned and bool(self._had_no_room):
            self._has_warned = True
            _LOG.warning(
                "more met in %d worlds of MJWarp than they have room for together, and all that moved count as "
                "diverged, since it does not say which were crowded; raise room.pairs of the physics, now %d a world",
                self._num_worlds, self.room.pairs,
            )  # fmt: skip

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
        self._warn_of_room()
        rows, models = start.rows, [self._model(thing) for thing in objects]
        if len(rows) == 0:
            return
        engine, index = self._filled_engine(objects[0], models[0]), torch.as_tensor(rows, device=self.device)
        keys, given_back = (
            [thing.body_digest for thing in objects],
            [self._keys[row] for row in rows if self._keys[row]],
        )
        engine.hold(index, models, keys, given_back)
        for row, key in zip(rows, keys, strict=True):
            self._keys[row] = key
        object_w, wrist_w = (
            torch.as_tensor(pose).to(self.device) for pose in (start.object_pose_w, start.wrist_pose_w)
        )
        fingers = self._fingers.clamped(torch.as_tensor(start.joint_pos).float().to(self.device))
        self._put(engine, index, object_w, wrist_w, fingers)

    def _model(self, grasp_object: GraspObject) -> mujoco.MjModel:
        if len(grasp_object.pieces) > self.room.max_pieces:
            raise ValueError(
                f"object {grasp_object.name!r} cannot be simulated: it has {len(grasp_object.pieces)} convex pieces, "
                f"at most {self.room.max_pieces} fit; raise room.max_pieces of the physics, or decompose it into fewer"
            )
        return self.cache.get(grasp_object)

    def _filled_engine(self, example: GraspObject, model: mujoco.MjModel) -> WarpEngine:
        if self._engine is None:
            base = widest_model(self.hand, example, self.settings, self.room.max_pieces)
            self._engine = WarpEngine(base, self._num_worlds, self.room, self.device)
            self._addresses = ModelAddresses(self.hand, model)
            parts = torch.as_tensor(self._addresses.part_of_geom, device=self.device)
            self._part_of_geom = part_of_geoms(parts, base.ngeom)
            self._finger_columns = torch.as_tensor(self._addresses.finger_pos, device=self.device)
        return self._engine

    def _put(self, engine: WarpEngine, rows: Tensor, object_w: Tensor, wrist_w: Tensor, fingers: Tensor) -> None:
        address = self._addresses
        engine.qpos[rows, address.object_pos] = object_w.float()
        engine.qpos[rows, address.base_pos] = wrist_w.float()
        engine.qpos[rows[:, None], self._finger_columns] = fingers
        for values in (engine.qvel, engine.warmstart, self._side_force_w):
            values[rows] = 0.0
        self._finger_target[rows] = fingers
        self._wrist_target_w[rows] = wrist_w
        self._is_diverged[rows] = False
        for links in self._touching.values():
            links[rows] = False

    @property
    def _ready(self) -> WarpEngine:
        if self._engine is None:
            raise RuntimeError("physics holds no objects yet; call reset before anything else")
        return self._engine

    def set_joint_targets(self, joint_target: Given) -> None:
        """See `PhysicsBackend.set_joint_targets`; targets beyond the limits are clamped."""
        shape = (self._num_worlds, self.hand.num_joints)
        self._finger_target = self._fingers.clamped(finite_on(self.device, "joint_target", joint_target, shape))

    def set_wrist_targets(self, wrist_pose_w: Given) -> None:
        """See `PhysicsBackend.set_wrist_targets`."""
        self._wrist_target_w = poses_on(self.device, "wrist_pose_w", wrist_pose_w, self._num_worlds)

    def set_side_acceleration(self, acceleration_w: Given) -> None:
        """See `PhysicsBackend.set_side_acceleration`."""
        field_w = finite_on(self.device, "acceleration_w", acceleration_w, (self._num_worlds, 3))
        if self._engine is not None:  # nothing to be pulled otherwise
            self._side_force_w = self._engine.fields.mass[: self._num_worlds, None] * field_w

    def step(self, active: Given | None = None) -> None:
        """See `PhysicsBackend.step`; diverged worlds stand still."""
        engine, address = self._ready, self._addresses
        moving = self._moving(active)
        kept = [values.clone() for values in (engine.qpos, engine.qvel, engine.warmstart)]
        present = engine.qpos[:, self._finger_columns]
        pose_w = engine.qpos[:, address.base_pos]
        engine.ctrl.copy_(controls(present, self._finger_target, self.settings)[:, : engine.ctrl.shape[1]])
        engine.qvel[:, address.base_vel] = base_velocities(pose_w, self._wrist_target_w, self.settings)
        engine.force_w.copy_(self._side_force_w)
        engine.overflow.zero_()
        engine.advance(self.settings.steps_per_control)
        self._had_no_room |= ((engine.overflow & self._of_pairs) != 0).any()
        broken = moving & ~self._is_fine(engine)
        back = ~moving | broken
        for values, before in zip((engine.qpos, engine.qvel, engine.warmstart), kept, strict=True):
            values.copy_(torch.where(back[:, None], before, values))
        engine.qvel.masked_fill_(broken[:, None], 0.0)
        self._is_diverged |= broken
        self._num_diverged += broken.sum()
        contacts = self._contacts(engine)
        for part, links in self._touching.items():
            links.copy_(torch.where(moving[:, None], contacts.links_on(part), links))

    def _moving(self, active: Given | None) -> Tensor:
        if active is None:
            self._check_filled(range(self._num_worlds))
            return ~self._is_diverged
        check_active_shape(active, self._num_worlds)
        if "" in self._keys:
            self._check_filled(np.flatnonzero(to_host(active)))
        return torch.as_tensor(active, device=self.device) & ~self._is_diverged

    def _check_filled(self, rows: Sequence[int] | NDArray[np.int64]) -> None:
        empty = [int(row) for row in rows if not self._keys[row]]
        if empty:
            raise RuntimeError(f"world {empty[0]} holds no object yet; reset it, or leave it out")

    def _is_fine(self, engine: WarpEngine) -> Tensor:
        """Worlds (E,) bool with finite numbers, an object near and slow enough, and room for all that met."""
        address, qpos, qvel = self._addresses, engine.qpos, engine.qvel
        of_object: tuple[Any, Any, Any] = (
            qpos[:, address.object_pos], qvel[:, address.object_vel], qpos[:, address.base_pos],
        )  # fmt: skip
        sound = cast(Tensor, is_sound(*of_object, self.settings))
        return sound & torch.isfinite(qpos).all(dim=1) & torch.isfinite(qvel).all(dim=1) & ~self._has_lost(engine)

    def _has_lost(self, engine: WarpEngine) -> Tensor:
        """Worlds (E,) bool in which something that met had no room, since the bits were last set to 0.

        Where the room for pairs that all share was too small, MJWarp says so of all of them.
        """
        return (engine.overflow & self._lost) != 0

    def _contacts(self, engine: WarpEngine) -> WarpContacts:
        return WarpContacts.gather(engine.contacts(), self._part_of_geom, self._num_worlds, len(self.hand.links))

    def state(self) -> PhysicsState:
        """See `PhysicsBackend.state`; tensors on the device, float64 as the reference's: goals and poses meet them."""
        engine, address = self._ready, self._addresses
        fingers = engine.qpos[:, self._finger_columns].double()
        tensors: dict[str, Any] = {
            "joint_pos": fingers[:, : self.hand.num_joints],
            "coupled_pos": fingers[:, self.hand.num_joints :],
            "wrist_pose_w": engine.qpos[:, address.base_pos].double(),
            "object_pose_w": engine.qpos[:, address.object_pos].double(),
            "object_velocity": engine.qvel[:, address.object_vel].double(),
            "is_diverged": self._is_diverged.clone(),
        }
        return PhysicsState(**tensors)

    def contact_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.contact_links`; contacts of the last physics step, on the device."""
        return cast(NDArray[np.bool_], self._touching[OBJECT_PART].clone())

    def table_links(self) -> NDArray[np.bool_]:
        """See `PhysicsBackend.table_links`; contacts of the last physics step, on the device."""
        return cast(NDArray[np.bool_], self._touching[TABLE_PART].clone())

    def initial_penetration(self, worlds: Given) -> Array:
        """See `PhysicsBackend.initial_penetration`; on the device, infinite where not all that met had room."""
        rows = check_worlds(worlds, self._num_worlds)
        self._check_filled(rows)
        engine = self._ready
        engine.overflow.zero_()
        engine.find_contacts()
        is_unknown = self._has_lost(engine) | engine.ran_out_of_pairs()
        depth = self._contacts(engine).hand_depth().masked_fill(is_unknown, torch.inf)
        return cast(Array, depth[torch.as_tensor(rows, device=self.device)])
