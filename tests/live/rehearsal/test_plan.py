"""Trials: ten objects, two poses, all from a seed; the pose in the object's frame stays what was agreed on."""

import numpy as np
import pytest
import torch

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.geometry.transforms import pose_compose, pose_invert
from envs.objects.library import ObjectLibrary
from live.poses import Array
from live.rehearsal.plan import HOUSEHOLD, MAX_SHIFT, Trial, TrialPlan
from tests.learning import ROOT


@pytest.fixture(scope="module")
def grasps() -> GraspSet:
    return load_grasp_set(ROOT / "data" / "grasps.npz")


@pytest.fixture(scope="module")
def trials(grasps: GraspSet) -> list[Trial]:
    return TrialPlan(grasps, ObjectLibrary(), "development", trials=2, families=("banana",)).trials()


def in_object(trial: Trial, step: int) -> Array:
    """The wrist (7,) as the object sees it."""
    object_w, wrist_w = (torch.tensor(pose)[None] for pose in (trial.object_pose_w, trial.user_pose_w[step]))
    found: Array = pose_compose(pose_invert(object_w), wrist_w)[0].numpy()
    return found


def test_there_are_ten_objects() -> None:
    for parts in HOUSEHOLD.values():
        assert len({name for names in parts.values() for name in names}) == 10


def test_first_trials_come_first_and_each_has_a_name(trials: list[Trial]) -> None:
    assert [(trial.number, trial.pose) for trial in trials] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert len({trial.name for trial in trials}) == 4
    assert {trial.grasp_object.family for trial in trials} == {"banana"}


def test_object_and_way_differ_between_trials_and_the_pose_does_not(trials: list[Trial]) -> None:
    first, _, second, _ = trials
    np.testing.assert_allclose(in_object(first, first.lift_step), in_object(second, second.lift_step), atol=2e-3)
    assert np.abs(first.object_pose_w - second.object_pose_w).max() > 0.01
    assert np.abs(in_object(first, 0) - in_object(second, 0)).max() > 0.01
    assert np.abs(in_object(first, first.lift_step) - in_object(trials[1], trials[1].lift_step)).max() > 0.02


def test_objects_stand_where_the_cameras_look_and_users_rise_in_the_end(trials: list[Trial]) -> None:
    for trial in trials:
        assert np.abs(trial.object_pose_w[:2]).max() <= MAX_SHIFT
        assert trial.user_pose_w[-1, 2] > trial.user_pose_w[trial.lift_step, 2] + 0.1


def test_a_seed_gives_the_same_trials_again(grasps: GraspSet, trials: list[Trial]) -> None:
    again = TrialPlan(grasps, ObjectLibrary(), "development", trials=2, families=("banana",)).trials()
    np.testing.assert_array_equal(again[2].user_pose_w, trials[2].user_pose_w)
    np.testing.assert_array_equal(again[2].object_pose_w, trials[2].object_pose_w)


def test_what_does_not_exist_is_refused(grasps: GraspSet) -> None:
    with pytest.raises(ValueError, match="family 'teapot' is not of the development objects"):
        TrialPlan(grasps, ObjectLibrary(), "development", families=("teapot",))
    with pytest.raises(ValueError, match="allowed test, development, at least 1 trial"):
        TrialPlan(grasps, ObjectLibrary(), "kitchen")
