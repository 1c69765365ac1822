"""Camera, light and table of a picture."""

import numpy as np
import pytest
import trimesh

from envs.pictures.meshes import ColouredMesh, coloured
from envs.pictures.view import Camera, Image, Look, look_at, render_scene

RED, GREEN, BLACK = (0.9, 0.1, 0.1), (0.1, 0.8, 0.1), (0.0, 0.0, 0.0)
SIZE = 80


def box(size: float, position: list[float], colour: tuple[float, float, float]) -> ColouredMesh:
    shape = trimesh.creation.box(extents=[size] * 3)
    return coloured(shape.vertices + position, shape.faces, colour)


def is_red(image: Image) -> np.ndarray:
    return (image[..., 0] > 1.5 * image[..., 1].astype(int)) & (image[..., 0] > 1.5 * image[..., 2].astype(int))


def is_green(image: Image) -> np.ndarray:
    return (image[..., 1] > 1.5 * image[..., 0].astype(int)) & (image[..., 1] > 1.5 * image[..., 2].astype(int))


@pytest.mark.parametrize("direction", [[1.0, 0.2, 0.5], [-0.3, -1.0, 0.1], [0.0, 0.0, 1.0]])
def test_camera_sees_all_points_and_wastes_little(direction: list[float]) -> None:
    points = np.random.default_rng(0).normal(size=(200, 3)) * [0.1, 0.05, 0.2]
    camera = look_at(points, np.array(direction))
    local = (points - camera.position) @ camera.axes.T
    seen = np.abs(local[:, :2] / local[:, 2:]).max() / np.tan(0.5 * camera.opening)  # 1 is the rim
    assert 0.85 < seen <= 1.0


def test_camera_axes_are_right_handed_and_upright() -> None:
    camera = Camera(np.array([1.0, 2.0, 1.5]), np.zeros(3))
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)
    right, down, forward = camera.axes
    np.testing.assert_allclose(np.cross(right, down), forward, atol=1e-12)
    assert right[2] == pytest.approx(0.0, abs=1e-12)
    assert down[2] < 0.0


def test_left_and_up_in_the_world_are_left_and_up_in_the_picture() -> None:
    # seen from -y, +x is to the right and +z is up
    camera = Camera(np.array([0.0, -2.0, 0.5]), np.array([0.0, 0.0, 0.5]))
    image = render_scene([box(0.1, [0.25, 0.0, 0.75], RED), box(0.1, [-0.25, 0.0, 0.3], GREEN)], camera, SIZE)
    row, column = (axis.mean() for axis in np.nonzero(is_red(image)))
    assert row < SIZE / 2 < column
    row, column = (axis.mean() for axis in np.nonzero(is_green(image)))
    assert column < SIZE / 2 < row


def test_the_nearer_of_two_hides_the_farther() -> None:
    camera = Camera(np.array([0.0, -2.0, 0.5]), np.array([0.0, 0.0, 0.5]))
    near, far = box(0.3, [0.0, -0.5, 0.5], RED), box(0.2, [0.0, 0.5, 0.5], GREEN)
    for meshes in ([near, far], [far, near]):
        image = render_scene(meshes, camera, SIZE)
        assert is_red(image).any()
        assert not is_green(image).any()


def test_what_lies_below_the_table_is_hidden() -> None:
    camera = Camera(np.array([0.0, -1.0, 1.0]), np.zeros(3))
    sunk = box(0.2, [0.0, 0.0, -0.3], RED)
    marker = box(0.01, [0.4, 0.4, 0.01], GREEN)
    assert not is_red(render_scene([sunk, marker], camera, SIZE)).any()
    assert is_red(render_scene([sunk, marker], camera, SIZE, Look(has_table=False))).any()


def test_an_object_throws_a_shadow_on_the_table() -> None:
    camera = Camera(np.array([0.0, -1.0, 1.0]), np.zeros(3))
    floating = [box(0.1, [0.0, 0.0, 0.2], RED)]
    lit = render_scene(floating, camera, SIZE, Look(has_shadows=False)).astype(int).sum(axis=-1)
    shaded = render_scene(floating, camera, SIZE).astype(int).sum(axis=-1)
    darker = (lit - shaded) > 60
    assert 20 < darker.sum() < SIZE * SIZE / 4
    assert not (shaded > lit).any()


def test_outline_is_anti_aliased() -> None:
    camera = Camera(np.array([0.0, -2.0, 0.5]), np.array([0.0, 0.0, 0.5]))
    look = Look(background=(1.0, 1.0, 1.0), has_table=False)
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.3)
    image = render_scene([coloured(ball.vertices + np.array([0.0, 0.0, 0.5]), ball.faces, BLACK)], camera, SIZE, look)
    grey = (image[..., 0] > 100) & (image[..., 0] < 245)
    rows, columns = np.nonzero(grey)
    # 0.3 m at 2 m fill 0.3 / 2 / tan(0.25) of half the picture: 0.594 * 40 = 23.5 pixels (24 for a ball that near)
    radius = np.hypot(rows + 0.5 - SIZE / 2, columns + 0.5 - SIZE / 2)
    assert len(rows) > 40
    assert np.abs(radius - 23.8).max() < 1.5


def test_the_same_scene_gives_the_same_picture() -> None:
    camera = Camera(np.array([0.3, -1.0, 0.7]), np.zeros(3))
    first, second = (render_scene([box(0.2, [0.0, 0.0, 0.1], RED)], camera, SIZE) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (SIZE, SIZE, 3)
    assert first.dtype == np.uint8
