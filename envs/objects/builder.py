"""From a family and a seed to a `GraspObject`: draw parameters, unite the pieces, weigh, rest and sample."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import manifold3d  # type: ignore[import-not-found]  # its stub file has no py.typed marker
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from envs.conventions import NUM_CLOUD_POINTS, NUM_SURFACE_POINTS
from envs.objects.families import FAMILIES, family_named
from envs.objects.families.solids import Piece
from envs.objects.grasp_object import GraspObject
from envs.objects.point_cloud import farthest_point_index, sample_surface
from envs.objects.rest_poses import find_rest_poses

OBJECT_MASS = 0.1
"""Kilograms (released GraspGF code)."""

PIECE_GROWTH = 0.001
"""Share by which each piece of a composed object is grown, so that neighbours overlap by some micrometres.

Faces that only touch up to rounding leave sheets of no volume inside the union.
"""

MAX_SEED = 99_999
"""Object names write the seed with five digits."""

_NAME = re.compile(r"([a-z]\w*)_(\d{5})")


def object_name(family: str, seed: int) -> str:
    """Name of an object, e.g. ``mug_00012``."""
    return f"{family}_{seed:05d}"


@dataclass(frozen=True)
class ObjectName:
    """Family and seed that an object's name spells out."""

    family: str
    seed: int


def parse_object_name(name: str) -> ObjectName:
    """Family and seed of an object name such as ``mug_00012``.

    Raises:
        ValueError: a name of another form, or an unknown family.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"object name {name!r} is malformed; expected FAMILY_SEED with five digits, e.g. 'mug_00012'")
    if match[1] not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ValueError(f"object name {name!r} has unknown family {match[1]!r}; available: {known}")
    return ObjectName(match[1], int(match[2]))


@dataclass(frozen=True)
class Drawn:
    """A family's shape with its parameters, and the generator that later draws the surface points.

    Attributes:
        parameters: the family's parameters, metres, ratios or radians.
        pieces: corners of the convex pieces as the family gives them, any frame, metres.
        rng: stands after the draw of the parameters.
    """

    parameters: dict[str, float]
    pieces: list[Piece]
    rng: np.random.Generator


def draw_shape(family: str, seed: int) -> Drawn:
    """The shape of `family` with parameters drawn from `seed`; the same on every call.

    Args:
        family: a key of ``envs.objects.families.FAMILIES``.
        seed: 0 to 99999.
    Raises:
        ValueError: unknown family, or a seed outside that range.
    """
    shape = family_named(family)
    if not 0 <= seed <= MAX_SEED:
        raise ValueError(f"object seed {seed} of family {family!r} is out of range; allowed: 0 to {MAX_SEED}")
    # crc32, not hash(): the same in every process.
    rng = np.random.default_rng([zlib.crc32(family.encode()), seed])
    parameters = shape.draw(rng)
    return Drawn(parameters, shape.build(parameters), rng)


def make_object(family: str, seed: int) -> GraspObject:
    """The object of `family` with parameters and surface points drawn from `seed`; the same on every call.

    Args:
        family: a key of ``envs.objects.families.FAMILIES``.
        seed: 0 to 99999.
    Raises:
        ValueError: unknown family, or a seed outside that range.
    """
    drawn = draw_shape(family, seed)
    hulls = grown([piece[ConvexHull(piece).vertices] for piece in drawn.pieces])
    mesh = unite(hulls)
    centre = mesh.center_mass
    mesh = trimesh.Trimesh(mesh.vertices - centre, mesh.faces, process=False)
    return complete_object(
        mesh,
        [hull - centre for hull in hulls],
        drawn.rng,
        name=object_name(family, seed),
        family=family,
        seed=seed,
        parameters=drawn.parameters,
        standing=mesh.vertices,
    )


def complete_object(
    mesh: trimesh.Trimesh,
    pieces: Sequence[Piece],
    rng: np.random.Generator,
    *,
    name: str,
    family: str,
    seed: int,
    parameters: dict[str, float],
    standing: NDArray[np.float64],
) -> GraspObject:
    """The object of a mesh and its pieces: inertia, rest poses, surface points and cloud are worked out here.

    Args:
        mesh: watertight, metres, centre of mass at the origin.
        pieces: corners of the convex pieces in the same frame, (<= 64, 3) each.
        rng: draws the surface points.
        name: of the object; so are family, seed and parameters.
        standing: points that stand on the table, (V, 3), the same frame.
    """
    vertices, faces = np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64)
    surface = sample_surface(vertices, faces, NUM_SURFACE_POINTS, rng)
    rest = find_rest_poses(np.array(standing))
    return GraspObject(
        name=name,
        family=family,
        seed=seed,
        parameters=parameters,
        vertices=vertices,
        faces=faces,
        pieces=tuple(pieces),
        mass=OBJECT_MASS,
        inertia=np.array(mesh.moment_inertia) * (OBJECT_MASS / mesh.volume),
        rest_poses=rest.poses,
        rest_probabilities=rest.probabilities,
        points=surface.points,
        normals=surface.normals,
        cloud_index=farthest_point_index(surface.points, NUM_CLOUD_POINTS),
    )


def grown(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces scaled by 1 + PIECE_GROWTH about their means; a single piece stays as it is."""
    if len(pieces) == 1:
        return list(pieces)
    return [piece + PIECE_GROWTH * (piece - piece.mean(axis=0)) for piece in pieces]


def unite(pieces: Sequence[Piece]) -> trimesh.Trimesh:
    """Watertight surface of the union of the convex hulls of `pieces`, metres.

    Raises:
        ValueError: pieces that do not unite to one solid body.
    """
    solids = [manifold3d.Manifold.hull_points(np.ascontiguousarray(piece)) for piece in pieces]
    union = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add)
    mesh = surface_of(union)
    bodies = len(union.decompose())
    if not mesh.is_watertight or bodies != 1:
        raise ValueError(
            f"{len(pieces)} convex pieces unite to {bodies} bodies, watertight: {mesh.is_watertight}; "
            "expected one watertight body: make neighbouring pieces overlap or share their corners"
        )
    return mesh


def surface_of(body: manifold3d.Manifold) -> trimesh.Trimesh:
    """The mesh of a manifold."""
    raw = body.to_mesh64()
    vertices = np.asarray(raw.vert_properties)[:, :3]
    return trimesh.Trimesh(vertices, np.asarray(raw.tri_verts, dtype=np.int64), process=False)
