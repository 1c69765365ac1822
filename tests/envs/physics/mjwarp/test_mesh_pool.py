"""Meshes in slots: what is written is what MuJoCo compiled, and slots are found again. No kernel runs here."""

from functools import cache
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from envs.hand.own_hand import read_hand
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import OBJECT_BODY, build_world_model
from tests.envs.hand.claw import write_claw

pytest.importorskip("mujoco_warp", reason="needs the extra mjwarp")

from envs.physics.mjwarp.engine import WarpEngine, widest_model
from envs.physics.mjwarp.mesh_pool import ADDRESSES, CORNERS, COUNTS, POLYGONS, ROOM, SLOT_BYTES, VERTICES, packed
from envs.physics.mjwarp.room import WarpRoom

HAND = shadow_hand()
CPU = torch.device("cpu")


@cache
def compiled(family: str) -> mujoco.MjModel:
    return build_world_model(HAND, make_object(family, 0), PhysicsSettings())


def engine(num_worlds: int, max_pieces: int) -> WarpEngine:
    base = widest_model(HAND, make_object("can", 0), PhysicsSettings(), max_pieces)
    return WarpEngine(base, num_worlds, WarpRoom(max_pieces=max_pieces), CPU)


def held(one: WarpEngine, worlds: list[int], families: list[str], given_back: list[str]) -> None:
    one.hold(torch.tensor(worlds), [compiled(name) for name in families], families, given_back)


def faces(model: object, mesh: int) -> list[np.ndarray]:
    """Corners of every face of a mesh, as points (n, 3), read as MJWarp reads them."""
    get = {
        name: np.asarray(value if isinstance(value, np.ndarray) else value.numpy())
        for name in ("mesh_vertadr", "mesh_polyadr", "mesh_polynum", "mesh_vert", "mesh_polyvert", "mesh_polyvertadr",
                     "mesh_polyvertnum")
        for value in [getattr(model, name)]
    }  # fmt: skip
    first = int(get["mesh_polyadr"][mesh])
    found = []
    for face in range(first, first + int(get["mesh_polynum"][mesh])):
        begin, count = int(get["mesh_polyvertadr"][face]), int(get["mesh_polyvertnum"][face])
        corners = get["mesh_polyvert"][begin : begin + count]
        found.append(get["mesh_vert"].reshape(-1, 3)[int(get["mesh_vertadr"][mesh]) + corners])
    return found


def test_every_face_of_every_piece_is_found_in_its_slot() -> None:
    one, mug = engine(2, 19), compiled("mug")
    held(one, [0, 1], ["can", "mug"], [])
    body = mug.body(OBJECT_BODY).id
    geoms = range(int(mug.body_geomadr[body]), mug.ngeom)
    slots = one.model.geom_dataid.numpy()[1]
    assert len(geoms) == 19
    assert len({int(slots[geom]) for geom in geoms}) == 19
    for geom in geoms:
        ours, theirs = faces(one.model, int(slots[geom])), faces(mug, int(mug.geom_dataid[geom]))
        assert len(ours) == len(theirs) > 3
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, other.astype(np.float32))


def test_a_vertex_finds_the_faces_around_it() -> None:
    model = compiled("mug")
    for mesh in range(model.nmesh):
        rows, first = packed(model, mesh), int(model.mesh_vertadr[mesh])
        ends = rows["mesh_polyvertadr"] + rows["mesh_polyvertnum"]
        corners = [
            set(rows["mesh_polyvert"][begin:end])
            for begin, end in zip(rows["mesh_polyvertadr"], ends, strict=True)
            if end > begin
        ]
        for vertex in range(int(model.mesh_vertnum[mesh])):
            begin, count = rows["mesh_polymapadr"][vertex], rows["mesh_polymapnum"][vertex]
            around = {face for face, of_face in enumerate(corners) if vertex in of_face}
            assert set(rows["mesh_polymap"][begin : begin + count]) == around
            assert model.mesh_polymapnum[first + vertex] == len(around)


def ball(num_vertices: int) -> mujoco.MjModel:
    """A model of one mesh, whose vertices lie on a ball."""
    points = np.random.default_rng(0).normal(size=(num_vertices, 3))
    spec = mujoco.MjSpec()
    spec.add_mesh(name="ball", uservert=(0.05 * points / np.linalg.norm(points, axis=1, keepdims=True)).ravel())
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="ball")
    return spec.compile()


def test_a_hull_of_the_most_vertices_fits_into_a_slot() -> None:
    model = ball(VERTICES)
    assert model.mesh_vertnum[0] == VERTICES
    # triangles but for a few that MuJoCo takes for one face: next to the bounds of Euler, and no further
    assert POLYGONS - 4 <= model.mesh_polynum[0] <= POLYGONS == len(packed(model, 0)["mesh_polynormal"])
    assert CORNERS - 8 <= model.mesh_polyvertnum.sum() <= CORNERS == len(packed(model, 0)["mesh_polymap"])
    assert model.nmeshgraph == len(packed(model, 0)["mesh_graph"])


def test_a_piece_of_too_many_vertices_is_refused() -> None:
    with pytest.raises(ValueError, match="has 65 vertices, at most 64 are allowed"):
        packed(ball(VERTICES + 1), 0)


def test_absent_pieces_have_no_mesh_and_masses_are_of_each_world() -> None:
    one = engine(3, 19)
    held(one, [0, 2], ["can", "mug"], [])
    dataid = one.model.geom_dataid.numpy()
    first = one.fields.first_geom
    np.testing.assert_array_equal((dataid[:3, first:] >= 0).sum(axis=1), [compiled("can").nmesh, 0, 19])
    masses = [compiled(name).body_mass[one.fields.body] for name in ("can", "mug")]
    np.testing.assert_allclose(one.fields.mass[[0, 2]].numpy(), masses, rtol=1e-6)


def test_many_objects_pass_through_few_slots_and_worlds_of_one_object_share_them() -> None:
    pool, families = engine(2, 4).meshes, ["can", "box", "ball", "egg", "cone"]
    pool.exchange([], [("can", compiled("can")), ("can", compiled("can"))])
    assert pool.num_written == 1
    given_back = ["can", "can"]
    for round_ in range(3):
        for name in families:
            slots = pool.exchange(given_back, [(name, compiled(name))] * 2)
            assert slots[0] == slots[1], round_
            given_back = [name, name]
    assert all(len(compiled(name).mesh_vertadr) <= 4 for name in families)


def test_what_a_world_holds_is_never_overwritten() -> None:
    one = engine(2, 4)
    held(one, [0, 1], ["can", "box"], [])
    before = faces(one.model, int(one.model.geom_dataid.numpy()[0, one.fields.first_geom]))
    given_back = "box"
    for name in ("ball", "egg", "cone", "box"):
        held(one, [1], [name], [given_back])
        given_back = name
    after = faces(one.model, int(one.model.geom_dataid.numpy()[0, one.fields.first_geom]))
    for mine, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_the_hands_own_meshes_stay_whatever_objects_come_and_go(tmp_path: Path) -> None:
    write_claw(tmp_path)
    claw = read_hand(tmp_path / "claw.yaml")
    base = widest_model(claw, make_object("can", 0), PhysicsSettings(), 19)
    one = WarpEngine(base, 1, WarpRoom(max_pieces=19), CPU)
    first = one.fields.first_geom
    own = sorted({int(mesh) for mesh in base.geom_dataid[:first] if mesh >= 0})
    assert own == list(range(one.fields.first_mesh))
    assert own  # the palm collides as a mesh
    given_back: list[str] = []
    for family in ("can", "mug", "box", "can"):  # a mug takes all places
        model = build_world_model(claw, make_object(family, 0), PhysicsSettings())
        one.hold(torch.tensor([0]), [model], [family], given_back)
        given_back = [family]
        numbers = one.model.geom_dataid.numpy()[0]
        np.testing.assert_array_equal(numbers[:first], base.geom_dataid[:first])
        pairs = [(mesh, base, mesh) for mesh in own]
        pairs += [(int(numbers[geom]), model, int(model.geom_dataid[geom])) for geom in range(first, model.ngeom)]
        for ours, there, theirs in pairs:
            for mine, other in zip(faces(one.model, ours), faces(there, theirs), strict=True):
                np.testing.assert_array_equal(mine, other.astype(np.float32))


def test_a_piece_that_is_refused_changes_nothing() -> None:
    pool, can = engine(2, 4).meshes, ("can", compiled("can"))
    before = pool.exchange([], [can, can])
    with pytest.raises(ValueError, match="has 65 vertices"):
        pool.exchange(["can", "can"], [("egg", compiled("egg")), ("ball", ball(VERTICES + 1))])
    assert pool.exchange(["can", "can"], [can, can]) == before
    assert pool.num_written == 1
    # the egg was not taken for one that is there
    pool.exchange(["can"], [("egg", compiled("egg"))])
    assert pool.num_written == 2


def test_more_pieces_than_there_are_places_for_change_nothing() -> None:
    pool, can = engine(1, 2).meshes, ("can", compiled("can"))
    before = pool.exchange([], [can])
    with pytest.raises(ValueError, match=r"19 convex pieces are to be put into 2 places, .* of 2; raise room.max_piec"):
        pool.exchange(["can"], [("mug", compiled("mug"))])
    assert pool.exchange(["can"], [can]) == before
    assert pool.num_written == 1


def test_the_pool_takes_no_more_memory_than_it_says() -> None:
    model = engine(2, 4).model
    assert sum(getattr(model, name).capacity for name in (*ROOM, *ADDRESSES, *COUNTS)) == 8 * SLOT_BYTES
