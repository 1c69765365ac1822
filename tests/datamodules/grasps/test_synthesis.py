"""Synthesis of one object: deterministic, consistent, counted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datamodules.grasps import synthesis
from datamodules.grasps.grasp_set import check_grasp_set
from datamodules.grasps.grasp_types import GRASP_TYPES
from datamodules.grasps.proposals import Proposals, propose
from datamodules.grasps.synthesis import GraspSynthesizer, TypeCount
from datamodules.grasps.trial import CAUSES, TrialResult
from envs.conventions import NUM_JOINTS
from envs.hand.model import LINKS, joint_limits
from tests.datamodules.grasps.examples import TINY, TYPES, assert_same_grasps, good_grasps, prototypes, thing

QUICK = replace(TINY, types=("wrap",))


def test_an_object_has_the_same_grasps_whatever_was_made_before() -> None:
    alone = GraspSynthesizer(QUICK, prototypes()).synthesize(thing(), "train")
    busy = GraspSynthesizer(QUICK, prototypes())
    busy.synthesize(thing("box"), "train")
    after = busy.synthesize(thing(), "train")
    assert len(alone.grasps) > 0
    assert_same_grasps(alone.grasps, after.grasps)
    again = busy.synthesize(thing(), "train")
    assert_same_grasps(alone.grasps, again.grasps)


def test_another_seed_gives_other_grasps() -> None:
    first, second = (
        GraspSynthesizer(replace(QUICK, seed=seed), prototypes()).synthesize(
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
    limits = joint_limits()
    for joints in (grasps.joint_pos, grasps.preshape):
        # stored in float32: a limit of 1.57 rounds by 1e-7
        assert (joints >= limits.low - 1e-6).all()
        assert (joints <= limits.high + 1e-6).all()
    assert (grasps.links.sum(axis=1) >= 2).all()
    assert {GRASP_TYPES[index] for index in grasps.type_index} == set(TYPES)


def test_aperture_is_a_width_of_the_object() -> None:
    grasps = good_grasps().grasps
    # the can: 54 mm across, 44 mm high; a chord may be somewhat shorter, a pair off the ray somewhat longer
    assert grasps.aperture.min() > 0.035
    assert grasps.aperture.max() < 0.058


def test_every_column_of_a_grasp_comes_from_the_proposal_that_was_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    proposed: list[Proposals] = []

    def propose_and_note(*arguments: Any) -> Proposals:
        proposed.append(propose(*arguments))
        return proposed[-1]

    def every_other_is_free(*arguments: Any) -> NDArray[np.bool_]:
        return np.arange(len(arguments[3])) % 2 == 1

    def second_and_last_are_verified(physics: Any, thing: Any, object_w: Any, wrist_w: Any, *_: Any) -> TrialResult:
        row = np.array([1, 3])
        joints, links = np.zeros((2, NUM_JOINTS)), np.ones((2, len(LINKS)), dtype=bool)
        return TrialResult(wrist_w[row], joints, links, np.tile(object_w, (2, 1)), row, {})

    monkeypatch.setattr(synthesis, "propose", propose_and_note)
    monkeypatch.setattr(synthesis, "free_at_start", every_other_is_free)
    monkeypatch.setattr(synthesis, "run_trials", second_and_last_are_verified)
    synthesizer = GraspSynthesizer(QUICK, prototypes())
    grasps = synthesizer.synthesize(thing("box"), "train", with_reachability=False).grasps
    chosen = np.array([3, 7])  # of the free ones 1, 3, 5, 7 the second and the last
    np.testing.assert_array_equal(grasps.aperture, proposed[0].width[chosen].astype(np.float32))
    np.testing.assert_array_equal(grasps.wrist_pose_o, proposed[0].wrist_pose_w[chosen].astype(np.float32))
    preshape = synthesizer.banks["wrap"].preshape[proposed[0].entry[chosen]]
    np.testing.assert_array_equal(grasps.preshape, preshape.astype(np.float32))


def test_counts_add_up() -> None:
    for count in good_grasps().counts.values():
        rejected_later = sum(number for cause, number in count.rejected.items() if cause != CAUSES[0])
        assert count.tried == count.verified + rejected_later
        assert count.checked - count.rejected[CAUSES[0]] >= count.tried
        assert count.verified >= count.kept >= count.reachable
        assert set(count.rejected) <= set(CAUSES)
        assert count.seconds > 0.0
    grasps = good_grasps().grasps
    assert sum(count.kept for count in good_grasps().counts.values()) == len(grasps)
    assert sum(count.reachable for count in good_grasps().counts.values()) == grasps.is_reachable.sum()


def test_quota_bounds_the_grasps_of_every_type() -> None:
    result = GraspSynthesizer(replace(QUICK, quota=1), prototypes()).synthesize(thing("box"), "train")
    assert result.counts["wrap"].verified > 1
    assert result.counts["wrap"].kept == len(result.grasps) == 1


def test_without_reachability_no_grasp_is_marked() -> None:
    synthesizer = GraspSynthesizer(QUICK, prototypes())
    result = synthesizer.synthesize(thing(), "train", with_reachability=False)
    assert len(result.grasps) > 0
    assert not result.grasps.is_reachable.any()
    assert result.counts["wrap"].reachable == 0


def test_an_object_too_thin_for_a_type_has_an_empty_but_valid_set() -> None:
    result = GraspSynthesizer(QUICK, prototypes()).synthesize(thing("marker"), "unseen_instances")
    assert len(result.grasps) == 0
    check_grasp_set(result.grasps, "made")
    assert result.grasps.objects == ("marker_00000",)
    assert result.grasps.links.shape == (0, len(LINKS))
    assert result.grasps.joint_pos.shape == (0, NUM_JOINTS)
    assert result.counts["wrap"].kept == 0


def test_type_without_prototype() -> None:
    with pytest.raises(ValueError, match="no prototype of grasp type 'tripod'; prototypes exist for: wrap, pinch_FF"):
        GraspSynthesizer(replace(TINY, types=("wrap", "tripod")), prototypes())


def test_rejections_of_one_cause_add_up() -> None:
    count = TypeCount()
    count.reject("moved", 2)
    count.reject("moved", 3)
    count.reject("tilted", 1)
    assert count.rejected == {"moved": 5, "tilted": 1}
