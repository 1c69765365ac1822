"""Convex pieces of a mesh for the simulator: its own parts when they are convex, else CoACD's (Wei et al. 2022)."""

from collections.abc import Sequence
from itertools import combinations

import manifold3d  # type: ignore[import-not-found]  # its stub file has no py.typed marker
import mujoco
import numpy as np
import trimesh
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError

from envs.objects.families.solids import MAX_PIECE_VERTICES, Piece
from envs.objects.meshes.repair import coarsened
from envs.objects.point_cloud import farthest_point_index

MIN_THICKNESS = 3e-4
"""Metres; thinner pieces are left out: the simulator takes them for flat, and fingers pass through them."""

MAX_GAP = 0.005
"""Metres of air that parts of one object may have between them."""

MIN_FILLED = 0.8
"""Share of a decomposed mesh's volume that its pieces together must enclose."""

MAX_OWN_PARTS = 160
"""Convex parts that a mesh may bring along; of more, finding those to merge takes longer than CoACD."""

SEARCH = {"resolution": 1000, "mcts_nodes": 15, "mcts_iterations": 60, "mcts_max_depth": 2}
"""CoACD's effort: half the time of its defaults, and pieces as good (tuned on a cup of 320 faces)."""


def convex_pieces(mesh: trimesh.Trimesh, surface: trimesh.Trimesh, *, threshold: float, max_pieces: int) -> list[Piece]:
    """Corners of convex pieces that together fill the mesh, each (<= 64, 3) in the mesh's frame, metres.

    Args:
        mesh: cleaned.
        surface: the union of its bodies, watertight.
        threshold: concavity that may be left (CoACD's, 0.01 to 1).
        max_pieces: most pieces.
    Raises:
        ValueError: no piece is thick enough, parts lie apart, or a decomposition leaves much of the mesh empty.
        RuntimeError: CoACD is not installed.
    """
    own = _own_parts(mesh, max_pieces)
    pieces = _by_coacd(coarsened(surface), threshold, max_pieces) if own is None else own
    pieces = [piece for piece in pieces if _thickness(piece) >= MIN_THICKNESS]
    if not pieces:
        raise ValueError(f"no convex piece of the mesh is {1e3 * MIN_THICKNESS:g} mm thick; give the mesh a thickness")
    if own is None:
        check_filled(pieces, float(surface.volume))
    groups = _groups(pieces)
    if groups > 1:
        raise ValueError(
            f"the mesh falls into {groups} groups of parts more than {1e3 * MAX_GAP:g} mm apart, which no object does; "
            "make one file of each"
        )
    check_simulable(pieces)
    return pieces


def check_filled(pieces: Sequence[Piece], volume: float) -> None:
    """ValueError when the pieces together enclose much less than the mesh, so that fingers would reach into it.

    Args:
        pieces: corners of convex pieces, metres.
        volume: of the mesh, cubic metres.
    """
    hulls = [manifold3d.Manifold.hull_points(np.ascontiguousarray(piece)) for piece in pieces]
    filled = float(manifold3d.Manifold.batch_boolean(hulls, manifold3d.OpType.Add).volume())
    if filled < MIN_FILLED * volume:
        raise ValueError(
            f"its {len(pieces)} convex pieces enclose {1e6 * filled:.3g} ml of the mesh's {1e6 * volume:.3g} ml, at "
            f"least {100 * MIN_FILLED:g} % are needed; allow more pieces (max_pieces), a finer threshold, or give thin "
            "parts a thickness"
        )


def check_simulable(pieces: Sequence[Piece]) -> None:
    """ValueError when MuJoCo refuses a piece."""
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body()
    for index, piece in enumerate(pieces):
        spec.add_mesh(name=f"piece_{index}", uservert=np.asarray(piece, dtype=np.float64).ravel())
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"piece_{index}")
    try:
        spec.compile()
    except ValueError as error:
        raise ValueError(f"MuJoCo refuses the pieces of the mesh ({error}); simplify or thicken the mesh") from error


def _own_parts(mesh: trimesh.Trimesh, max_pieces: int) -> list[Piece] | None:
    """Corners of the connected parts when all are convex, merged down to `max_pieces`; None otherwise."""
    parts = mesh.split(only_watertight=False)
    if len(parts) > MAX_OWN_PARTS or not all(part.is_watertight and part.is_convex for part in parts):
        return None
    hulls = merged([_hull_corners(np.asarray(part.vertices)) for part in parts], max_pieces)
    return [fewer_corners(hull) for hull in hulls]


def merged(pieces: list[Piece], count: int) -> list[Piece]:
    """At most `count` pieces: again and again the two whose common hull adds the least volume become one."""
    pieces = list(pieces)
    volumes = [_volume(piece) for piece in pieces]
    added = {
        (i, j): _volume(np.concatenate([pieces[i], pieces[j]])) - volumes[i] - volumes[j]
        for j in range(len(pieces) if len(pieces) > count else 0)
        for i in range(j)
    }
    left = set(range(len(pieces)))
    while len(left) > count:
        i, j = min(added, key=lambda pair: (added[pair], pair))
        pieces[i] = _hull_corners(np.concatenate([pieces[i], pieces[j]]))
        volumes[i] = _volume(pieces[i])
        left.remove(j)
        added = {pair: volume for pair, volume in added.items() if i not in pair and j not in pair}
        for other in left - {i}:
            pair = (min(i, other), max(i, other))
            added[pair] = _volume(np.concatenate([pieces[i], pieces[other]])) - volumes[i] - volumes[other]
    return [pieces[k] for k in sorted(left)]


def fewer_corners(piece: Piece) -> Piece:
    """A hull of at most MAX_PIECE_VERTICES corners of the same volume: the corners farthest apart, moved outwards."""
    if len(piece) <= MAX_PIECE_VERTICES:
        return piece
    chosen = piece[farthest_point_index(piece.astype(np.float32), MAX_PIECE_VERTICES)]
    centre = chosen.mean(axis=0)
    return _hull_corners(centre + (chosen - centre) * np.cbrt(_volume(piece) / _volume(chosen)))


def _by_coacd(surface: trimesh.Trimesh, threshold: float, max_pieces: int) -> list[Piece]:
    """CoACD's pieces of a watertight surface, the same on every call."""
    try:
        import coacd
    except ImportError as error:
        raise RuntimeError("decomposing meshes needs the package coacd: pip install -e '.[objects]'") from error
    coacd.set_log_level("error")
    parts = coacd.run_coacd(
        coacd.Mesh(surface.vertices, surface.faces),
        threshold=threshold,
        max_convex_hull=max_pieces,
        preprocess_mode="off",
        decimate=True,
        max_ch_vertex=MAX_PIECE_VERTICES,
        seed=0,
        **SEARCH,
    )
    return [_hull_corners(np.asarray(vertices, dtype=np.float64)) for vertices, _ in parts]


def _hull_corners(vertices: Piece) -> Piece:
    """The corners of the convex hull; all vertices of a flat piece, which is left out later."""
    try:
        return vertices[ConvexHull(vertices).vertices]
    except (QhullError, ValueError):
        return vertices


def _volume(piece: Piece) -> float:
    """Volume of the convex hull, 0 of a flat piece, cubic metres."""
    try:
        return float(ConvexHull(piece).volume)
    except (QhullError, ValueError):
        return 0.0


def _thickness(piece: Piece) -> float:
    """Smallest distance of two parallel planes around the piece, one of them on a facet; 0 of a flat one."""
    try:
        normals = ConvexHull(piece).equations[:, :3]
    except (QhullError, ValueError):
        return 0.0
    return float(np.ptp(piece @ normals.T, axis=0).min())


def _groups(pieces: Sequence[Piece]) -> int:
    """Number of groups of pieces with more than MAX_GAP between them."""
    hulls = [manifold3d.Manifold.hull_points(np.ascontiguousarray(piece)) for piece in pieces]
    is_near = np.zeros((len(hulls), len(hulls)), dtype=bool)
    for i, j in combinations(range(len(hulls)), 2):
        is_near[i, j] = hulls[i].min_gap(hulls[j], MAX_GAP) < MAX_GAP
    return int(connected_components(is_near, directed=False, return_labels=False))
