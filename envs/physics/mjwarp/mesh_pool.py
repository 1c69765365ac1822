"""Convex pieces of many objects on the device, in slots of one size, so that new objects need no new arrays.

MJWarp finds a mesh by its number; each world says by `geom_dataid` which meshes its object is made of. The number of
meshes is fixed when a model is put on the device. Here a model gets room for as many as its worlds can hold at once,
behind the meshes that the hand itself collides with, which stay where they are; a reset with other objects writes their
pieces into slots that nobody uses. Addresses of arrays never change, so that a captured CUDA graph stays valid.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.physics.mjwarp.library import load_warp

VERTICES = 64
"""Most vertices of a piece (`GraspObject.pieces`)."""

POLYGONS = 2 * VERTICES - 4
"""Most faces of a convex polyhedron with so many vertices (Euler)."""

CORNERS = 6 * VERTICES - 12
"""Most corners of all faces together: two for each of at most 3 V - 6 edges."""

GRAPH = 2 + 3 * VERTICES + 6 * POLYGONS
"""Numbers of MuJoCo's graph of a hull: counts, two rows of vertices, edges of vertices and faces, faces."""

ROOM = {
    "mesh_vert": VERTICES,
    "mesh_polymapadr": VERTICES,
    "mesh_polymapnum": VERTICES,
    "mesh_polynormal": POLYGONS,
    "mesh_polyvertadr": POLYGONS,
    "mesh_polyvertnum": POLYGONS,
    "mesh_polyvert": CORNERS,
    "mesh_polymap": CORNERS,
    "mesh_graph": GRAPH,
}
"""Entries of a slot in each array of MJWarp's model that holds all meshes one after another."""

ADDRESSES = {"mesh_vertadr": "mesh_vert", "mesh_polyadr": "mesh_polynormal", "mesh_graphadr": "mesh_graph"}
"""Arrays of where each mesh begins, and in which others: there slots follow one another behind the hand's meshes."""

COUNTS = ("mesh_vertnum", "mesh_polynum")

_INTO_CORNERS = {"mesh_polyvertadr": "mesh_polyvert", "mesh_polymapadr": "mesh_polymap"}
"""Arrays of addresses in others, of which a slot has as many entries as a piece has corners."""

SLOT_BYTES = 4 * (sum(ROOM.values()) + 2 * VERTICES + 2 * POLYGONS + len(ADDRESSES) + len(COUNTS))
"""Bytes of a slot: 4 each, and vectors have three."""


def packed(model: mujoco.MjModel, mesh: int) -> dict[str, NDArray[Any]]:
    """A mesh of a compiled model as one row for each array of `ROOM`, padded by zeros, addresses from its own start.

    Raises:
        ValueError: more vertices than a slot has room for.
    """
    vertex, num_vertices = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    polygon, num_polygons = int(model.mesh_polyadr[mesh]), int(model.mesh_polynum[mesh])
    if num_vertices > VERTICES:
        raise ValueError(f"a convex piece has {num_vertices} vertices, at most {VERTICES} are allowed; coarsen it")
    vertices, polygons = slice(vertex, vertex + num_vertices), slice(polygon, polygon + num_polygons)
    corners = {}
    for values, address, count in (
        ("mesh_polyvert", model.mesh_polyvertadr[polygons], model.mesh_polyvertnum[polygons]),
        ("mesh_polymap", model.mesh_polymapadr[vertices], model.mesh_polymapnum[vertices]),
    ):
        first = int(address[0])
        corners[values] = getattr(model, values)[first : first + int(count.sum())]
    graph = int(model.mesh_graphadr[mesh])
    num_graph_vertices, num_faces = model.mesh_graph[graph : graph + 2]
    given = {
        "mesh_vert": model.mesh_vert[vertices],
        "mesh_polymapadr": model.mesh_polymapadr[vertices] - model.mesh_polymapadr[vertex],
        "mesh_polymapnum": model.mesh_polymapnum[vertices],
        "mesh_polynormal": model.mesh_polynormal[polygons],
        "mesh_polyvertadr": model.mesh_polyvertadr[polygons] - model.mesh_polyvertadr[polygon],
        "mesh_polyvertnum": model.mesh_polyvertnum[polygons],
        "mesh_graph": model.mesh_graph[graph : graph + 2 + 3 * num_graph_vertices + 6 * num_faces],
        **corners,
    }
    rows = {}
    for name, room in ROOM.items():
        values = given[name]
        rows[name] = np.zeros((room, *values.shape[1:]), dtype=values.dtype)
        rows[name][: len(values)] = values
    return rows


def starts(model: mujoco.MjModel, mesh: int) -> dict[str, int]:
    """Where a mesh of a compiled model begins in each array of `ROOM`; all meshes before it lie before that."""
    vertex, polygon = int(model.mesh_vertadr[mesh]), int(model.mesh_polyadr[mesh])
    return {
        **dict.fromkeys(("mesh_vert", "mesh_polymapadr", "mesh_polymapnum"), vertex),
        **dict.fromkeys(("mesh_polynormal", "mesh_polyvertadr", "mesh_polyvertnum"), polygon),
        "mesh_polyvert": int(model.mesh_polyvertadr[polygon]),
        "mesh_polymap": int(model.mesh_polymapadr[vertex]),
        "mesh_graph": int(model.mesh_graphadr[mesh]),
    }


Meshes = list[tuple[mujoco.MjModel, int]]
"""Meshes of compiled models, by their numbers there."""


class MeshPool:
    """Slots for pieces of objects in a model of MJWarp, shared by the worlds that hold the same object.

    Args:
        model: MJWarp's model; its arrays of meshes are replaced.
        base: the model that it was made from.
        first_mesh: number of the first mesh of an object there, and in every model that is held; those before it are
            the hand's own.
        num_slots: most pieces that worlds hold at once.
        device: where the model is.

    Attributes:
        num_written: objects written to the device so far.
    """

    def __init__(self, model: Any, base: mujoco.MjModel, first_mesh: int, num_slots: int, device: torch.device) -> None:
        warp = load_warp()
        self.num_written = 0
        self._first_mesh = first_mesh
        self._starts = starts(base, first_mesh)
        self._views: dict[str, Tensor] = {}
        with warp.ScopedDevice(str(device)):
            for name, room in ROOM.items():
                array = _behind(getattr(model, name), self._starts[name], num_slots * room)
                setattr(model, name, array)
                self._views[name] = warp.to_torch(array)[self._starts[name] :].unflatten(0, (num_slots, room))
            for name, of in ADDRESSES.items():
                own = getattr(base, name)[:first_mesh]
                addresses = self._starts[of] + np.arange(num_slots) * ROOM[of]
                setattr(model, name, warp.array(np.concatenate([own, addresses]).astype(np.int32), dtype=int))
            for name in COUNTS:
                array = _behind(getattr(model, name), first_mesh, num_slots)
                setattr(model, name, array)
                self._views[name] = warp.to_torch(array)[first_mesh:]
        self._slots: dict[str, tuple[int, ...]] = {}  # the object that was let go longest ago comes first
        self._holders: Counter[str] = Counter()
        self._num_slots = num_slots
        self._free = list(range(num_slots))

    def exchange(
        self, given_back: Sequence[str], wanted: Sequence[tuple[str, mujoco.MjModel]]
    ) -> list[tuple[int, ...]]:
        """Numbers of the meshes of each wanted object, in their order, for worlds that let other objects go.

        Args:
            given_back: keys of the objects that these worlds held, once each world.
            wanted: keys and compiled models of what they hold from now on; only objects that are not there are written.

        Raises:
            ValueError: a piece has more vertices than a slot has room for, or there are too few slots; nothing has
                changed then.
        """
        new = {key: model for key, model in wanted if key not in self._slots}
        meshes: dict[str, Meshes] = {
            key: [(model, mesh) for mesh in range(self._first_mesh, model.nmesh)] for key, model in new.items()
        }
        rows = [packed(*each) for of_object in meshes.values() for each in of_object]
        holders = self._holders.copy()
        holders.subtract(given_back)
        holders.update(key for key, _ in wanted)
        self._check_room(len(rows), holders)
        self._holders = holders
        for key in given_back:
            self._slots[key] = self._slots.pop(key)  # to the end of the order
        slots: list[int] = []
        for key, of_object in meshes.items():
            self._slots[key] = self._take(len(of_object))
            slots.extend(self._slots[key])
        if rows:
            self._write(slots, rows, [each for of_object in meshes.values() for each in of_object])
            self.num_written += len(new)
        return [tuple(self._first_mesh + slot for slot in self._slots[key]) for key, _ in wanted]

    def _check_room(self, count: int, holders: Mapping[str, int]) -> None:
        """ValueError where so many slots are not free, nor of objects that no world holds."""
        idle = sum(len(slots) for key, slots in self._slots.items() if not holders[key])
        if count > len(self._free) + idle:
            raise ValueError(
                f"{count} convex pieces are to be put into {len(self._free) + idle} places, all that worlds leave of "
                f"{self._num_slots}; raise room.max_pieces of the physics"
            )

    def _take(self, count: int) -> tuple[int, ...]:
        """So many free slots; objects that no world holds give theirs up for them."""
        idle = (key for key in list(self._slots) if not self._holders[key])
        while len(self._free) < count:
            key = next(idle)  # never empty: `_check_room`
            self._free.extend(self._slots.pop(key))
            del self._holders[key]
        taken = tuple(self._free[:count])
        del self._free[:count]
        return taken

    def _write(self, slots: list[int], rows: list[dict[str, NDArray[Any]]], meshes: Meshes) -> None:
        index = torch.tensor(slots, device=self._views["mesh_vert"].device)
        for name in ROOM:
            values = np.stack([row[name] for row in rows])
            if name in _INTO_CORNERS:
                into = self._starts[_INTO_CORNERS[name]]
                values = values + (into + np.array(slots, dtype=np.int32)[:, None] * CORNERS)
            self._views[name][index] = torch.as_tensor(values).to(self._views[name])
        for name in COUNTS:
            values = np.array([getattr(model, name)[mesh] for model, mesh in meshes])
            self._views[name][index] = torch.as_tensor(values).to(self._views[name])


def _behind(kept: Any, count: int, room: int) -> Any:
    """A new array of Warp, the first entries of another and then zeros; on the present device."""
    warp = load_warp()
    array = warp.zeros(count + room, dtype=kept.dtype)
    if count:  # of none Warp would copy all
        warp.copy(array, kept, count=count)
    return array
