"""The z-buffer against a test of every pixel against every triangle."""

import numpy as np
import pytest

from envs.pictures import rasteriser
from envs.pictures.rasteriser import EMPTY, PixelGrid, rasterise

GRID = PixelGrid(height=20, width=30)


def random_faces(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    corners = rng.uniform([-5.0, -5.0], [35.0, 25.0], (count, 3, 2))  # some reach beyond the image
    return corners, rng.uniform(0.5, 2.0, (count, 3))


def by_exhaustion(corners: np.ndarray, nearness: np.ndarray, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Nearest front face and its nearness at each pixel, by solving for barycentric coordinates."""
    face = np.full((grid.height, grid.width), EMPTY)
    best = np.full((grid.height, grid.width), -np.inf)
    for number, (corner, near) in enumerate(zip(corners, nearness, strict=True)):
        system = np.vstack((corner.T, np.ones(3)))
        if np.linalg.det(system) >= 0:  # clockwise as seen (y points down), or no area
            continue
        for row in range(grid.height):
            for column in range(grid.width):
                weights = np.linalg.solve(system, [column + 0.5, row + 0.5, 1.0])
                if (weights >= 0).all() and weights @ near > best[row, column]:
                    face[row, column], best[row, column] = number, weights @ near
    return face, best


@pytest.mark.parametrize("most_pixels", [2_000_000, 7])
def test_same_as_testing_every_pixel(monkeypatch: pytest.MonkeyPatch, most_pixels: int) -> None:
    monkeypatch.setattr(rasteriser, "_MAX_PIXELS", most_pixels)  # 7: many parts, drawn one after another
    corners, nearness = random_faces()
    coverage = rasterise(corners, nearness, GRID)
    face, best = by_exhaustion(corners, nearness, GRID)
    assert len(np.unique(face)) > 4
    np.testing.assert_array_equal(coverage.face, face)
    np.testing.assert_allclose(coverage.nearness, best, rtol=1e-5)


def test_weights_give_back_the_pixel_centre() -> None:
    corners, nearness = random_faces()
    coverage = rasterise(corners, nearness, GRID)
    rows, columns = np.nonzero(coverage.face != EMPTY)
    centres = np.einsum("nk,nkc->nc", coverage.weights[rows, columns], corners[coverage.face[rows, columns]])
    # weights are float32 and pixel coordinates reach 30
    np.testing.assert_allclose(centres, np.stack((columns + 0.5, rows + 0.5), axis=1), atol=1e-3)


def test_faces_turned_away_are_left_out() -> None:
    corners = np.array([[[2.0, 2.0], [2.0, 18.0], [28.0, 18.0]]])  # down, then right: counter-clockwise as seen
    near = np.ones((1, 3))
    assert (rasterise(corners, near, GRID).face == 0).any()
    assert (rasterise(corners[:, ::-1], near, GRID).face == EMPTY).all()


def test_neighbouring_faces_leave_no_gap() -> None:
    square = np.array([[3.0, 4.0], [3.0, 15.0], [25.0, 15.0], [25.0, 4.0]])
    corners = square[[[0, 1, 2], [0, 2, 3]]]
    covered = rasterise(corners, np.ones((2, 3)), GRID).face != EMPTY
    assert covered.sum() == 22 * 11
    assert covered[4:15, 3:25].all()


@pytest.mark.parametrize("corners", [np.zeros((0, 3, 2)), np.full((1, 3, 2), 5.0)])
def test_nothing_and_faces_without_area_show_nothing(corners: np.ndarray) -> None:
    coverage = rasterise(corners, np.ones(corners.shape[:2]), GRID)
    assert (coverage.face == EMPTY).all()
    assert coverage.nearness.max() == -np.inf
