"""A vectorised z-buffer for triangles: which face each pixel shows, in plain numpy (why not OpenGL: docs/pictures.md).

The pixels in the boxes around all triangles are expanded into one list, and the nearest face of each pixel wins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

EMPTY = -1
"""Face number of a pixel that shows no face."""

_MAX_PIXELS = 1_000_000
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
    size = np.array([grid.width, grid.height])
    first = np.clip(np.ceil(corners.min(axis=1) - 0.5), 0, size).astype(np.int32)
    extent = np.clip(np.floor(corners.max(axis=1) + 0.5), 0, size).astype(np.int32) - first
    shown = np.flatnonzero((twice_area > 1e-9) & (extent > 0).all(axis=1))
    edges = edges[shown] / twice_area[shown, None, None]
    first, extent = first[shown], extent[shown]
    count = extent.prod(axis=1)
    coverage = Coverage(
        np.full(grid.height * grid.width, EMPTY, dtype=np.int32),
        np.zeros((grid.height * grid.width, 3), dtype=np.float32),
        np.full(grid.height * grid.width, -np.inf, dtype=np.float32),
    )
    for part in np.split(
        np.arange(len(shown), dtype=np.int32), np.flatnonzero(np.diff(np.cumsum(count) // _MAX_PIXELS)) + 1
    ):
        owner = np.repeat(part, count[part])
        start = (np.cumsum(count[part]) - count[part]).astype(np.int32)
        running = np.arange(len(owner), dtype=np.int32) - np.repeat(start, count[part])
        width = extent[owner, 0]
        row = running // width
        column = running - row * width + first[owner, 0]
        row += first[owner, 1]
        x, y = column + 0.5, row + 0.5
        weights = np.stack([a[owner] * x + b[owner] * y + c[owner] for a, b, c in edges.T.swapaxes(0, 1)])  # (3, n)
        inside = (weights >= 0.0).all(axis=0)
        owner, weights, pixel = owner[inside], weights[:, inside], (row * grid.width + column)[inside]
        value = (weights * nearness[shown[owner]].T).sum(axis=0).astype(np.float32)
        np.maximum.at(coverage.nearness, pixel, value)
        wins = value == coverage.nearness[pixel]
        coverage.face[pixel[wins]] = shown[owner[wins]]
        coverage.weights[pixel[wins]] = weights[:, wins].T
    shape = (grid.height, grid.width)
    return Coverage(coverage.face.reshape(shape), coverage.weights.reshape(*shape, 3), coverage.nearness.reshape(shape))


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
