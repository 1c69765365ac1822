"""Candidates: only hands that start free, none lost, none given twice."""

import numpy as np
import pytest

from datamodules.synthesis.antipodal import find_antipodal_pairs
from datamodules.synthesis.candidates import CandidateSource, free_at_start
from datamodules.synthesis.hand_bank import BankSettings, build_bank
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from tests.datamodules.grasps.examples import prototypes, thing

HAND = shadow_hand()

FAR_W = np.array([0.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def physics() -> MujocoCpuPhysics:
    return MujocoCpuPhysics(HAND, 4, num_threads=0)


def _source(physics: MujocoCpuPhysics, max_penetration: float = 0.0005, start_checks: int = 64) -> CandidateSource:
    rng = np.random.default_rng(0)
    return CandidateSource(
        physics,
        thing(),
        find_antipodal_pairs(thing().points, thing().normals, rng),
        build_bank(HAND, "wrap", prototypes()["wrap"], BankSettings(), rng),
        proposals=600,
        start_checks=start_checks,
        max_penetration=max_penetration,
        rng=rng,
    )


def test_what_is_not_taken_now_is_taken_next() -> None:
    physics = MujocoCpuPhysics(HAND, 24, num_threads=0)  # one check of so many starts leaves enough
    at_once = _source(physics).take(6)
    source = _source(physics)
    first, second = source.take(2), source.take(4)
    assert len(at_once) == 6
    for name in at_once.__dataclass_fields__:
        one_by_one = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(one_by_one, getattr(at_once, name))
    assert len(np.unique(at_once.wrist_pose_w[:, :3], axis=0)) == 6


def test_no_more_starts_are_checked_than_it_takes(physics: MujocoCpuPhysics) -> None:
    source = _source(physics)
    source.take(1)
    few = source.num_checked
    assert few % physics.num_worlds == 0
    source = _source(physics)
    source.take(8)
    assert few < source.num_checked < 64


def test_every_candidate_starts_free_and_the_others_are_counted(physics: MujocoCpuPhysics) -> None:
    source = _source(physics)
    taken = source.take(1000)
    free = free_at_start(physics, thing(), taken.object_pose_w[0], taken.wrist_pose_w, taken.preshape, 0.0005)
    assert free.all()
    assert source.num_checked == len(taken) + source.num_penetrating
    assert source.num_checked <= 64
    assert source.num_penetrating > 0


def test_where_nothing_starts_free_there_is_no_candidate(physics: MujocoCpuPhysics) -> None:
    source = _source(physics, max_penetration=-1.0)
    assert len(source.take(3)) == 0
    assert source.num_penetrating == source.num_checked > 0


def test_the_object_stands_in_one_of_its_rest_poses(physics: MujocoCpuPhysics) -> None:
    taken = _source(physics).take(4)
    assert (taken.object_pose_w[0] == thing().rest_poses).all(axis=1).any()


def test_starts_that_overlap_object_or_table_are_not_free(physics: MujocoCpuPhysics) -> None:
    pose_w = thing().rest_poses[0]
    through_object = FAR_W.copy()
    through_object[2] = -0.05  # the palm below, the upright fingers through the can
    through_table = FAR_W.copy()
    through_table[[0, 2]] = 0.4, -0.05
    touching_nothing = FAR_W.copy()
    candidates = np.array([touching_nothing, through_object, through_table] * 2)  # more than there are worlds
    free = free_at_start(physics, thing(), pose_w, candidates, np.tile(HAND.open_pose.copy(), (6, 1)), 0.0005)
    assert free.tolist() == [True, False, False] * 2


def test_overlap_up_to_the_limit_is_free(physics: MujocoCpuPhysics) -> None:
    fingertip_in_table = np.array([[0.4, 0.0, 0.2 - 0.002, 0.0, 1.0, 0.0, 0.0]])  # 2 mm deep, fingers down
    pose_w, joints = thing().rest_poses[0], HAND.open_pose.copy()[None]
    assert not free_at_start(physics, thing(), pose_w, fingertip_in_table, joints, 0.001).any()
    assert free_at_start(physics, thing(), pose_w, fingertip_in_table, joints, 0.003).all()
