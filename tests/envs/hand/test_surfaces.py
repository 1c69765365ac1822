"""Collision shapes and skin points against MuJoCo's geometry."""

import mujoco
import numpy as np
import pytest
import torch

from envs.conventions import ACTUATED_JOINTS, FINGERS
from envs.hand.kinematics import HandKinematics, HandPose
from envs.hand.model import COUPLED_JOINTS, bare_hand, coupled_from_actuated, element_name, joint_limits, open_hand
from envs.hand.surfaces import (
    box_corners,
    capsule_ends,
    collision_boxes,
    collision_capsules,
    distal_pads,
    first_finger_side,
    lowest_point,
    middle_pads,
    palmar_direction,
    points_and_normals,
    skin_point,
)


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    limits = joint_limits()
    return np.random.default_rng(0).uniform(limits.low, limits.high, (8, 18))


@pytest.fixture(scope="module")
def pose(joints: np.ndarray) -> HandPose:
    return HandKinematics().forward(torch.tensor(joints))


def in_mujoco(joints: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(bare_hand())
    values = (*joints, *coupled_from_actuated(joints))
    for name, value in zip((*ACTUATED_JOINTS, *COUPLED_JOINTS), values, strict=True):
        data.joint(element_name(name)).qpos[0] = value
    mujoco.mj_kinematics(bare_hand(), data)
    return data


def test_capsules_lie_where_mujoco_puts_them(joints: np.ndarray, pose: HandPose) -> None:
    ends = capsule_ends(pose).numpy()
    assert len(collision_capsules()) == 15
    for row in range(len(joints)):
        data = in_mujoco(joints[row])
        for column, capsule in enumerate(collision_capsules()):
            geom = data.geom(element_name(f"C_{capsule.link}"))
            along = geom.xmat.reshape(3, 3)[:, 2] * bare_hand().geom(geom.name).size[1]
            np.testing.assert_allclose(ends[row, column], [geom.xpos - along, geom.xpos + along], atol=1e-12)
            assert capsule.radius == bare_hand().geom(geom.name).size[0]


def test_boxes_lie_where_mujoco_puts_them(joints: np.ndarray, pose: HandPose) -> None:
    corners = box_corners(pose).numpy()
    assert [box.link for box in collision_boxes()] == ["palm", "palm", "lfmetacarpal"]
    data = in_mujoco(joints[0])
    for column, name in enumerate(["C_palm0", "C_palm1", "C_lfmetacarpal"]):
        geom = data.geom(element_name(name))
        in_box = (corners[0, column] - geom.xpos) @ geom.xmat.reshape(3, 3)
        size = bare_hand().geom(geom.name).size
        np.testing.assert_allclose(np.abs(in_box), np.broadcast_to(size, (8, 3)), atol=1e-12)
        assert len(np.unique(np.sign(in_box), axis=0)) == 8


def test_pads_lie_on_the_capsules_with_outward_unit_normals(pose: HandPose) -> None:
    surface = (*distal_pads(), *middle_pads(), first_finger_side())
    points, normals = points_and_normals(pose, surface)
    ends = capsule_ends(pose)
    columns = {capsule.link: column for column, capsule in enumerate(collision_capsules())}
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(normals.shape[:2], dtype=torch.float64))
    for k, point in enumerate(surface):
        capsule = collision_capsules()[columns[point.link]]
        centre = ends[:, columns[point.link]].mean(dim=1)
        torch.testing.assert_close(points[:, k] - centre, capsule.radius * normals[:, k], atol=1e-12, rtol=0.0)


def test_pads_are_on_the_side_of_the_touch_sensors() -> None:
    # the model's touch sites mark the palmar side of the distal links, independently of this file
    for finger, pad in zip(FINGERS, distal_pads(), strict=True):
        touch = bare_hand().site(element_name(f"Tch_{finger}tip")).pos
        assert touch @ pad.normal > 0.9 * np.linalg.norm(touch[:2])


def test_open_hand_pads_face_the_palm_side() -> None:
    pose = HandKinematics().forward(torch.tensor(open_hand()[None]))
    _, normals = points_and_normals(pose, distal_pads())
    palmar = torch.tensor([0.0, -1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(normals[0, :4], palmar.expand(4, 3))


def test_side_of_the_first_finger_faces_the_thumb() -> None:
    pose = HandKinematics().forward(torch.tensor(open_hand()[None]))
    point, normal = points_and_normals(pose, [first_finger_side()])
    thumb_tip = pose.fingertips[:, 4]
    assert ((thumb_tip - point[:, 0]) * normal[:, 0]).sum() > 0.0


def test_lowest_point_of_an_upright_hand() -> None:
    pose = HandKinematics().forward(torch.tensor(open_hand()[None], dtype=torch.float32))
    upright = torch.tensor([[0.3, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0]])
    # the palm boxes reach down to 0.038 - 0.049 = -0.011 and 0.014 - 0.025 = -0.011 m below the base
    torch.testing.assert_close(lowest_point(pose, upright), torch.tensor([0.489]))
    upside_down = torch.tensor([[0.3, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0]])
    # now the middle finger's capsule: 0.099 + 0.045 + 0.025 + 0.024 + radius 0.00705 = 0.20005 m
    torch.testing.assert_close(lowest_point(pose, upside_down), torch.tensor([0.29995]))


def test_link_without_capsule_is_named() -> None:
    with pytest.raises(ValueError, match="link 'thhub' has no collision capsule; links with one: ffproximal"):
        skin_point("thhub")


@pytest.mark.parametrize("function", [skin_point, palmar_direction])
def test_unknown_link_is_named(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="unknown hand link 'thumb'"):
        function("thumb")
