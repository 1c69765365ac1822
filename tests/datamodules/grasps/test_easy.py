"""Easy grasps: who lifts when the hand's joints are given, and what takes their place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps import rounds
from datamodules.grasps.easy import EasyLimit, lifts_placed
from datamodules.grasps.grasp_set import GraspSet, check_grasp_set
from datamodules.grasps.synthesis import GraspSynthesizer, ObjectResult
from envs.conventions import NUM_JOINTS
from envs.hand.model import open_hand
from envs.physics.mujoco_cpu import MujocoCpuPhysics
from tests.datamodules.grasps.examples import TINY, assert_same_grasps, good_grasps, prototypes, thing

LIMIT = EasyLimit((0.5,) * NUM_JOINTS, most=1)
Easy = Callable[..., NDArray[np.bool_]]


def _lifts(joint_pos: NDArray[np.floating], rows: slice = slice(None)) -> NDArray[np.bool_]:
    grasps = good_grasps().grasps.rows(np.arange(len(good_grasps().grasps))[rows])
    physics = MujocoCpuPhysics(3, num_threads=0)
    poses = (grasps.object_pose_w.astype(np.float64), grasps.wrist_pose_o.astype(np.float64))
    return lifts_placed(physics, thing(), *poses, joint_pos.astype(np.float64))


def test_a_grasps_own_joints_lift_and_the_open_hand_does_not() -> None:
    grasps = good_grasps().grasps
    own = [bool(_lifts(grasps.joint_pos[row], slice(row, row + 1))[0]) for row in range(len(grasps))]
    assert np.mean(own) > 0.7  # found with a shaken lift and noise, so that one may miss
    assert len(grasps) > 3  # more than one batch of worlds
    assert not _lifts(open_hand()).any()


def test_fewer_than_no_easy_grasps_are_refused() -> None:
    with pytest.raises(ValueError, match="most is -1, expected at least 0"):
        replace(LIMIT, most=-1)


def _replaced(monkeypatch: pytest.MonkeyPatch, easy: Easy, known: GraspSet, quota: int = 8) -> ObjectResult:
    monkeypatch.setattr(rounds, "lifts_placed", easy)
    settings = replace(TINY, quota=quota, batch=8)
    return GraspSynthesizer(settings, prototypes()).replace_easy(thing(), known, LIMIT)


def _all(value: bool) -> Easy:
    return lambda physics, thing, object_w, *_: np.full(len(object_w), value)


def test_hard_grasps_stay_and_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    known = good_grasps().grasps
    result = _replaced(monkeypatch, _all(False), known, quota=len(known))
    assert_same_grasps(result.grasps, known)
    assert sum(count.tried for count in result.counts.values()) == 0


def test_where_all_are_easy_the_most_allowed_stay_and_no_new_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _replaced(monkeypatch, _all(True), good_grasps().grasps)
    assert len(result.grasps) == 1
    assert any((result.grasps.wrist_pose_o == row).all() for row in good_grasps().grasps.wrist_pose_o)
    assert result.grasps.is_reachable.all()  # reachable ones come first
    counts = result.counts.values()
    assert sum(count.rejected.get("easy", 0) for count in counts) > 0
    assert sum(count.verified for count in counts) == sum(count.kept for count in counts) == 0
    for count in counts:
        later = sum(number for cause, number in count.rejected.items() if cause != "penetrates_at_start")
        assert count.tried == count.verified + later


def test_new_hard_grasps_take_the_place_of_easy_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    known = good_grasps().grasps

    def only_known_are_easy(physics: Any, thing: Any, object_w: Any, wrist_o: Any, *_: Any) -> NDArray[np.bool_]:
        of_known = known.wrist_pose_o.astype(np.float64)
        return np.array([bool((of_known == row).all(axis=1).any()) for row in wrist_o], dtype=bool)

    reached: list[NDArray[np.float64]] = []

    def every_second(physics: Any, thing: Any, object_w: Any, wrist_o: Any, *_: Any) -> NDArray[np.bool_]:
        is_reachable = np.arange(len(wrist_o)) % 2 == 1
        reached.extend(wrist_o[is_reachable])
        return is_reachable

    monkeypatch.setattr(rounds, "check_reachable", every_second)
    result = _replaced(monkeypatch, only_known_are_easy, known, quota=3)
    check_grasp_set(result.grasps, "replaced")
    is_known = only_known_are_easy(None, None, None, result.grasps.wrist_pose_o.astype(np.float64))
    assert is_known.sum() == LIMIT.most
    assert 0 < (~is_known).sum() <= 2
    new = result.grasps.rows(~is_known)
    assert new.is_reachable.all()
    for pose in new.wrist_pose_o:
        assert any(np.allclose(pose, other, atol=1e-6) for other in reached)
    assert sum(count.kept for count in result.counts.values()) == len(new)
    # settled on its own: the can stands upright where no hand pushes it
    assert np.abs(new.rest_pose_w[:, 3:] - new.object_pose_w[:, 3:]).max() < 0.2
