"""Episodes: grasps in turn, wrist and object shifted together, everything from one seed."""

import io
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from datamodules.grasps.poses import relative_pose
from envs.task.episodes import MAX_SHIFT, Episodes, EpisodeSampler
from envs.task.settings import TaskSettings
from envs.wrist.mixture import MixedMovements
from envs.wrist.movement import PatternApproach
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from tests.assisting import EPISODE_STEPS, made_up_targets, sampler


def assert_same_episodes(first: Episodes, second: Episodes) -> None:
    for item in fields(Episodes):
        one, other = getattr(first, item.name), getattr(second, item.name)
        if item.name == "grasp_objects":
            assert [thing.name for thing in one] == [thing.name for thing in other]
        elif item.name != "clouds":
            np.testing.assert_array_equal(one, other, err_msg=item.name)


def test_keys_follow_from_where_the_wrist_starts_to_a_micrometre() -> None:
    episodes = sampler().sample(8)
    assert len(set(episodes.keys.tolist())) == 8
    nearly = replace(episodes, wrist_pose_w=np.nextafter(episodes.wrist_pose_w, 1.0))  # another processor
    assert nearly.keys.tolist() == episodes.keys.tolist()
    elsewhere = replace(episodes, wrist_pose_w=episodes.wrist_pose_w + 2e-6)
    assert not set(elsewhere.keys.tolist()) & set(episodes.keys.tolist())


def test_no_grasp_comes_again_before_all_of_its_object_were_used() -> None:
    targets = made_up_targets((5, 3))
    draws = sampler(targets)
    rows = np.concatenate([draws.sample(6).grasp_row for _ in range(10)])
    for thing_row, count in ((0, 5), (1, 3)):
        of_object = [row for row in rows if targets.object_index[row] == thing_row]
        assert len(of_object) > 3 * count
        for begin in range(0, len(of_object) - count, count):
            assert len(set(of_object[begin : begin + count])) == count


def test_grasps_come_in_another_order_each_time() -> None:
    targets = made_up_targets((5, 3))
    rows = [row for row in sampler(targets).sample(80).grasp_row if row < 5]
    rounds = {tuple(rows[begin : begin + 5]) for begin in range(0, len(rows) - 5, 5)}
    assert len(rounds) > 3


def test_objects_come_equally_often_however_many_grasps_they_have() -> None:
    targets = made_up_targets((12, 1))
    count = Counter(targets.object_index[sampler(targets).sample(400).grasp_row].tolist())
    # 400 fair draws: standard deviation 10; 50 are five of them
    assert abs(count[0] - 200) < 50


def test_every_column_belongs_to_the_grasp() -> None:
    targets = made_up_targets()
    episodes = sampler(targets).sample(8)
    assert len(episodes) == len(episodes.grasp_objects) == 8
    assert episodes.wrist_pose_w.shape == (8, EPISODE_STEPS + 1, 7)
    for world, row in enumerate(episodes.grasp_row):
        thing_row = targets.object_index[row]
        assert episodes.grasp_objects[world] is targets.grasp_objects[thing_row]
        assert episodes.object_index[world] == thing_row
        np.testing.assert_array_equal(episodes.goal_joint_pos[world], targets.joint_pos[row])
        others = (targets.object_index == thing_row) & (np.arange(len(targets)) != row)
        assert (targets.joint_pos[others] == episodes.other_joint_pos[world]).all(axis=1).any()


def test_object_and_wrist_are_shifted_together_on_the_table() -> None:
    targets = made_up_targets()
    episodes = sampler(targets).sample(40)
    shift = episodes.object_pose_w[:, :3] - targets.object_pose_w[episodes.grasp_row, :3]
    np.testing.assert_array_equal(shift[:, 2], 0.0)
    assert (np.abs(shift[:, :2]) <= MAX_SHIFT).all()
    # uniform over a metre: 40 draws all within its middle half have a chance of 1e-12
    assert (np.ptp(shift[:, :2], axis=0) > 0.5).all()
    np.testing.assert_array_equal(episodes.object_pose_w[:, 3:], targets.object_pose_w[episodes.grasp_row, 3:])
    moved = relative_pose(episodes.object_pose_w, episodes.wrist_pose_w[:, -1])
    still = relative_pose(targets.object_pose_w, targets.wrist_pose_w)[episodes.grasp_row]
    np.testing.assert_allclose(moved, still, atol=1e-12)


def test_the_wrist_rests_from_the_arrival_step_on() -> None:
    episodes = sampler().sample(20)
    for world, step in enumerate(episodes.arrival_step):
        away = episodes.wrist_pose_w[world, step:, :3] - episodes.wrist_pose_w[world, -1, :3]
        assert np.linalg.norm(away, axis=1).max() <= 0.005


def test_the_same_seed_gives_the_same_episodes_and_another_seed_others() -> None:
    first, second, other = sampler(seed=4), sampler(seed=4), sampler(seed=5)
    for _ in range(2):
        kept = first.sample(5)
        assert_same_episodes(kept, second.sample(5))
        assert (kept.object_pose_w != other.sample(5).object_pose_w).any()


def test_given_grasps_keep_their_order() -> None:
    episodes = sampler().of_rows(np.array([4, 0, 4]))
    np.testing.assert_array_equal(episodes.grasp_row, [4, 0, 4])
    # the same grasp, approached in two ways
    assert (episodes.wrist_pose_w[0, 0] != episodes.wrist_pose_w[2, 0]).any()


def test_a_restored_sampler_continues_as_if_nothing_had_happened() -> None:
    first = sampler()
    first.sample(7)
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    buffer.seek(0)
    second = sampler(seed=99)
    # checkpoints are read as plain data
    second.load_state_dict(torch.load(buffer, weights_only=True))
    for _ in range(3):
        assert_same_episodes(first.sample(6), second.sample(6))


def test_a_saved_state_does_not_change_with_what_comes_after() -> None:
    first = sampler()
    first.sample(3)
    state = first.state_dict()
    expected = first.sample(6)
    second = sampler()
    second.load_state_dict(state)
    second.sample(6)
    second.load_state_dict(state)
    assert_same_episodes(second.sample(6), expected)


def test_the_state_of_another_set_of_objects_is_refused() -> None:
    one_object = made_up_targets().rows(np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="the saved episode sampler knows 2 objects, this one 1; resume with the"):
        sampler(one_object).load_state_dict(sampler().state_dict())


def test_objects_without_grasps_are_never_drawn() -> None:
    targets = made_up_targets()
    of_box = replace(targets, object_index=np.ones(5, dtype=np.int64))
    assert {thing.name for thing in sampler(of_box).sample(20).grasp_objects} == {targets.grasp_objects[1].name}


def test_episodes_of_a_seed_are_those_they_were() -> None:
    """Results and checkpoints stand on them; numbers of 28 November 2026, before episodes had another grasp."""
    episodes = sampler(seed=5).sample(4)
    assert episodes.grasp_row.tolist() == [3, 4, 2, 4]
    assert episodes.arrival_step.tolist() == [23, 36, 34, 38]
    assert episodes.wrist_pose_w.sum() == pytest.approx(280.134501, abs=1e-5)


def test_episodes_of_a_user_are_those_they_were() -> None:
    wrists = MixedMovements((PatternApproach(), UserMovement()), (0.3, 0.7))
    task, patterns = TaskSettings(movement=wrists), generate_patterns().split("train")
    draws = EpisodeSampler(made_up_targets(), patterns, mix=True, seed=(5, 1), task=task)
    draws.sample(3)
    episodes = draws.sample(4)
    assert episodes.grasp_row.tolist() == [0, 2, 2, 4]
    assert episodes.num_steps.tolist() == [79, 158, 68, 96]
    assert episodes.lift_step.tolist() == [40, 128, 36, 71]
    assert np.abs(episodes.wrist_pose_w[:, -1]).sum() == pytest.approx(6.991637, abs=1e-5)
