"""Lift rates of a grasp set and of what a primitive has to beat."""

import numpy as np
import pytest

from datamodules.baselines.set_trials import ConstantJoints, SetTrials
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary

HAND = shadow_hand()

pytestmark = pytest.mark.usefixtures("fast_objects")


@pytest.fixture
def table(tiny_grasps: GraspSet) -> GraspTable:
    grasps = tiny_grasps.split("unseen_families")
    return GraspTable(grasps.rows(np.array([0, len(grasps) - 1])), ObjectLibrary(), 64)


def test_stored_grasps_lift(table: GraspTable) -> None:
    done: list[int] = []
    values = SetTrials(table, ObjectLibrary(), on_trials=done.append).stored()
    assert set(values) == {"grasp_success", "grasp_success_collisions_on"}
    assert values["grasp_success"].tolist() == [1.0, 1.0]
    assert sum(done) == 4  # placed and closed


def test_the_hand_stands_where_the_grasp_says(table: GraspTable, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = SetTrials(table, ObjectLibrary())
    np.testing.assert_allclose(trials.goal, table.grasps.joint_pos)
    # every other joint vector at the same wrist poses: the open hand lifts nothing
    values = trials.joints("x", np.tile(HAND.open_pose.copy(), (2, 1)), with_collisions=False)
    assert values["x_collisions_off"].tolist() == [0.0, 0.0]
    assert set(values) == {"x_collisions_off"}


def test_baselines_are_measured_at_the_stored_wrist_poses(
    table: GraspTable, tiny_grasps: GraspSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = GraspTable(tiny_grasps.split("train"), ObjectLibrary(), 64)
    constants, asked = ConstantJoints.of_training(train), {}
    nearest = constants.nearest.joints(table)

    def joints(
        self: SetTrials, name: str, joint_pos: np.ndarray, *, with_collisions: bool = True
    ) -> dict[str, np.ndarray]:
        asked[name] = joint_pos
        return {f"{name}_collisions_off": np.zeros(2)}

    monkeypatch.setattr(SetTrials, "joints", joints)
    values = SetTrials(table, ObjectLibrary()).baselines(constants)
    np.testing.assert_allclose(asked["constant_success"], np.tile(train.grasps.mean_joints(), (2, 1)))
    np.testing.assert_allclose(asked["blind_success"], np.tile(HAND.closed_pose, (2, 1)))
    np.testing.assert_allclose(asked["nearest_success"], nearest)
    goal = table.grasps.joint_pos
    mean = train.grasps.mean_joints()
    np.testing.assert_allclose(values["constant_posture_rad"], np.linalg.norm(mean - goal, axis=1))
    np.testing.assert_allclose(values["nearest_posture_rad"], np.linalg.norm(nearest - goal, axis=1))
