"""From the triangles of a file to the watertight surface of a solid."""

import manifold3d  # type: ignore[import-not-found]  # its stub file has no py.typed marker
import numpy as np
import trimesh
from scipy.spatial import ConvexHull, QhullError

from envs.objects.builder import surface_of
from envs.objects.meshes.bodies import apart, surface_faces
from envs.objects.meshes.closedness import is_closed
from envs.objects.meshes.holes import without_small_holes
from envs.objects.meshes.junctions import without_seams
from envs.objects.meshes.soundness import check_sides

MAX_FACES = 20_000
"""Finer meshes are decimated to so many faces: a hand feels nothing of the rest."""

MIN_VOLUME = 1e-7
"""Cubic metres (0.1 ml) that an object and its convex hull must enclose."""

WALL = 0.003
"""Metres; thickness that an open surface gets: what a plastic bowl has, and thick enough to be held."""

MIN_KEPT = 0.8
"""Least share of the volume inside a closed surface that must be left of it."""

TOLERANCE = 5e-4
"""Metres that the surface may move when it is coarsened for the decomposition."""


def cleaned(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with equal vertices merged, without double and degenerate faces, at most MAX_FACES, outward normals.

    Bodies that touch have vertices of their own.

    Raises:
        ValueError: nothing is left, it encloses no volume, or it is too fine and cannot be decimated here.
    """
    mesh = mesh.copy()
    _tidy(mesh)
    check_volume(mesh)
    if len(mesh.faces) > MAX_FACES:
        mesh = _decimated(mesh)
        _tidy(mesh)
    if not mesh.is_watertight:
        if mesh.volume < 0.0:  # wound inwards as a whole: `apart` goes by the winding
            mesh.invert()
        mesh = apart(without_seams(mesh))
    trimesh.repair.fix_normals(mesh, multibody=True)
    if not mesh.is_watertight:
        trimesh.repair.fill_holes(mesh)
    return mesh


def solid(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The union of the bodies of a cleaned mesh as one watertight surface; open ones count as walls of WALL.

    How many do is ``metadata["num_walls"]`` of the surface.

    Raises:
        ValueError: a part without inside and outside or one that overlaps itself, or next to no volume.
    """
    bodies, num_walls = [], 0
    for part in mesh.split(only_watertight=False):
        body = _as_manifold(part) or _as_manifold(without_small_holes(part))
        if body is None:
            body, num_walls = _as_manifold(thickened(part)), num_walls + 1
        if body is None:
            raise ValueError(
                f"a part of {len(part.faces)} faces is open or not a manifold and cannot be closed; close it in a mesh "
                "editor (Blender: add-on 3D Print Toolbox, Make Manifold; or modifier Remesh)"
            )
        check_sides(surface_of(body))  # before the decomposition, which takes gigabytes for what overlaps itself
        bodies.append(body)
    surface = surface_of(manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add))
    if not surface.is_watertight or surface.volume < MIN_VOLUME:
        raise ValueError(
            f"the mesh encloses {1e6 * surface.volume:.3g} ml, at least {1e6 * MIN_VOLUME:g} ml are needed; give it a "
            "thickness (Blender: modifier Solidify)"
        )
    surface.metadata["num_walls"] = num_walls
    return surface


def check_kept(raw: trimesh.Trimesh, surface: trimesh.Trimesh) -> None:
    """ValueError when a file's surface is closed and encloses much more than what became of it.

    Bodies that overlap enclose less together than each for itself; that one became a wall has to be so, too.

    Args:
        raw: as read, metres.
        surface: what `solid` made of it.
    """
    if not surface.metadata["num_walls"] or not is_closed(np.asarray(raw.vertices), np.asarray(raw.faces)):
        return
    given, left = abs(float(raw.volume)), float(surface.volume)
    if left < MIN_KEPT * given:
        raise ValueError(
            f"its surface is closed and encloses {1e6 * given:.3g} ml, of which {1e6 * left:.3g} ml are left: more "
            "than two faces meet at edges, and which belong together cannot be told; make it one simple closed surface "
            "in a mesh editor (Blender: modifier Remesh, or Boolean union of its parts)"
        )


def thickened(sheet: trimesh.Trimesh) -> trimesh.Trimesh:
    """An open surface as a closed wall of thickness WALL around it."""
    normals = np.asarray(sheet.vertex_normals)
    vertices = np.concatenate([sheet.vertices + 0.5 * WALL * normals, sheet.vertices - 0.5 * WALL * normals])
    outer, shift = np.asarray(sheet.faces), len(sheet.vertices)
    edges = np.sort(sheet.edges, axis=1)
    _, inverse, counts = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    start, end = sheet.edges[counts[inverse.ravel()] == 1].T  # in the direction of the face that has it
    rims = [np.stack([end, start, start + shift], axis=1), np.stack([end, start + shift, end + shift], axis=1)]
    return trimesh.Trimesh(vertices, np.concatenate([outer, outer[:, ::-1] + shift, *rims]), process=False)


def coarsened(surface: trimesh.Trimesh) -> trimesh.Trimesh:
    """A watertight surface with as few faces as TOLERANCE allows, watertight too."""
    body = _as_manifold(surface)
    return surface if body is None else surface_of(body.simplify(TOLERANCE))


def _as_manifold(mesh: trimesh.Trimesh) -> "manifold3d.Manifold | None":
    """The mesh as a body of positive volume; None when it is open, inconsistent or empty."""
    if not mesh.is_watertight or not mesh.is_winding_consistent:
        return None
    faces = mesh.faces if mesh.volume > 0 else mesh.faces[:, ::-1]
    body = manifold3d.Manifold(
        manifold3d.Mesh64(
            np.array(mesh.vertices, dtype=np.float64, order="C"), np.array(faces, dtype=np.uint64, order="C")
        )
    )
    return None if body.status() != manifold3d.Error.NoError or body.is_empty() else body


def check_volume(mesh: trimesh.Trimesh) -> None:
    """ValueError when the convex hull of the mesh (metres) encloses next to nothing."""
    try:
        volume = float(ConvexHull(mesh.vertices).volume) if len(mesh.vertices) >= 4 else 0.0
    except QhullError:
        volume = 0.0
    if volume < MIN_VOLUME:
        raise ValueError(
            f"the mesh of {len(mesh.faces)} faces encloses {1e6 * volume:.3g} ml, at least {1e6 * MIN_VOLUME:g} ml are "
            "needed: it is flat or nearly so; give it a thickness (Blender: modifier Solidify)"
        )


def _tidy(mesh: trimesh.Trimesh) -> None:
    """Merge equal vertices; drop degenerate and double faces and what they leave."""
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    mesh.update_faces(mesh.nondegenerate_faces())
    mesh.update_faces(surface_faces(np.asarray(mesh.faces)))
    mesh.remove_unreferenced_vertices()


def _decimated(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh by quadric decimation at MAX_FACES."""
    try:
        import fast_simplification
    except ImportError as error:
        raise ValueError(
            f"the mesh has {len(mesh.faces)} faces, allowed up to {MAX_FACES} without the package fast-simplification; "
            "pip install -e '.[objects]', or decimate the mesh (Blender: modifier Decimate)"
        ) from error
    vertices, faces = fast_simplification.simplify(
        np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int32), target_count=MAX_FACES
    )
    return trimesh.Trimesh(np.asarray(vertices, dtype=np.float64), faces, process=False)
