"""A picture of meshes on the table: camera, light with shadows, anti-aliasing. No OpenGL, about a third of a second.

Shading is Lambert's law with a sky and a ground colour as ambient light, and a faint highlight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from envs.pictures.meshes import Array, ColouredMesh, joined
from envs.pictures.rasteriser import EMPTY, Coverage, PixelGrid, rasterise

Image = NDArray[np.uint8]
"""A picture (H, W, 3), sRGB."""

_SUPERSAMPLING = 2
_SHADOW_CELLS = 448
_SHADOW_BIAS = 0.0015
"""Metres by which a point may lie behind what the light sees, and by which it is lifted off its face: no acne."""


@dataclass(frozen=True)
class Camera:
    """A perspective camera: where it is and where it looks, metres, world frame; vertical opening in radians."""

    position: Array
    target: Array
    opening: float = 0.5

    @property
    def axes(self) -> Array:
        """Rows: right, down and forward unit vectors (3, 3); the picture's upper edge points up (+z)."""
        forward = self.target - self.position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        if np.linalg.norm(right) < 1e-6:  # straight down or up
            right = np.array([1.0, 0.0, 0.0])
        right = right / np.linalg.norm(right)
        return np.stack((right, np.cross(forward, right), forward))


@dataclass(frozen=True)
class Look:
    """Colours (sRGB, [0, 1]) and light of a picture.

    ``checker`` is the edge of a square of the table, metres; ``has_table`` draws the plane z = 0; without
    ``has_shadows`` nothing shades anything else.
    """

    background: tuple[float, float, float] = (0.957, 0.961, 0.968)
    table_light: tuple[float, float, float] = (0.905, 0.898, 0.882)
    table_dark: tuple[float, float, float] = (0.848, 0.842, 0.828)
    checker: float = 0.05
    has_table: bool = True
    has_shadows: bool = True

    SUN: ClassVar[float] = 0.78
    SKY: ClassVar[tuple[float, float, float]] = (0.40, 0.43, 0.48)
    GROUND: ClassVar[tuple[float, float, float]] = (0.24, 0.22, 0.20)


def look_at(points: Array, direction: Array, opening: float = 0.5, margin: float = 1.04) -> Camera:
    """A camera in the given direction (3,) from the points (N, 3), as near as shows all of them in a square picture."""
    towards = direction / np.linalg.norm(direction)
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    for _ in range(3):  # centring moves the camera, which changes what is centred
        right, down, forward = Camera(middle + towards, middle, opening).axes
        local = (points - middle) @ np.stack((right, down, forward)).T
        # the distance from which a point appears at the rim: |offset| / tan(opening / 2) in front of it
        needed = np.abs(local[:, :2]).max(axis=1) * margin / np.tan(0.5 * opening) - local[:, 2]
        distance = float(max(needed.max(), 0.05))
        seen = local[:, :2] / (local[:, 2] + distance)[:, None]
        shift = 0.5 * (seen.min(axis=0) + seen.max(axis=0)) * distance
        middle = middle + shift[0] * right + shift[1] * down
    return Camera(middle + distance * towards, middle, opening)


def render_scene(meshes: Sequence[ColouredMesh], camera: Camera, size: int = 480, look: Look | None = None) -> Image:
    """A square picture (size, size, 3) of meshes in the world frame; what lies below the table is hidden by it."""
    look = Look() if look is None else look
    mesh = joined(meshes)
    pixels = size * _SUPERSAMPLING
    focal = 0.5 * pixels / np.tan(0.5 * camera.opening)
    local = (mesh.corners - camera.position) @ camera.axes.T
    in_front = (local[..., 2] > 1e-3).all(axis=1)
    mesh, local = ColouredMesh(mesh.corners[in_front], mesh.normals[in_front], mesh.colours[in_front]), local[in_front]
    corners = local[..., :2] / local[..., 2:] * focal + 0.5 * pixels
    coverage = rasterise(corners, 1.0 / local[..., 2], PixelGrid(pixels, pixels))
    light = _Light.for_scene(mesh, camera)
    ground = _ground(camera, focal / _SUPERSAMPLING, size, light, look)
    image = ground.repeat(_SUPERSAMPLING, axis=0).repeat(_SUPERSAMPLING, axis=1)
    _shade_faces(image, mesh, local[..., 2], coverage, camera, light, look)
    small = np.zeros((size, size, 3), dtype=np.float32)
    for row, column in np.ndindex(_SUPERSAMPLING, _SUPERSAMPLING):
        small += image[row::_SUPERSAMPLING, column::_SUPERSAMPLING]
    return (_to_srgb(small / np.float32(_SUPERSAMPLING**2)) * 255.0 + 0.5).astype(np.uint8)


class _Light:
    """A parallel light over the camera's left shoulder, and the depth of what it sees."""

    def __init__(self, mesh: ColouredMesh, direction: Array) -> None:
        self.direction = direction / np.linalg.norm(direction)
        right = np.cross([0.0, 0.0, 1.0], self.direction)
        right = right / np.linalg.norm(right)
        self._axes = np.stack((right, np.cross(self.direction, right), self.direction))
        local = mesh.corners @ self._axes.T
        self._low = local[..., :2].min(axis=(0, 1)) - 0.01
        self._cell = float((local[..., :2].max(axis=(0, 1)) + 0.01 - self._low).max()) / _SHADOW_CELLS
        # the picture's y points down
        corners = (local[..., :2] - self._low) / self._cell
        corners = np.stack((corners[..., 0], _SHADOW_CELLS - corners[..., 1]), axis=-1)
        seen = rasterise(corners, local[..., 2], PixelGrid(_SHADOW_CELLS, _SHADOW_CELLS))
        self._depth = seen.nearness
        mask = (seen.face != EMPTY).astype(np.float32)
        # half-shadow of a lamp with some extent: sharp near its cause, wide far from it
        self._mask = 0.5 * sum(ndimage.gaussian_filter(mask, sigma / self._cell) for sigma in (0.003, 0.012))

    @classmethod
    def for_scene(cls, mesh: ColouredMesh, camera: Camera) -> "_Light":
        right, _, forward = camera.axes
        flat = np.array([forward[0], forward[1], 0.0])
        flat = flat / max(float(np.linalg.norm(flat)), 1e-9)
        return cls(mesh, np.array([0.0, 0.0, 1.0]) - 0.55 * right - 0.35 * flat)

    def _cells(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        local = (points @ self._axes[:2].T.astype(np.float32) - self._low.astype(np.float32)) / np.float32(self._cell)
        return np.stack((_SHADOW_CELLS - local[:, 1], local[:, 0])) - np.float32(0.5)

    def on_faces(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share of the light (N,) that reaches points (N, 3) of the meshes: the mean over five cells around each."""
        row, column = np.rint(self._cells(points)).astype(np.int32)
        depth = points @ self.direction.astype(np.float32) + np.float32(_SHADOW_BIAS)
        lit = np.zeros(len(points), dtype=np.float32)
        for down, right in ((0, 0), (2, 1), (-1, 2), (-2, -1), (1, -2)):
            r = np.clip(row + down, 0, _SHADOW_CELLS - 1)
            c = np.clip(column + right, 0, _SHADOW_CELLS - 1)
            lit += self._depth[r, c] <= depth
        return lit / np.float32(5.0)

    def on_table(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share of the light (N,) that reaches points (N, 3) of the table."""
        return 1.0 - ndimage.map_coordinates(self._mask, self._cells(points), order=1, mode="constant")


def _ground(camera: Camera, focal: float, pixels: int, light: _Light, look: Look) -> NDArray[np.float32]:
    """Linear colours (P, P, 3) of table and background, without the meshes."""
    image = np.empty((pixels, pixels, 3), dtype=np.float32)
    image[:] = _to_linear(look.background)
    if not look.has_table or camera.position[2] <= 0.0:
        return image
    steps = ((np.arange(pixels) + 0.5 - 0.5 * pixels) / focal).astype(np.float32)
    right, down, forward = camera.axes.astype(np.float32)
    rays = steps[:, None, None] * down + steps[None, :, None] * right + forward
    hits = np.flatnonzero(rays[..., 2].reshape(-1) < -1e-4)
    ray = rays.reshape(-1, 3)[hits]
    distance = -camera.position[2] / ray[:, 2]
    points = (camera.position + distance[:, None] * ray).astype(np.float32)
    points[:, 2] = 0.0
    # soft edges, as wide as the footprint of a pixel
    blur = np.float32(0.8) * distance.astype(np.float32) / (focal * look.checker)
    wave = [_soft_square(points[:, axis] / np.float32(look.checker), blur) for axis in (0, 1)]
    mix = (0.5 + 0.5 * wave[0] * wave[1])[:, None]
    colour = mix * _to_linear(look.table_light) + (1.0 - mix) * _to_linear(look.table_dark)
    shade = (0.42 + 0.58 * light.on_table(points))[:, None] if look.has_shadows else np.float32(1.0)
    away = np.linalg.norm(points - camera.target.astype(np.float32), axis=1)
    reach = float(np.linalg.norm(camera.position - camera.target))
    fade = np.exp(-((away / (0.75 * reach)) ** 4))[:, None]
    flat = image.reshape(-1, 3)
    flat[hits] = fade * (colour * shade) + (1.0 - fade) * flat[hits]
    return image


def _shade_faces(
    image: NDArray[np.float32],
    mesh: ColouredMesh,
    depth: Array,
    coverage: Coverage,
    camera: Camera,
    light: _Light,
    look: Look,
) -> None:
    """Paint the visible faces over the image (P, P, 3), in place."""
    rows, columns = np.nonzero(coverage.face != EMPTY)
    face = coverage.face[rows, columns]
    # barycentric coordinates are linear in the image; on the face itself they weigh with the inverse depth
    weights = coverage.weights[rows, columns] / depth.astype(np.float32)[face]
    weights /= weights.sum(axis=1, keepdims=True)
    points = np.einsum("nk,nkc->nc", weights, mesh.corners.astype(np.float32)[face])
    normals = np.einsum("nk,nkc->nc", weights, mesh.normals.astype(np.float32)[face])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    base = _to_linear(mesh.colours)[face]
    sun = light.direction.astype(np.float32)
    lit = np.maximum(normals @ sun, 0.0)
    if look.has_shadows:
        lit *= light.on_faces(points + np.float32(_SHADOW_BIAS) * normals)
    view = camera.position.astype(np.float32) - points
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    half = view + sun
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    highlight = 0.10 * lit * np.maximum(np.einsum("nc,nc->n", normals, half), 0.0) ** 40
    upward = (0.5 + 0.5 * normals[:, 2:]).astype(np.float32)
    ambient = upward * np.asarray(look.SKY, np.float32) + (1.0 - upward) * np.asarray(look.GROUND, np.float32)
    colour = base * (ambient + look.SUN * lit[:, None]) + highlight[:, None]
    shown = points[:, 2] >= -1e-4 if look.has_table and camera.position[2] > 0.0 else slice(None)
    image[rows[shown], columns[shown]] = colour[shown]


def _soft_square(x: NDArray[np.float32], blur: NDArray[np.float32]) -> NDArray[np.float32]:
    """A square wave of period 2 between -1 and 1, with ramps of the given width."""
    to_edge = np.abs(((x + 0.5) % 2.0) - 1.0) - 0.5
    return np.clip(to_edge / np.maximum(blur, 1e-6), -1.0, 1.0)


def _to_linear(srgb: object) -> NDArray[np.float32]:
    return np.asarray(srgb, dtype=np.float32) ** np.float32(2.2)


def _to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(linear, 0.0, 1.0) ** np.float32(1.0 / 2.2)
