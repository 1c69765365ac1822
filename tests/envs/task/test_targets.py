"""The grasps that episodes are made of."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.geometry.transforms import transform_points
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from envs.task.targets import GraspTargets
from tests.assisting import made_up_targets


def test_rows_are_chosen_in_every_column() -> None:
    targets = made_up_targets()
    chosen = targets.rows(np.array([4, 1]))
    assert len(chosen) == 2
    assert chosen.grasp_objects == targets.grasp_objects
    for name in ("object_index", "object_pose_w", "wrist_pose_w", "joint_pos", "type_index"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(targets, name)[[4, 1]], err_msg=name)


def test_fingertip_centres_are_those_of_the_grasps_in_the_world() -> None:
    targets = made_up_targets()
    tips_h = HandKinematics(shadow_hand()).forward(torch.as_tensor(targets.joint_pos[3:4])).fingertips
    expected = transform_points(torch.as_tensor(targets.wrist_pose_w[3:4]), tips_h)[0].mean(dim=0)
    np.testing.assert_allclose(targets.fingertip_centre_w[3], expected, atol=1e-12)
    # fingers point down
    assert (targets.fingertip_centre_w[:, 2] < targets.wrist_pose_w[:, 2] - 0.05).all()


def test_the_other_grasp_is_the_nearest_that_is_clearly_another_moved_with_the_object() -> None:
    targets = made_up_targets((4, 1))
    wrist_w, object_w = targets.wrist_pose_w.copy(), targets.object_pose_w.copy()
    wrist_w[:4, 0] = [0.0, 0.01, 0.08, 0.3]  # the second is the same grasp as the first, within a centimetre
    wrist_w[:4, 1:3] = [0.0, 0.2]
    object_w[2, 0] += 1.0
    wrist_w[2, 0] += 1.0
    moved = replace(targets, wrist_pose_w=wrist_w, object_pose_w=object_w)
    other_w = moved.other_wrist_pose_w(np.arange(5))
    np.testing.assert_allclose(other_w[:4, 0], [0.08, 0.08, 1.01, 0.08], atol=1e-9)
    assert np.isnan(other_w[4]).all()


def test_a_grasp_of_an_object_that_lies_on_another_side_is_no_other() -> None:
    targets = made_up_targets((2, 1))
    wrist_w, object_w = targets.wrist_pose_w.copy(), targets.object_pose_w.copy()
    wrist_w[1, 0] += 0.1
    assert np.isfinite(replace(targets, wrist_pose_w=wrist_w).other_wrist_pose_w(np.arange(2))).all()
    object_w[1, 3:] = [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]
    tipped = replace(targets, wrist_pose_w=wrist_w, object_pose_w=object_w)
    assert np.isnan(tipped.other_wrist_pose_w(np.arange(2))).all()


def test_no_grasp_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no grasp to make episodes of; choose a split or object that has"):
        made_up_targets().rows(np.array([], dtype=np.int64))


def _changed(field: str, row: int, column: int, value: float) -> GraspTargets:
    targets = made_up_targets()
    changed = getattr(targets, field).copy()
    changed[row, column] = value
    return replace(targets, **{field: changed})


@pytest.mark.parametrize(
    ("field", "column", "value", "message"),
    [
        ("object_pose_w", 1, np.nan, "object_pose_w row 2 holds NaN or infinity"),
        ("wrist_pose_w", 4, 3.0, "wrist_pose_w row 2 has a quaternion of length 3.0000"),
        ("joint_pos", 0, 9.0, "joint_pos of the targets.*FFJ3"),
    ],
)
def test_bad_numbers_are_named(field: str, column: int, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _changed(field, 2, column, value)


def test_an_object_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"object_index spans 0\.\.2, allowed 0\.\.1: rows of grasp_objects"):
        replace(made_up_targets(), object_index=np.array([0, 0, 1, 2, 1]))


def test_a_goal_is_another_grasp_of_the_object_every_one_as_often() -> None:
    targets = made_up_targets((4, 1))
    rows, numbers = np.full(9, 1), np.arange(9)
    found = targets.other_joint_pos(rows, numbers)
    # the others in turn, after the grasp itself: 2, 3, 0
    np.testing.assert_array_equal(found, targets.joint_pos[[2, 3, 0] * 3])


def test_an_object_with_one_grasp_has_that_one_for_a_goal() -> None:
    targets = made_up_targets((4, 1))
    np.testing.assert_array_equal(
        targets.other_joint_pos(np.array([4, 4]), np.array([0, 7])), targets.joint_pos[[4, 4]]
    )
