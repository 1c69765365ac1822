"""Objects left alone come to rest on the table."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.physics.base import Array
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.trials.settling import MAX_STEPS, settle
from tests.datamodules.grasps.examples import thing

HAND = shadow_hand()

CAN, BOTTLE = thing(), thing("bottle", 0)


def tilted(pose_w: Array, degrees: float) -> Array:
    """The pose leaning about the world's x axis, far enough above the table not to touch it yet."""
    turn = Rotation.from_euler("x", degrees, degrees=True) * Rotation.from_quat(pose_w[3:], scalar_first=True)
    return np.concatenate([pose_w[:3] + np.array([0.0, 0.0, 0.01]), turn.as_quat(scalar_first=True)])


def test_objects_fall_back_to_the_table() -> None:
    start_w = np.stack([tilted(CAN.rest_poses[0], 5.0), tilted(BOTTLE.rest_poses[0], 3.0)])
    settled = settle(MujocoCpuPhysics(HAND, 2, num_threads=0), [CAN, BOTTLE], start_w)
    for row, item in enumerate((CAN, BOTTLE)):
        gap = np.abs(settled[row, 2] - item.rest_poses[:, 2]).min()
        assert gap < 0.001  # soft contacts give way by less than a millimetre
    again = settle(MujocoCpuPhysics(HAND, 2, num_threads=0), [CAN, BOTTLE], settled)
    np.testing.assert_allclose(again[:, :3], settled[:, :3], atol=5e-4)  # at rest
    np.testing.assert_allclose(np.linalg.norm(settled[:, 3:], axis=1), 1.0, atol=1e-9)


def test_an_object_at_rest_is_not_stepped_on(monkeypatch: pytest.MonkeyPatch) -> None:
    physics = MujocoCpuPhysics(HAND, 2, num_threads=0)
    moved: list[list[bool]] = []
    step = physics.step

    def noted(active: NDArray[np.bool_]) -> None:
        moved.append(active.tolist())
        step(active)

    monkeypatch.setattr(physics, "step", noted)
    resting = settle(MujocoCpuPhysics(HAND, 1, num_threads=0), [CAN], CAN.rest_poses[:1])
    start_w = np.concatenate([resting, tilted(BOTTLE.rest_poses[0], 12.0)[None]])
    settle(physics, [CAN, BOTTLE], start_w)
    of_can, of_bottle = np.array(moved).sum(axis=0)
    assert of_can <= 15
    assert of_can < of_bottle <= MAX_STEPS


def test_the_result_does_not_depend_on_the_company() -> None:
    start_w = np.stack([tilted(CAN.rest_poses[0], 5.0), tilted(BOTTLE.rest_poses[0], 3.0)])
    together = settle(MujocoCpuPhysics(HAND, 3, num_threads=0), [CAN, BOTTLE], start_w)
    alone = settle(MujocoCpuPhysics(HAND, 1, num_threads=0), [BOTTLE], start_w[1:])
    np.testing.assert_array_equal(together[1:], alone)


def test_a_diverged_world_keeps_its_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    physics = MujocoCpuPhysics(HAND, 1, num_threads=0)
    start_w = CAN.rest_poses[:1].copy()
    start_w[0, 2] = -0.02  # in the table: thrown out fast
    monkeypatch.setattr(physics, "settings", type(physics.settings)(max_speed=0.01))
    np.testing.assert_array_equal(settle(physics, [CAN], start_w), start_w)


def test_more_poses_than_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 objects to settle in 1 worlds; settle them batch by batch"):
        settle(MujocoCpuPhysics(HAND, 1, num_threads=0), [CAN, CAN], np.tile(CAN.rest_poses[0], (2, 1)))
