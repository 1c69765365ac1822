"""From stored grasps to targets of episodes."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import relative_pose
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.objects.library import ObjectLibrary

pytestmark = pytest.mark.usefixtures("fast_objects")


def shifted_rest(grasps: GraspSet) -> GraspSet:
    rest = grasps.object_pose_w.copy()
    rest[:, 0] += 0.015
    return replace(grasps, rest_pose_w=rest, is_reachable=np.arange(len(grasps)) % 2 == 0)


def test_the_object_rests_while_the_wrist_stays_where_the_hand_closed(tiny_grasps: GraspSet) -> None:
    grasps = shifted_rest(tiny_grasps)
    targets = grasp_targets(grasps, ObjectLibrary(), reachable_only=False)
    np.testing.assert_allclose(targets.object_pose_w, grasps.rest_pose_w, atol=1e-6)
    # the wrist belongs to the pushed object, not to the one at rest
    pushed = relative_pose(grasps.object_pose_w.astype(float), targets.wrist_pose_w)
    np.testing.assert_allclose(pushed[:, :3], grasps.wrist_pose_o[:, :3], atol=1e-6)
    np.testing.assert_array_equal(targets.joint_pos, grasps.joint_pos)
    np.testing.assert_array_equal(targets.type_index, grasps.type_index)
    np.testing.assert_allclose(np.linalg.norm(targets.wrist_pose_w[:, 3:], axis=1), 1.0, atol=1e-12)


def test_every_grasp_finds_its_object(tiny_grasps: GraspSet) -> None:
    grasps = tiny_grasps.split("unseen_families")
    targets = grasp_targets(grasps, ObjectLibrary(), reachable_only=False)
    assert [targets.grasp_objects[index].name for index in targets.object_index] == grasps.object_names()
    assert len({thing.name for thing in targets.grasp_objects}) == len(targets.grasp_objects)


def test_grasps_that_no_moving_wrist_takes_are_left_out(tiny_grasps: GraspSet) -> None:
    grasps = shifted_rest(tiny_grasps)
    targets = grasp_targets(grasps, ObjectLibrary())
    np.testing.assert_array_equal(targets.joint_pos, grasps.joint_pos[::2])


def test_flags_of_easy_grasps_go_with_their_grasps(tiny_grasps: GraspSet) -> None:
    grasps = shifted_rest(tiny_grasps)
    assert grasp_targets(grasps, ObjectLibrary()).is_easy is None
    targets = grasp_targets(replace(grasps, is_easy=np.arange(len(grasps)) % 4 == 0), ObjectLibrary())
    # reachable are rows 0, 2, 4, 6, of which every second is flagged
    assert targets.is_easy is not None
    np.testing.assert_array_equal(targets.is_easy, np.arange(len(targets)) % 2 == 0)
    assert targets.rows(np.array([2, 1])).is_easy.tolist() == [True, False]
    with pytest.raises(ValueError, match=r"is_easy is float64 of shape \(1,\), expected bool \(\d+,\), or None"):
        replace(targets, is_easy=np.zeros(1))


def test_shares_of_processes_are_different_objects_and_together_all_of_them(tiny_grasps: GraspSet) -> None:
    whole, *parts = (
        grasp_targets(tiny_grasps, ObjectLibrary(), reachable_only=False, share=share)
        for share in ((0, 1), (0, 2), (1, 2))
    )
    names = [{thing.name for thing in part.grasp_objects} for part in parts]
    assert not names[0] & names[1]
    assert names[0] | names[1] == {thing.name for thing in whole.grasp_objects}
    assert abs(len(names[0]) - len(names[1])) <= 1
    # every grasp is with its own object, in one of them
    assert sum(map(len, parts)) == len(whole)
    for part in (whole, *parts):
        part_names = {part.grasp_objects[row].name for row in part.object_index}
        assert part_names == {thing.name for thing in part.grasp_objects}


def test_fewer_objects_than_processes_are_everybodys(tiny_grasps: GraspSet) -> None:
    one = tiny_grasps.rows(tiny_grasps.object_index == tiny_grasps.object_index[0])
    assert len(grasp_targets(one, ObjectLibrary(), reachable_only=False, share=(1, 2))) == len(one)


def test_no_reachable_grasp_is_named(tiny_grasps: GraspSet) -> None:
    grasps = replace(tiny_grasps, is_reachable=np.zeros(len(tiny_grasps), dtype=bool))
    with pytest.raises(ValueError, match=rf"none of the {len(grasps)} grasps can be a target.*reachable_only=False"):
        grasp_targets(grasps, ObjectLibrary())


def test_unknown_object_is_named(tiny_grasps: GraspSet) -> None:
    grasps = replace(tiny_grasps, objects=("teapot_00001", *tiny_grasps.objects[1:]))
    with pytest.raises(ValueError, match="object 'teapot_00001' of the grasp set is not in the split file"):
        grasp_targets(grasps, ObjectLibrary(), reachable_only=False)
