"""MJWarp's model and data of E worlds, their state as torch tensors over the same memory, and their steps.

Nothing here knows of targets, contracts or a user's input.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.mjwarp.library import load_mujoco_warp, load_warp
from envs.physics.mjwarp.mesh_pool import MeshPool
from envs.physics.mjwarp.room import WarpRoom
from envs.physics.mjwarp.world_fields import FIELDS, WorldFields, num_rows
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import OBJECT_BODY, world_spec

_TETRAHEDRON = 0.01 * np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])

_OFF_CENTRE = [1e-4, 1e-4, 1e-4]
"""Metres from the body's origin to the centre of mass of what stands in for objects. Where the two are one and the
axes are the principal ones, MuJoCo keeps only the diagonal of the mass matrix, for every object to come."""


def widest_model(hand: Hand, example: GraspObject, settings: PhysicsSettings, max_pieces: int) -> mujoco.MjModel:
    """A world whose object has the most pieces; what the objects to come differ in is written over it.

    Raises:
        RuntimeError: MuJoCo keeps only the diagonal of the object's mass matrix.
    """
    spec = world_spec(hand, replace(example, pieces=(_TETRAHEDRON,) * max_pieces), settings)
    spec.body(OBJECT_BODY).ipos = _OFF_CENTRE
    model = spec.compile()
    if model.body_simple[model.body(OBJECT_BODY).id]:
        raise RuntimeError(
            f"MuJoCo {mujoco.__version__} takes a body off its centre for a simple one; install a release that "
            "setup.cfg allows"
        )
    return model


class WarpEngine:
    """E worlds of MJWarp on a device.

    On a CUDA device the physics steps of a control step are captured as one CUDA graph after they ran once, which
    compiles and loads every kernel. Tensors and steps are on torch's current stream.

    Args:
        base: `widest_model`.
        num_worlds: E.
        room: sizes of arrays.
        device: where everything lives.

    Attributes:
        qpos, qvel, warmstart, ctrl: (E, ...) float32, MJWarp's own memory.
        force_w: force on the object, N (E, 3), world frame; MJWarp's own memory.
        overflow: bits of what had no room, since they were last set to 0 (E,).
        fields: which object each world holds.
        meshes: pieces of objects.
    """

    def __init__(self, base: mujoco.MjModel, num_worlds: int, room: WarpRoom, device: torch.device) -> None:
        self._mjw, self._warp = load_mujoco_warp(), load_warp()
        self.device = device
        rows = num_rows(num_worlds)
        pairs, hull_pairs = room.all_pairs(num_worlds), room.all_hull_pairs(num_worlds)
        with self._warp.ScopedDevice(str(device)):
            self.model = self._mjw.put_model(base, batch_sizes=dict.fromkeys(FIELDS, rows))
            self.model.opt.warn_overflow = 0  # it prints from kernels; the bits are looked at instead
            self.data = self._mjw.make_data(
                base, nworld=num_worlds, naconmax=pairs, naccdmax=hull_pairs, njmax=room.rows
            )
        self.fields = WorldFields(self.model, base)
        self.meshes = MeshPool(self.model, base, self.fields.first_mesh, num_worlds * room.max_pieces, device)
        data, view = self.data, self._warp.to_torch
        self.qpos, self.qvel, self.warmstart, self.ctrl = (
            view(array) for array in (data.qpos, data.qvel, data.qacc_warmstart, data.ctrl)
        )
        self.force_w: Tensor = view(data.xfrc_applied)[:, self.fields.body, :3]
        self.overflow: Tensor = view(data.overflow)
        self._contact_arrays = [view(array) for array in (data.contact.geom, data.contact.worldid, data.contact.dist)]
        self._num_contacts: Tensor = view(data.nacon)
        self._num_pairs: Tensor = view(data.ncollision)
        self._graphs: dict[int, Any] = {}
        self._has_run = False

    def contacts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of the last step: geoms (C, 2), world, distance, m, and which of the C entries are contacts (C,) bool."""
        geoms, world, distance = self._contact_arrays
        return geoms, world, distance, torch.arange(len(world), device=self.device) < self._num_contacts

    def ran_out_of_pairs(self) -> Tensor:
        """Whether the last search found more pairs or contacts than all worlds share room for, (1,) bool.

        Only a step says so by `overflow`, `find_contacts` does not.
        """
        return torch.maximum(self._num_contacts, self._num_pairs) > len(self._contact_arrays[1])

    def hold(
        self, worlds: Tensor, models: Sequence[mujoco.MjModel], keys: Sequence[str], given_back: Sequence[str]
    ) -> None:
        """Put the objects of K compiled models into K worlds, which let the objects of these keys go.

        Raises:
            ValueError: see `MeshPool.exchange`; nothing has changed then.
        """
        meshes = self.meshes.exchange(given_back, list(zip(keys, models, strict=True)))
        self.fields.write(worlds, models, meshes)

    def advance(self, num_steps: int) -> None:
        """So many physics steps of all worlds."""
        if self.device.type == "cuda" and self._has_run:
            self._launch(num_steps)
        else:
            self._run(lambda: self._steps(num_steps))
            self._has_run = True

    def find_contacts(self) -> None:
        """Contacts where things stand now; the state stays."""

        def find() -> None:
            self._mjw.kinematics(self.model, self.data)
            self._mjw.collision(self.model, self.data)

        self._run(find)

    def _steps(self, num_steps: int) -> None:
        for _ in range(num_steps):
            self._mjw.step(self.model, self.data)

    def _run(self, launches: Callable[[], None]) -> None:
        with self._warp.ScopedDevice(str(self.device)), self._on_torchs_stream():
            launches()

    @contextmanager
    def _on_torchs_stream(self) -> Iterator[None]:
        if self.device.type != "cuda":
            yield
            return
        with self._warp.ScopedStream(self._torchs_stream(), sync_enter=False):
            yield

    def _torchs_stream(self) -> Any:
        return self._warp.stream_from_torch(torch.cuda.current_stream(self.device))

    def _launch(self, num_steps: int) -> None:
        """As a CUDA graph, captured at the first use: hundreds of kernels become one launch."""
        if num_steps not in self._graphs:
            # captured on Warp's own stream: the default one, which torch uses, cannot be
            with self._warp.ScopedCapture(device=str(self.device)) as capture:
                self._steps(num_steps)
            self._graphs[num_steps] = capture.graph
        self._warp.capture_launch(self._graphs[num_steps], stream=self._torchs_stream())
