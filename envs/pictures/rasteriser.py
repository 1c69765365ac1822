"""A vectorised z-buffer for triangles: which face each pixel shows, in plain numpy.

Machines that train often have no OpenGL, and a picture of a hand is small: exact spans of all triangles are expanded
row by row into one list of pixels, and the nearest face of each pixel wins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

EMPTY = -1
"""Face number of a pixel that shows no face."""

_MAX_PIXELS = 2_000_000
"""Pixels expanded at once: bounds memory at about 100 MB."""


@dataclass(frozen=True)
class PixelGrid:
    """Height and width of an image in pixels; pixel (row, column) has its centre at (column + 0.5, row + 0.5)."""

    height: int
    width: int


@dataclass(frozen=True)
class Coverage:
    """What the pixels of an image show.

    face (H, W) int: number of the nearest face or EMPTY; weights (H, W, 3) float32: its barycentric coordinates in the
    image plane; nearness (H, W) float32: largest nearness, -inf where empty.
    """

    face: NDArray[np.int32]
    weights: NDArray[np.float32]
    nearness: NDArray[np.float32]


@dataclass(frozen=True)
class _Spans:
    """Runs of pixels, one for every row of every face: face, row, first column and length, each (S,)."""

    face: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    length: NDArray[np.int64]


def rasterise(corners: Floats, nearness: Floats, grid: PixelGrid) -> Coverage:
    """The nearest front face at every pixel.

    Args:
        corners: image coordinates of the corners (F, 3, 2), x to the right and y down, pixels. Faces whose corners run
            counter-clockwise as one sees them are front faces; others are left out.
        nearness: a quantity (F, 3) that is linear in the image plane and grows towards the viewer: 1 / depth for a
            perspective picture, minus depth for a parallel projection.
        grid: size of the image.
    """
    edges = _edge_functions(corners)
    twice_area = edges.sum(axis=1)[:, 2]
    front = np.flatnonzero(twice_area > 1e-9)
    edges = edges[front] / twice_area[front, None, None]
    plane = np.einsum("fk,fkc->fc", nearness[front], edges)
    spans = _spans(corners[front], edges, grid)
    depth = np.full(grid.height * grid.width, -np.inf, dtype=np.float32)
    face = np.full(grid.height * grid.width, EMPTY, dtype=np.int32)
    for part in _parts(spans):
        _draw(part, plane, grid, depth, face)
    weights = _weights(face, edges, grid)
    number = np.append(front, EMPTY).astype(np.int32)[face]  # face EMPTY = -1 picks the appended entry
    shape = (grid.height, grid.width)
    return Coverage(number.reshape(shape), weights.reshape(*shape, 3), depth.reshape(shape))


def _edge_functions(corners: Floats) -> NDArray[np.float64]:
    """Coefficients (F, 3, 3) of a x + b y + c: twice the area of the point and the edge opposite to each corner.

    Divided by twice the area of the face they are its barycentric coordinates.
    """
    start = np.roll(corners, -2, axis=1).astype(np.float64)  # from the second next corner to the next: y points down
    end = np.roll(corners, -1, axis=1).astype(np.float64)
    a = start[..., 1] - end[..., 1]
    b = end[..., 0] - start[..., 0]
    c = start[..., 0] * end[..., 1] - start[..., 1] * end[..., 0]
    return np.stack((a, b, c), axis=-1)


def _spans(corners: Floats, edges: NDArray[np.float64], grid: PixelGrid) -> _Spans:
    """The run of pixel centres that each face covers in each image row it meets."""
    top = np.clip(np.ceil(corners[..., 1].min(axis=1) - 0.5), 0, grid.height).astype(np.int64)
    bottom = np.clip(np.floor(corners[..., 1].max(axis=1) - 0.5), -1, grid.height - 1).astype(np.int64)
    face, offset = _repeat(np.maximum(bottom - top + 1, 0))
    row = top[face] + offset
    a = edges[face, :, 0]
    rest = edges[face, :, 1] * (row + 0.5)[:, None] + edges[face, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -rest / a
    # a x + rest >= 0 bounds x from below where a > 0 and from above where a < 0; where a = 0 it holds or it does not
    low = np.where(a > 0, crossing, -np.inf).max(axis=1)
    high = np.where(a < 0, crossing, np.inf).min(axis=1)
    missed = ((a == 0) & (rest < 0)).any(axis=1)
    first = np.clip(np.ceil(low - 0.5), 0, grid.width).astype(np.int64)
    last = np.clip(np.floor(high - 0.5), -1, grid.width - 1).astype(np.int64)
    length = np.where(missed, 0, np.maximum(last - first + 1, 0))
    kept = length > 0
    return _Spans(face[kept], row[kept], first[kept], length[kept])


def _parts(spans: _Spans) -> list[_Spans]:
    """The spans in groups of at most _MAX_PIXELS pixels (one span is never split)."""
    group = np.cumsum(spans.length) // _MAX_PIXELS
    cuts = np.flatnonzero(np.diff(group)) + 1
    fields = (spans.face, spans.row, spans.column, spans.length)
    return [_Spans(*part) for part in zip(*(np.split(field, cuts) for field in fields), strict=True)]


def _draw(
    spans: _Spans,
    plane: NDArray[np.float64],
    grid: PixelGrid,
    depth: NDArray[np.float32],
    face: NDArray[np.int32],
) -> None:
    """Let the nearest face win at every pixel of the spans; depth and face (H * W,) are changed in place."""
    span, offset = _repeat(spans.length)
    column = spans.column[span] + offset
    pixel = (spans.row * grid.width)[span] + column
    slope, y, constant = plane[spans.face].T
    at_row = y * (spans.row + 0.5) + constant
    value = (slope[span] * (column + 0.5) + at_row[span]).astype(np.float32)
    np.maximum.at(depth, pixel, value)
    wins = value == depth[pixel]
    face[pixel[wins]] = spans.face[span[wins]]


def _weights(face: NDArray[np.int32], edges: NDArray[np.float64], grid: PixelGrid) -> NDArray[np.float32]:
    """Barycentric coordinates (H * W, 3) of the faces shown; zero at empty pixels."""
    shown = np.flatnonzero(face != EMPTY)
    row, column = np.divmod(shown, grid.width)
    coefficients = edges.astype(np.float32)[face[shown]]
    x, y = (column + 0.5).astype(np.float32)[:, None], (row + 0.5).astype(np.float32)[:, None]
    weights = np.zeros((face.size, 3), dtype=np.float32)
    values = coefficients[..., 0] * x + coefficients[..., 1] * y + coefficients[..., 2]
    weights[shown] = np.clip(values, 0.0, 1.0)
    return weights


def _repeat(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 3): owners (0, 0, 1, 1, 1) and running numbers within each (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    start = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - start[owner]
