"""What differs between worlds with different objects: the fields of MJWarp's model that get a row a world."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.physics.mjwarp.library import load_warp
from envs.physics.world_model import OBJECT_BODY, OBJECT_JOINT

OF_GEOMS = ("geom_size", "geom_aabb", "geom_rbound", "geom_pos", "geom_quat")
"""Taken from the pieces of an object."""

OF_BODIES = ("body_mass", "body_subtreemass", "body_inertia", "body_invweight0", "body_ipos", "body_iquat")
"""Taken from the object's body."""

OF_DOFS = ("dof_invweight0",)
"""Taken from its free joint."""

FIELDS = ("geom_dataid", *OF_GEOMS, *OF_BODIES, *OF_DOFS)


def num_rows(num_worlds: int) -> int:
    """Rows of each field: a power of two, at least 8 and enough for all worlds (E).

    MJWarp takes row ``world % rows``, with the number of rows compiled into its kernels: rounded up, few numbers of
    worlds make it compile anew. One row alone would stand for all worlds, and absent meshes would not be looked for.
    """
    return max(8, 1 << (num_worlds - 1).bit_length())


class WorldFields:
    """Rows of MJWarp's model that say which object each world holds.

    Args:
        model: MJWarp's model, made with `num_rows` rows of every field of `FIELDS`.
        base: the model that it was made from, in which the object has the most pieces.

    Attributes:
        body: number of the object's body, in every model.
        first_geom, first_mesh: numbers of its first geom and mesh, in every compiled model; those before are the hand's
            and the table's.
        max_pieces: most pieces of an object.
    """

    def __init__(self, model: Any, base: mujoco.MjModel) -> None:
        warp = load_warp()
        self.body = base.body(OBJECT_BODY).id
        self.first_geom = int(base.body_geomadr[self.body])
        self.max_pieces = int(base.body_geomnum[self.body])
        self.first_mesh = int(base.geom_dataid[self.first_geom :].min())
        self._dofs = slice(int(base.joint(OBJECT_JOINT).dofadr[0]), base.nv)
        self._views: dict[str, Tensor] = {name: warp.to_torch(getattr(model, name)) for name in FIELDS}
        self._views["geom_dataid"][:, self.first_geom :] = -1  # no world holds anything yet
        self._hand_mass = float(base.body_subtreemass[0] - base.body_mass[self.body])

    @property
    def mass(self) -> Tensor:
        """Mass of the object of each world, kg (rows,)."""
        return self._views["body_mass"][:, self.body]

    def write(self, rows: Tensor, models: Sequence[mujoco.MjModel], meshes: Sequence[tuple[int, ...]]) -> None:
        """Put the objects of K compiled models, whose meshes have these numbers on the device, into K rows."""
        geoms = slice(self.first_geom, self.first_geom + self.max_pieces)
        dataid = np.full((len(models), self.max_pieces), -1, dtype=np.int32)
        for row, (model, numbers) in enumerate(zip(models, meshes, strict=True)):
            pieces = model.geom_dataid[self.first_geom :] - self.first_mesh
            dataid[row, : len(pieces)] = np.asarray(numbers)[pieces]
        self._set("geom_dataid", rows, geoms, dataid)
        for name in OF_GEOMS:
            self._set(name, rows, geoms, np.stack([self._padded(getattr(model, name), name) for model in models]))
        for name in OF_BODIES:
            self._set(name, rows, self.body, np.stack([getattr(model, name)[self.body] for model in models]))
        for name in OF_DOFS:
            self._set(name, rows, self._dofs, np.stack([getattr(model, name)[self._dofs] for model in models]))
        whole = np.array([self._hand_mass + model.body_mass[self.body] for model in models])
        self._set("body_subtreemass", rows, 0, whole)

    def _padded(self, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        """Values of an object's geoms; those of absent ones are 0, and turned by nothing."""
        pieces = values[self.first_geom :]
        found = np.zeros((self.max_pieces, *values.shape[1:]))
        found[len(pieces) :] = [1.0, 0.0, 0.0, 0.0] if name == "geom_quat" else 0.0
        found[: len(pieces)] = pieces
        return found

    def _set(self, name: str, rows: Tensor, columns: slice | int, values: NDArray[Any]) -> None:
        view = self._views[name]
        target = view[rows, columns]
        view[rows, columns] = torch.as_tensor(values).to(target).reshape(target.shape)
