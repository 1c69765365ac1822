"""Pictures of the field, of grasps before and after, and filmstrips."""

import numpy as np
import pytest

from callbacks.field.drawings import (
    GraspScene,
    before_and_after,
    denoising_filmstrip,
    field_picture,
    fingertip_motion,
    grasp_pictures,
)
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object

HAND = shadow_hand()


@pytest.fixture(scope="module")
def scene() -> GraspScene:
    thing = make_object("box", 0)
    wrist = np.array([0.0, 0.05, thing.rest_poses[0, 2] + 0.2, 0.0, 1.0, 0.0, 0.0])
    return GraspScene(HAND, thing, thing.rest_poses[0], wrist)


def step_of(name: str, value: float) -> np.ndarray:
    step = np.zeros(18)
    step[HAND.joints.index(name)] = value
    return step


def test_motion_of_one_finger_is_its_own_arc() -> None:
    motion = fingertip_motion(HAND, HAND.open_pose.copy(), step_of("MFJ2", 0.05))
    # the straight finger, 0.045 + 0.025 + 0.026 = 0.096 m, turns by 0.05 rad towards the palm (-y): chord 2 r sin(a/2)
    assert np.linalg.norm(motion[1]) == pytest.approx(2 * 0.096 * np.sin(0.025), rel=1e-6)
    assert motion[1, 1] < 0.0
    assert not motion[[0, 2, 3, 4]].any()


def test_motion_stops_at_the_limits() -> None:
    at_limit = HAND.open_pose.copy()
    column = HAND.joints.index("FFJ2")
    at_limit[column] = HAND.limits.high[column]
    assert not fingertip_motion(HAND, at_limit, step_of("FFJ2", 0.05)).any()


def test_wrong_step_is_named() -> None:
    with pytest.raises(ValueError, match=r"joint_pos has shape \(18,\), joint_step \(17,\), expected \(18,\) each"):
        fingertip_motion(HAND, HAND.open_pose.copy(), np.zeros(17))


def test_field_picture_shows_an_arrow_where_a_finger_moves() -> None:
    cloud = np.random.default_rng(0).normal(size=(50, 3)) * 0.02 + [0.0, -0.08, 0.1]
    moving = field_picture(HAND, HAND.open_pose.copy(), step_of("FFJ2", 0.05), cloud, size=96).astype(int)
    still = field_picture(HAND, HAND.open_pose.copy(), np.zeros(18), cloud, size=96).astype(int)
    red = [(image[..., 0] > image[..., 1] + 70) & (image[..., 0] > image[..., 2] + 70) for image in (moving, still)]
    assert red[0].sum() > 10
    assert red[1].sum() == 0
    blue = moving[..., 2] > moving[..., 0] + 50
    assert blue.sum() > 10


def test_wrong_cloud_is_named() -> None:
    with pytest.raises(ValueError, match=r"points_h has shape \(3, 50\) or is not finite, expected finite \(N, 3\)"):
        field_picture(HAND, HAND.open_pose.copy(), np.zeros(18), np.zeros((3, 50)))


def test_pictures_of_one_scene_differ_only_where_the_hand_moved(scene: GraspScene) -> None:
    first, second = grasp_pictures(
        scene, [HAND.open_pose.copy(), HAND.open_pose.copy() + step_of("FFJ2", 0.8)], size=64
    )
    changed = (first.astype(int) != second).any(axis=-1)
    assert 10 < changed.sum() < 64 * 64 / 2
    again, _ = grasp_pictures(scene, [HAND.open_pose, HAND.open_pose + step_of("FFJ2", 0.8)], size=64)
    np.testing.assert_array_equal(again, first)


def test_before_and_after_are_side_by_side(scene: GraspScene) -> None:
    sheet = before_and_after(scene, HAND.open_pose.copy(), HAND.open_pose.copy() + step_of("FFJ2", 0.8), size=64)
    assert sheet.shape[1] == 2 * (64 + 6) + 6


def test_filmstrip_has_a_frame_for_every_time_and_clamps_noise(scene: GraspScene) -> None:
    noisy = [np.full(18, 5.0), HAND.open_pose.copy()]
    strip = denoising_filmstrip(scene, noisy, [1.0, 0.0], size=64)
    assert strip.shape[1] == 2 * (64 + 6) + 6


def test_wrong_number_of_times_is_named(scene: GraspScene) -> None:
    with pytest.raises(ValueError, match="filmstrip got 3 times for 1 joint vectors"):
        denoising_filmstrip(scene, [HAND.open_pose.copy()], [1.0, 0.5, 0.0])


def test_no_joints_are_refused(scene: GraspScene) -> None:
    with pytest.raises(ValueError, match="grasp_pictures got no joint vectors"):
        grasp_pictures(scene, [])
