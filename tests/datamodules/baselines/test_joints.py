"""What a primitive has to beat."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from datamodules.baselines.joints import NearestGrasp, cloud_descriptor
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.library import ObjectLibrary
from tests.learning import uneven_set

pytestmark = pytest.mark.usefixtures("fast_objects")


def table(grasps: GraspSet) -> GraspTable:
    return GraspTable(grasps, ObjectLibrary(), 256)


def test_descriptor_is_the_distance_of_the_nearest_point_from_each_probe() -> None:
    cloud = torch.tensor([[[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]])
    found = cloud_descriptor(cloud)
    assert found.shape == (1, 7 * 6 * 8)  # 18, 15 and 21 cm at 3 cm, ends included
    # the first probe is (-0.09, -0.12, -0.03): sqrt(0.0081 + 0.0144 + 0.0009)
    assert found[0, 0].item() == pytest.approx(0.0234**0.5, abs=1e-5)  # cdist in float32
    assert found.min().item() == pytest.approx(0.0, abs=1e-5)  # the probe at the origin


def test_descriptor_does_not_depend_on_the_order_of_points() -> None:
    cloud = table(uneven_set((1,))).batch(torch.tensor([0])).points_h
    torch.testing.assert_close(cloud_descriptor(cloud), cloud_descriptor(cloud.flip(1)), atol=1e-6, rtol=0.0)


def as_other_objects(asked: GraspTable) -> GraspTable:
    """The same grasps and clouds under object numbers that the training grasps do not have."""
    asked.object_index = asked.object_index + 100
    return asked


def test_an_equal_grasp_of_another_object_is_the_nearest() -> None:
    grasps = uneven_set((4, 3))
    found = NearestGrasp(table(grasps)).joints(as_other_objects(table(grasps)))
    np.testing.assert_allclose(found, grasps.joint_pos, atol=0.0)


def test_grasps_of_the_same_object_are_left_out() -> None:
    grasps = uneven_set((4, 3))
    train = table(grasps)
    found = NearestGrasp(train).joints(train)
    others = {0: grasps.joint_pos[grasps.object_index == 1], 1: grasps.joint_pos[grasps.object_index == 0]}
    for joints, index in zip(found, grasps.object_index, strict=True):
        assert (np.abs(others[int(index)] - joints).max(axis=1) == 0.0).any()


def test_a_wrist_a_millimetre_off_finds_its_grasp() -> None:
    grasps = uneven_set((4, 3))
    moved = grasps.wrist_pose_o.copy()
    moved[:, :3] += 0.001 / 3**0.5
    found = NearestGrasp(table(grasps)).joints(as_other_objects(table(replace(grasps, wrist_pose_o=moved))))
    np.testing.assert_allclose(found, grasps.joint_pos, atol=0.0)


def test_chunks_do_not_change_the_answer() -> None:
    train, asked = table(uneven_set((5, 4))), table(uneven_set((3,)))
    whole = NearestGrasp(train).joints(asked)
    np.testing.assert_array_equal(NearestGrasp(train, chunk=2).joints(asked, chunk=2), whole)
