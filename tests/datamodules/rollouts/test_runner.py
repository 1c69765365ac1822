"""Episodes from start to lift under a policy."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.baselines.scripts import oracle
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner, best_fixed_step
from envs.hand.shadow import shadow_hand
from envs.rows import take_rows
from envs.task.episodes import Episodes, join_episodes
from envs.task.observations import Observation
from tests.assisting import EPISODE_STEPS, sampler

HAND = shadow_hand()


class Constant:
    """Gives the same array whatever it sees."""

    def __init__(self, action: np.ndarray) -> None:
        self.action = action

    def start(self, num_worlds: int) -> None: ...

    def act(self, observation: Observation, step: int) -> np.ndarray:
        return self.action[: len(observation)]


def test_oracle_lifts_what_an_open_hand_leaves(episodes: Episodes) -> None:
    runner = EpisodeRunner(num_worlds=4)
    known, idle = runner.run(oracle(), episodes), runner.run(Constant(np.zeros((4, 18))), episodes)
    assert known.is_success.sum() >= 2
    assert not idle.is_success.any()
    assert (known.posture_rad < 0.3).all()  # fingers reach the stored joints but for what the object holds back
    np.testing.assert_allclose(idle.joint_pos, np.tile(HAND.open_pose.copy(), (4, 1)), atol=0.1)


def test_outcomes_come_in_the_order_of_the_episodes_whatever_the_batches(episodes: Episodes) -> None:
    counted: list[int] = []
    turned = take_rows(episodes, np.array([3, 1, 0, 2]))
    whole = EpisodeRunner(num_worlds=4).run(oracle(), episodes)
    parts = EpisodeRunner(num_worlds=3, on_batch=counted.append).run(oracle(), turned)
    assert counted == [3, 1]
    for name in ("is_success", "joint_pos", "translation_m", "cause"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name)[[3, 1, 0, 2]], err_msg=name)


def test_frames_show_the_episode_and_the_lift(episodes: Episodes) -> None:
    frames = EpisodeFrames((0, 25, EPISODE_STEPS))
    outcome = EpisodeRunner(num_worlds=3).run(oracle(), episodes, frames=frames)
    assert frames.joint_pos.shape == (4, 4, 18)
    for frame, step in ((0, 0), (1, 25), (2, EPISODE_STEPS)):
        np.testing.assert_allclose(frames.wrist_pose_w[frame, :, :3], episodes.wrist_pose_w[:, step, :3], atol=0.01)
    np.testing.assert_allclose(frames.object_pose_w[0], episodes.object_pose_w, atol=1e-9)
    np.testing.assert_array_equal(frames.joint_pos[2], outcome.joint_pos)
    lifted = outcome.is_success
    assert lifted.any()  # worlds that lost their object stop earlier
    rise = frames.wrist_pose_w[3, lifted, 2] - frames.wrist_pose_w[2, lifted, 2]
    np.testing.assert_allclose(rise, 1.0, atol=0.02)


def test_an_action_of_nan_is_refused(episodes: Episodes) -> None:
    action = np.zeros((4, 18))
    action[2, 5] = np.nan
    with pytest.raises(ValueError, match="the action is not finite at step 0 in world 2"):
        EpisodeRunner(num_worlds=4).run(Constant(action), episodes)


def test_an_action_of_another_shape_is_refused(episodes: Episodes) -> None:
    with pytest.raises(ValueError, match=r"the action has shape \(4, 36\) at step 0, expected \(4, 18\)"):
        EpisodeRunner(num_worlds=4).run(Constant(np.zeros((4, 36))), episodes)


def test_no_worlds_and_no_episodes_are_refused(episodes: Episodes) -> None:
    with pytest.raises(ValueError, match="num_worlds is 0, expected at least 1"):
        EpisodeRunner(num_worlds=0)
    with pytest.raises(ValueError, match="there are no episodes to run"):
        EpisodeRunner().run(oracle(), take_rows(episodes, np.array([], dtype=np.int64)))


def test_best_step_is_the_one_with_the_most_successes(episodes: Episodes) -> None:
    lifted = {10: [1, 0, 0, 0], 20: [1, 1, 0, 0], 30: [1, 1, 0, 0]}
    outcome = EpisodeRunner(num_worlds=4).run(Constant(np.zeros((4, 18))), episodes)
    choice = best_fixed_step(lambda step: replace(outcome, is_success=np.array(lifted[step], dtype=bool)), (10, 20, 30))
    assert choice.step == 20
    assert choice.success == {10: 0.25, 20: 0.5, 30: 0.5}


def test_no_steps_to_choose_from_are_refused() -> None:
    with pytest.raises(ValueError, match="there are no steps to choose from"):
        best_fixed_step(lambda step: pytest.fail("run"), ())


def test_batches_of_shorter_episodes_end_before_the_others() -> None:
    episodes = join_episodes([sampler(num_steps=4).sample(1), sampler(seed=1, num_steps=7).sample(1)])
    alone = EpisodeRunner(num_worlds=1, num_threads=0).run(oracle(), episodes)
    together = EpisodeRunner(num_worlds=2, num_threads=0).run(oracle(), episodes)
    np.testing.assert_array_equal(alone.joint_pos, together.joint_pos)
