"""The drawn hand is where kinematics says it is."""

import numpy as np
import pytest
import torch
import trimesh

from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from envs.pictures.hand_picture import FINGERTIP_COLOUR, HandPicture, grasp_camera, posed_hand, posed_object

HAND = shadow_hand()

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
UPSIDE_DOWN = np.array([0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0])
BOX = trimesh.creation.box(extents=[0.05, 0.05, 0.05])


def bent_hand() -> np.ndarray:
    joints = HAND.open_pose.copy()
    for name in ("FFJ2", "FFJ1", "LFJ2"):
        joints[HAND.joints.index(name)] = 0.9
    return joints


def draw(size: int = 64, **changes: object) -> np.ndarray:
    arguments: dict = {
        "joint_pos": bent_hand(),
        "wrist_pose_w": UPSIDE_DOWN,
        "object_vertices": BOX.vertices,
        "object_faces": BOX.faces,
        "object_pose_w": [0.1, 0.2, 0.025, 1.0, 0.0, 0.0, 0.0],
    }
    return HandPicture(HAND, size).draw(**{**arguments, **changes})


@pytest.mark.parametrize("joints", [HAND.open_pose.copy(), bent_hand()])
def test_drawn_fingertips_lie_at_the_fingertip_sites(joints: np.ndarray) -> None:
    mesh = posed_hand(HAND, joints, IDENTITY)
    dark = mesh.corners[(mesh.colours == FINGERTIP_COLOUR).all(axis=1)].reshape(-1, 3)
    tips = HandKinematics(HAND).forward(torch.tensor(joints[None])).fingertips[0].numpy()
    for tip in tips:
        # the site is at the end of the distal part; the thumb's mesh has facets of 1 cm
        assert np.linalg.norm(dark - tip, axis=1).min() < 0.009


def test_hand_moves_with_its_wrist() -> None:
    at_origin, moved = (
        posed_hand(HAND, bent_hand(), IDENTITY),
        posed_hand(HAND, bent_hand(), UPSIDE_DOWN),
    )
    # half a turn about x: y and z change sign
    np.testing.assert_allclose(moved.corners, at_origin.corners * [1.0, -1.0, -1.0] + [0.1, 0.2, 0.3], atol=1e-12)


def test_coupled_joints_can_be_given() -> None:
    by_default, straight = (
        posed_hand(HAND, bent_hand(), IDENTITY),
        posed_hand(HAND, bent_hand(), IDENTITY, np.zeros(4)),
    )
    assert np.abs(by_default.corners - straight.corners).max() > 0.01


def test_picture_shows_hand_and_object() -> None:
    image = draw(96).astype(int)
    assert image.shape == (96, 96, 3)
    orange = (image[..., 0] > image[..., 2] + 60) & (image[..., 0] > image[..., 1] + 20)
    bluish = image[..., 2] > image[..., 0] + 15
    assert orange.sum() > 200
    assert bluish.sum() > 100


@pytest.mark.parametrize("quat", [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.5**0.5, 0, 0.5**0.5, 0]])
def test_camera_stays_above_the_horizon(quat: list[float]) -> None:
    wrist = np.array([0.0, 0.0, 0.3, *quat])
    thing = posed_object(BOX.vertices, BOX.faces, IDENTITY)
    camera = grasp_camera(posed_hand(HAND, HAND.open_pose.copy(), wrist), thing, wrist)
    towards = camera.position - camera.target
    slope = np.degrees(np.arctan2(towards[2], np.hypot(towards[0], towards[1])))
    assert 13.9 < slope < 38.1


def test_wrong_joints_are_named() -> None:
    with pytest.raises(ValueError, match=r"joint_pos has shape \(22,\), expected \(18,\)"):
        draw(joint_pos=np.zeros(22))


def test_nan_pose_is_named() -> None:
    with pytest.raises(ValueError, match="wrist_pose_w holds nan, expected finite numbers"):
        draw(wrist_pose_w=np.full(7, np.nan))


def test_tiny_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="picture size is 8 pixels, expected at least 16"):
        HandPicture(HAND, 8)
