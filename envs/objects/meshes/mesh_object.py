"""From a mesh file to a `GraspObject`."""

import zlib
from pathlib import Path

import numpy as np
import trimesh

from envs.objects.builder import complete_object
from envs.objects.grasp_object import GraspObject
from envs.objects.meshes.decomposition import convex_pieces
from envs.objects.meshes.mesh_files import load_mesh
from envs.objects.meshes.mesh_settings import MAX_EXTENT, MIN_EXTENT, UNITS, MeshSettings
from envs.objects.meshes.repair import check_kept, cleaned, solid

CENTRE = ("centre_x", "centre_y", "centre_z")
"""Parameters of a mesh object: its origin, the centre of mass, in the frame of its file, metres."""

WALLS = "walls"
"""Parameter of a mesh object: how many of its bodies are open surfaces that got a wall; not there when none is."""


def make_mesh_object(path: Path, name: str, family: str, settings: MeshSettings) -> GraspObject:
    """The object of a mesh file: repaired, decomposed, weighed, rested and sampled.

    Args:
        path: mesh file.
        name: of the object.
        family: of the object.
        settings: how meshes become objects; one of unit, scale and size is given.
    Raises:
        ValueError: the file is bad; names it, what was found, what is allowed and the remedy.
    """
    raw = load_mesh(path)
    try:
        factor = metres_per_unit(raw.extents, settings)
        raw.apply_scale(factor)
        mesh = cleaned(raw)
        body = solid(mesh)
        check_kept(raw, body)
        walls = {WALLS: float(body.metadata["num_walls"])} if body.metadata["num_walls"] else {}
        centre = np.array(body.center_mass)
        surface = trimesh.Trimesh(body.vertices - centre, body.faces, process=False)
        pieces = convex_pieces(mesh, body, threshold=settings.threshold, max_pieces=settings.max_pieces)
        pieces = [piece - centre for piece in pieces]
        return complete_object(
            surface,
            pieces,
            np.random.default_rng(zlib.crc32(name.encode())),
            name=name,
            family=family,
            seed=0,
            parameters={"metres_per_unit": factor} | dict(zip(CENTRE, centre.tolist(), strict=True)) | walls,
            standing=np.concatenate(pieces),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def metres_per_unit(extents: np.ndarray, settings: MeshSettings) -> float:
    """Factor from the units of the file to metres.

    Args:
        extents: of the mesh in the file's units, (3,).
        settings: with a unit, a scale or a size.
    Raises:
        ValueError: the object would be far too large or too small for a hand; says which unit would fit.
    """
    largest, smallest = float(extents.max()), float(extents.min())
    if not largest > 0.0:
        raise ValueError("all vertices of the mesh lie in one point; at least a tetrahedron is needed")
    if settings.size is not None:
        factor = settings.size / largest
    else:
        factor = UNITS[settings.unit] if settings.unit is not None else settings.scale or 1.0
    if settings.max_width is not None:
        factor *= min(1.0, settings.max_width / max(factor * smallest, 1e-12))
    if not MIN_EXTENT <= factor * largest <= MAX_EXTENT:
        fitting = [unit for unit, metres in UNITS.items() if MIN_EXTENT <= metres * largest <= MAX_EXTENT]
        hint = f"; unit {' or '.join(fitting)} would fit" if fitting else ""
        given = next((f"{k} {getattr(settings, k)}" for k in ("unit", "scale", "size") if getattr(settings, k)), "")
        raise ValueError(
            f"the mesh is {largest:.4g} units wide, with {given} that is {factor * largest:.4g} m; allowed are "
            f"{MIN_EXTENT:g} to {MAX_EXTENT:g} m{hint}; 'size' scales every mesh to one size"
        )
    return factor
