"""Easy grasps: who lifts when the hand's joints are given, and what takes their place."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet, check_grasp_set, iterate_objects
from datamodules.synthesis import object_rounds, trial
from datamodules.synthesis.easy_grasps import EasyLimit, easy_flags, lifts_placed, mean_joints
from datamodules.synthesis.synthesizer import GraspSynthesizer, ObjectResult
from envs.hand.registry import load_hand
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.trials.lift import LiftResult, lift_test
from tests.datamodules.grasps.examples import TINY, assert_same_grasps, good_grasps, prototypes, thing
from tests.envs.hand.claw import write_claw

HAND = shadow_hand()

LIMIT = EasyLimit((0.5,) * HAND.num_joints, most=1)
Easy = Callable[..., NDArray[np.bool_]]


def _lifts(joint_pos: NDArray[np.floating], rows: slice = slice(None)) -> NDArray[np.bool_]:
    grasps = good_grasps().grasps.rows(np.arange(len(good_grasps().grasps))[rows])
    physics = MujocoCpuPhysics(HAND, 3, num_threads=0)
    poses = (grasps.object_pose_w.astype(np.float64), grasps.wrist_pose_o.astype(np.float64))
    return lifts_placed(physics, [thing()] * len(grasps), *poses, joint_pos.astype(np.float64))


def test_a_grasps_own_joints_lift_and_the_open_hand_does_not() -> None:
    grasps = good_grasps().grasps
    own = [bool(_lifts(grasps.joint_pos[row], slice(row, row + 1))[0]) for row in range(len(grasps))]
    assert np.mean(own) > 0.7  # found with a shaken lift and noise, so that one may miss
    assert len(grasps) > 3  # more than one batch of worlds
    assert not _lifts(HAND.open_pose.copy()).any()


def test_flags_of_a_set_are_the_lifts_of_each_object_with_the_joints_given(tiny_grasps: GraspSet) -> None:
    library = ObjectLibrary()
    joint_pos = tiny_grasps.joint_pos[0].astype(np.float64)  # some lift with these, some do not
    flags = easy_flags(tiny_grasps, library, joint_pos, num_threads=0)
    for name, grasps in iterate_objects(tiny_grasps):
        poses = (grasps.object_pose_w.astype(np.float64), grasps.wrist_pose_o.astype(np.float64))
        physics = MujocoCpuPhysics(HAND, 3, num_threads=0)
        expected = lifts_placed(physics, [library.get(name)] * len(grasps), *poses, joint_pos)
        np.testing.assert_array_equal(flags[tiny_grasps.object_index == tiny_grasps.objects.index(name)], expected)
    assert 0 < flags.sum() < len(flags)
    assert not easy_flags(tiny_grasps, library, HAND.open_pose, num_threads=0).any()


def test_mean_joints_are_those_of_the_training_grasps(tiny_grasps: GraspSet) -> None:
    rows = [tiny_grasps.object_splits[index] == "train" for index in tiny_grasps.object_index]
    expected = tiny_grasps.joint_pos[np.array(rows)].astype(np.float64).mean(axis=0)
    np.testing.assert_array_equal(mean_joints(tiny_grasps, HAND), expected)
    with pytest.raises(ValueError, match=r"no split 'train'; it has: unseen_families"):
        mean_joints(tiny_grasps.split("unseen_families"), HAND)


def test_mean_joints_of_another_hand_are_refused(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    write_claw(tmp_path)
    other = load_hand(str(tmp_path / "claw.yaml"))
    with pytest.raises(ValueError, match=rf"of the hand shadow, the grasps of {other.name}; give a grasp set of the"):
        mean_joints(tiny_grasps, other)


def test_fewer_than_no_easy_grasps_are_refused() -> None:
    with pytest.raises(ValueError, match="most is -1, expected at least 0"):
        replace(LIMIT, most=-1)


def test_a_limit_needs_approaches() -> None:
    with pytest.raises(ValueError, match=r"leave out the limit, or with_reachability=False"):
        GraspSynthesizer(HAND, TINY, prototypes()).synthesize(thing(), "train", limit=LIMIT, with_reachability=False)


def _limited(monkeypatch: pytest.MonkeyPatch, easy: Easy, limit: EasyLimit = LIMIT) -> ObjectResult:
    monkeypatch.setattr(object_rounds, "lifts_placed", easy)
    settings = replace(TINY, quota=8, wanted=4, batch=8, max_hands=48)
    return GraspSynthesizer(HAND, settings, prototypes()).synthesize(thing(), "train", limit=limit)


def _all(value: bool) -> Easy:
    return lambda physics, thing, object_w, *_: np.full(len(object_w), value)


def test_where_none_is_easy_the_limit_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = _limited(monkeypatch, _all(False))
    settings = replace(TINY, quota=8, wanted=4, batch=8, max_hands=48)
    free = GraspSynthesizer(HAND, settings, prototypes()).synthesize(thing(), "train")
    assert_same_grasps(limited.grasps, free.grasps)


def test_where_all_are_easy_only_the_allowed_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _limited(monkeypatch, _all(True))
    check_grasp_set(result.grasps, "limited")
    assert len(result.grasps) == LIMIT.most
    assert result.grasps.is_reachable.all()
    counts = result.counts.values()
    assert sum(count.rejected.get("easy", 0) for count in counts) > 0
    assert sum(count.verified for count in counts) == sum(count.kept for count in counts) == LIMIT.most
    assert sum(count.tried for count in counts) == 48  # the others went on being looked for
    for count in counts:
        later = sum(number for cause, number in count.rejected.items() if cause != "penetrates_at_start")
        assert count.tried == count.verified + later


def test_once_no_easy_grasp_may_come_they_are_told_before_their_lift(monkeypatch: pytest.MonkeyPatch) -> None:
    lifts: list[int] = []

    def noted(physics: Any, *, active: NDArray[np.bool_], **rest: Any) -> LiftResult:
        lifts.append(int(active.sum()))
        return lift_test(physics, active=active, **rest)

    monkeypatch.setattr(trial, "lift_test", noted)
    result = _limited(monkeypatch, _all(True), replace(LIMIT, most=0))
    assert len(result.grasps) == 0
    assert not lifts
    assert sum(count.rejected.get("easy", 0) for count in result.counts.values()) > 0
    # one may come: until it has, hands are lifted first, since an easy one may not hold
    assert len(_limited(monkeypatch, _all(True)).grasps) == 1
    assert lifts


def test_hard_grasps_make_up_for_easy_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    easy_poses: list[NDArray[np.float64]] = []
    asked: list[NDArray[np.float64]] = []

    def every_second(physics: Any, thing: Any, object_w: Any, wrist_o: Any, joints: Any) -> NDArray[np.bool_]:
        asked.append(joints)
        is_easy = np.arange(len(wrist_o)) % 2 == 0
        easy_poses.extend(wrist_o[is_easy])
        return is_easy

    grasps = _limited(monkeypatch, every_second, replace(LIMIT, most=2)).grasps
    is_easy = [any(np.allclose(pose, easy, atol=1e-6) for easy in easy_poses) for pose in grasps.wrist_pose_o]
    assert 0 < sum(is_easy) <= 2 < len(easy_poses)
    assert grasps.is_reachable[is_easy].all()  # an easy grasp that no wrist reaches is not worth its place
    assert grasps.is_reachable.sum() >= 4
    np.testing.assert_array_equal(asked[0], np.full(HAND.num_joints, 0.5))
