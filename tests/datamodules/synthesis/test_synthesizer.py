"""Synthesis of one object: deterministic, consistent, counted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.grasp_set import check_grasp_set
from datamodules.synthesis import object_rounds
from datamodules.synthesis.candidates import Candidates
from datamodules.synthesis.settings import TypeCount
from datamodules.synthesis.synthesizer import GraspSynthesizer
from datamodules.synthesis.trial import REJECTIONS, TrialResult
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import TINY, TYPES, assert_same_grasps, good_grasps, prototypes, thing

HAND = shadow_hand()

QUICK = replace(TINY, types=("wrap",))


def test_an_object_has_the_same_grasps_whatever_was_made_before() -> None:
    alone = GraspSynthesizer(HAND, QUICK, prototypes()).synthesize(thing(), "train")
    busy = GraspSynthesizer(HAND, QUICK, prototypes())
    busy.synthesize(thing("box"), "train")
    after = busy.synthesize(thing(), "train")
    assert len(alone.grasps) > 0
    assert_same_grasps(alone.grasps, after.grasps)
    again = busy.synthesize(thing(), "train")
    assert_same_grasps(alone.grasps, again.grasps)


def test_another_seed_gives_other_grasps() -> None:
    first, second = (
        GraspSynthesizer(HAND, replace(QUICK, seed=seed), prototypes()).synthesize(
            thing("box"), "train", with_reachability=False
        )
        for seed in (1, 2)
    )
    assert len(first.grasps) == len(second.grasps) == QUICK.quota
    assert (first.grasps.wrist_pose_o != second.grasps.wrist_pose_o).all(axis=0).any()


def test_grasps_are_a_valid_set_of_one_object() -> None:
    grasps = good_grasps().grasps
    check_grasp_set(grasps, "made")
    assert grasps.objects == ("can_00000",)
    assert grasps.object_splits == ("train",)
    limits = HAND.limits
    for joints in (grasps.joint_pos, grasps.preshape):
        # stored in float32: a limit of 1.57 rounds by 1e-7
        assert (joints >= limits.low - 1e-6).all()
        assert (joints <= limits.high + 1e-6).all()
    assert (grasps.links.sum(axis=1) >= 2).all()
    assert {HAND.type_names[index] for index in grasps.type_index} == set(TYPES)


def test_aperture_is_a_width_of_the_object() -> None:
    grasps = good_grasps().grasps
    # the can: 54 mm across, 44 mm high; a chord may be somewhat shorter, a pair off the ray somewhat longer
    assert grasps.aperture.min() > 0.035
    assert grasps.aperture.max() < 0.058


def test_every_column_of_a_grasp_comes_from_the_candidate_that_was_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[Candidates] = []

    def second_and_last_are_verified(
        physics: Any, thing: Any, object_w: Any, wrist_w: Any, *rest: Any, **_: Any
    ) -> TrialResult:
        batches.append(Candidates(object_w, wrist_w, rest[0], rest[1], np.zeros(len(wrist_w))))
        row = np.array([1, 3])
        joints, links = np.full((2, HAND.num_joints), 0.1), np.ones((2, len(HAND.links)), dtype=bool)
        return TrialResult(wrist_w[row], joints, links, object_w[row], row, ["lift", "", "moved", ""])

    monkeypatch.setattr(object_rounds, "run_trials", second_and_last_are_verified)
    synthesizer = GraspSynthesizer(HAND, replace(QUICK, types=TYPES), prototypes())
    result = synthesizer.synthesize(thing("box"), "train", with_reachability=False)
    grasps, tried = result.grasps, batches[0]
    assert len(batches) == 1  # two were wanted
    np.testing.assert_array_equal(grasps.wrist_pose_o, tried.wrist_pose_w[[1, 3]].astype(np.float32))
    np.testing.assert_array_equal(grasps.preshape, tried.preshape[[1, 3]].astype(np.float32))
    for row, kind in enumerate(grasps.type_names()):
        bank = synthesizer.banks[kind]
        entry = np.flatnonzero((bank.preshape.astype(np.float32) == grasps.preshape[row]).all(axis=1))
        # an entry fits pairs that are up to 4 mm wider and 8 mm narrower than its aperture
        gap = bank.aperture[entry] - grasps.aperture[row]
        assert ((gap > -0.005) & (gap < 0.009)).any()
    assert sum(count.rejected.get("lift", 0) for count in result.counts.values()) == 1
    assert sum(count.rejected.get("moved", 0) for count in result.counts.values()) == 1


def test_counts_add_up() -> None:
    for count in good_grasps().counts.values():
        rejected_later = sum(number for cause, number in count.rejected.items() if cause != REJECTIONS[0])
        assert count.tried == count.verified + rejected_later
        assert count.checked - count.rejected[REJECTIONS[0]] >= count.tried
        assert count.verified >= count.kept
        assert count.verified >= count.reachable
        assert set(count.rejected) <= set(REJECTIONS)
        assert count.seconds > 0.0
    grasps = good_grasps().grasps
    assert sum(count.kept for count in good_grasps().counts.values()) == len(grasps)
    assert sum(count.reachable for count in good_grasps().counts.values()) >= grasps.is_reachable.sum()


def test_the_quota_bounds_the_grasps_of_an_object_and_reachable_ones_come_first() -> None:
    every = GraspSynthesizer(HAND, replace(TINY, quota=None, batch=12, wanted=9), prototypes()).synthesize(
        thing(), "train"
    )
    assert len(every.grasps) == sum(count.verified for count in every.counts.values())
    assert 0 < every.grasps.is_reachable.sum() < len(every.grasps)
    quota = int(every.grasps.is_reachable.sum()) + 1
    few = GraspSynthesizer(HAND, replace(TINY, quota=quota, batch=12, wanted=9), prototypes()).synthesize(
        thing(), "train"
    )
    assert len(few.grasps) == quota
    assert few.grasps.is_reachable.sum() == quota - 1
    one = GraspSynthesizer(HAND, replace(TINY, quota=1, batch=12, wanted=9), prototypes()).synthesize(thing(), "train")
    assert one.grasps.is_reachable.tolist() == [True]


def test_an_object_is_done_once_it_has_what_is_wanted() -> None:
    patient = replace(QUICK, max_hands=72, quota=None)
    few = GraspSynthesizer(HAND, replace(patient, wanted=1), prototypes()).synthesize(thing(), "train")
    many = GraspSynthesizer(HAND, replace(patient, wanted=6), prototypes()).synthesize(thing(), "train")
    assert few.counts["wrap"].reachable >= 1
    assert few.counts["wrap"].tried < many.counts["wrap"].tried


def test_types_that_hold_an_object_are_tried_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_pinches_hold(
        physics: Any, thing: Any, object_w: Any, wrist_w: Any, preshape: Any, *_: Any, **__: Any
    ) -> TrialResult:
        is_pinch = np.array([any((row == pinch.preshape).all(axis=1)) for row in preshape])
        row = np.flatnonzero(is_pinch)
        joints, links = np.full((len(row), HAND.num_joints), 0.1), np.ones((len(row), len(HAND.links)), dtype=bool)
        cause = ["" if verified else "lift" for verified in is_pinch]
        return TrialResult(wrist_w[row], joints, links, object_w[row], row, cause)

    monkeypatch.setattr(object_rounds, "run_trials", only_pinches_hold)
    synthesizer = GraspSynthesizer(HAND, replace(TINY, batch=12, max_hands=72, wanted=60), prototypes())
    pinch = synthesizer.banks["pinch_FF"]
    counts = synthesizer.synthesize(thing("box"), "train", with_reachability=False).counts
    assert counts["pinch_FF"].tried > 1.5 * counts["wrap"].tried


def test_without_reachability_no_grasp_is_marked() -> None:
    synthesizer = GraspSynthesizer(HAND, QUICK, prototypes())
    result = synthesizer.synthesize(thing(), "train", with_reachability=False)
    assert len(result.grasps) > 0
    assert not result.grasps.is_reachable.any()
    assert result.counts["wrap"].reachable == 0


def test_an_object_too_thin_for_a_type_has_an_empty_but_valid_set() -> None:
    result = GraspSynthesizer(HAND, QUICK, prototypes()).synthesize(thing("marker"), "unseen_instances")
    assert len(result.grasps) == 0
    check_grasp_set(result.grasps, "made")
    assert result.grasps.objects == ("marker_00000",)
    assert result.grasps.links.shape == (0, len(HAND.links))
    assert result.grasps.joint_pos.shape == (0, HAND.num_joints)
    assert result.counts["wrap"].kept == 0


def test_type_without_prototype() -> None:
    with pytest.raises(ValueError, match="no prototype of grasp type 'tripod'; prototypes exist for: wrap, pinch_FF"):
        GraspSynthesizer(HAND, replace(TINY, types=("wrap", "tripod")), prototypes())


def test_rejections_of_one_cause_add_up() -> None:
    count = TypeCount()
    count.reject("moved", 2)
    count.reject("moved", 3)
    count.reject("tilted", 1)
    assert count.rejected == {"moved": 5, "tilted": 1}


@pytest.mark.parametrize("name", ["wanted", "max_hands", "batch", "proposals", "start_checks", "quota"])
def test_settings_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0, expected at least 1"):
        replace(TINY, **{name: 0})
