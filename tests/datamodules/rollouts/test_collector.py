"""One rollout: what was decided, what came of it, and that each stands in its place."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from datamodules.rollouts.collector import RolloutCollector
from datamodules.rollouts.teacher import ArrivalTeacher
from datamodules.types import Decision, Rollout
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import join_episodes
from envs.task.observations import ASKED_GROUPS, Observation
from envs.task.perception import PerceptionNoise
from envs.task.rewards import RewardSettings, fingertip, goal
from tests.assisting import EPISODE_STEPS, CountingActor, Throwing, make_env, sampler

HAND = shadow_hand()

PLAIN = RewardSettings({"following": 2.0, "height_clipped": 0.5, "success": 1.0})


def collect(
    actor: CountingActor, reward: RewardSettings = PLAIN, env: HumanAssistEnv | None = None, seed: int = 0
) -> Rollout:
    """A rollout of two worlds."""
    collector = RolloutCollector([make_env(reward=reward) if env is None else env])
    return collector.collect(actor, sampler().sample(2), torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def closing() -> tuple[CountingActor, Rollout]:
    """A hand that closes slowly."""
    actor = CountingActor(0.3 * HAND.closing)
    return actor, collect(actor)


Closing = tuple[CountingActor, Rollout]


def test_every_step_stands_in_its_row(closing: Closing) -> None:
    rollout = closing[1]
    assert torch.equal(rollout.memory["step"], torch.arange(float(EPISODE_STEPS))[:, None].expand(-1, 2))
    assert rollout.hand_action.shape == (EPISODE_STEPS, 2, 18)


def test_the_actor_decides_on_what_is_seen_before_the_step(closing: Closing) -> None:
    actor, rollout = closing
    assert len(actor.seen) == EPISODE_STEPS
    for step, observation in enumerate(actor.seen):
        assert torch.equal(rollout.memory["joint_pos"][step], observation["joint_pos"])
    first = HAND.denormalise(rollout.memory["joint_pos"][0].double())
    np.testing.assert_allclose(first, np.tile(HAND.open_pose.copy(), (2, 1)), atol=1e-6)


def test_actions_move_the_joints(closing: Closing) -> None:
    joints = HAND.denormalise(closing[1].memory["joint_pos"].double())
    moved = (joints[20] - joints[0]) * torch.tensor(HAND.closing)
    # 20 steps of 0.3 * 0.05 rad are 0.30 rad; fingers may meet an object, none can be ahead of its command
    assert moved.max() < 0.3 + 0.02
    assert moved.max() > 0.25


def test_the_terms_add_up_to_the_reward(closing: Closing) -> None:
    rollout = closing[1]
    assert set(rollout.terms) == {"following", "height_clipped", "success"}
    torch.testing.assert_close(sum(rollout.terms.values()), rollout.reward)
    assert rollout.reward.shape == (EPISODE_STEPS, 2)
    assert rollout.reward.dtype == torch.float32


def test_following_is_paid_in_every_fifth_step_for_the_change_of_that_step(closing: Closing) -> None:
    actor, rollout = closing
    following = rollout.terms["following"]
    due = torch.arange(EPISODE_STEPS) % 5 == 4
    assert not following[~due].any()
    joints = HAND.denormalise(rollout.memory["joint_pos"].double())
    direction = actor.primitive_action.double() / actor.primitive_action.double().norm()
    for step in (4, 9, 44):
        # weight 2 times <a_p / |a_p|, J_(t+1) - J_t>
        expected = 2.0 * ((joints[step + 1] - joints[step]) * direction).sum(dim=1)
        torch.testing.assert_close(following[step].double(), expected, atol=1e-6, rtol=1e-4)


def test_the_lift_is_paid_at_the_end_alone(closing: Closing) -> None:
    for name in ("height_clipped", "success"):
        assert not closing[1].terms[name][:-1].any()


def test_only_the_last_step_is_terminal(closing: Closing) -> None:
    is_terminal = closing[1].is_terminal
    assert is_terminal.dtype == torch.bool
    assert is_terminal[-1].all()
    assert not is_terminal[:-1].any()


def test_a_rollout_knows_whose_it_is_and_how_it_went(closing: Closing) -> None:
    rollout = closing[1]
    assert rollout.policy_version == CountingActor.policy_version
    assert rollout.num_agent_steps == 2 * EPISODE_STEPS
    assert rollout.is_valid.shape == (EPISODE_STEPS, 2)
    assert rollout.is_valid.all()
    assert set(rollout.measures) >= {"success", "posture_rad", "translation_m", "rotation_cos", "diverged"}
    assert all(value.shape == (2,) and value.dtype == torch.float32 for value in rollout.measures.values())
    assert {"physics", "lift", "policy", "other"} <= set(rollout.seconds)


def test_a_rollout_knows_whose_clouds_were_seen(closing: Closing) -> None:
    actor, rollout = closing
    seen = actor.seen[-1].objects
    assert seen is not None
    assert rollout.clouds is seen.clouds
    assert rollout.object_row is not None
    assert torch.equal(rollout.object_row, seen.rows)


def test_what_a_camera_saw_is_nobodys_whole_cloud() -> None:
    env = make_env(reward=PLAIN, noise=PerceptionNoise(one_camera=True))
    assert collect(CountingActor(), env=env).object_row.tolist() == [-1, -1]  # type: ignore[union-attr]


def test_hidden_state_reaches_the_terms_that_are_made_of_it() -> None:
    actor, reward = CountingActor(0.3 * HAND.closing), RewardSettings.preset("ppo_goal")
    rollout = collect(actor, env=make_env(privileged=ASKED_GROUPS, reward=reward))
    joints = HAND.denormalise(rollout.memory["joint_pos"])
    goal_joints = HAND.denormalise(actor.seen[1]["other_joints"])
    for step in (0, 7):
        after = actor.seen[step + 1]
        torch.testing.assert_close(rollout.terms["fingertip"][step], fingertip(after["fingertip_distance"]))
        torch.testing.assert_close(rollout.terms["goal"][step], goal(joints[step + 1], goal_joints))


def test_without_a_teacher_there_is_no_advice(closing: Closing) -> None:
    for advice in (closing[1].gate, closing[1].grip):
        assert advice.shape == (EPISODE_STEPS, 2)
        assert advice.isnan().all()


def test_a_teacher_comments_and_is_not_followed(closing: Closing) -> None:
    teacher, episodes = ArrivalTeacher(lead=5, latest=30), sampler().sample(2)
    collector = RolloutCollector([make_env(reward=PLAIN)], teacher=teacher)
    rollout = collector.collect(CountingActor(0.3 * HAND.closing), episodes, torch.Generator().manual_seed(0))
    assert torch.equal(rollout.gate, teacher.gate(episodes))
    assert torch.equal(rollout.grip, teacher.grip(episodes))
    assert torch.equal(rollout.memory["joint_pos"], closing[1].memory["joint_pos"])
    assert torch.equal(rollout.reward, closing[1].reward)


def test_exploration_draws_from_the_given_generator(closing: Closing) -> None:
    expected = torch.rand(2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(closing[0].draws[0], expected)


def test_a_diverged_world_is_marked_and_fails() -> None:
    rollout = collect(CountingActor(), env=make_env(physics=Throwing(step=10, world=1), reward=PLAIN))
    assert rollout.is_valid.all()  # it counts, without reward
    assert not rollout.reward[10:, 1].any()
    assert rollout.measures["diverged"].tolist() == [0.0, 1.0]
    assert rollout.measures["success"][1] == 0.0
    assert rollout.measures["translation_m"].max() <= 1.0
    assert rollout.reward.isfinite().all()
    assert rollout.memory["joint_pos"].isfinite().all()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.where(np.arange(18) == 3, np.nan, 0.0), "the action is not finite at step 0"),
        (np.full(18, np.inf), "not finite at step 0 in world 0; the weights or the input of what acts"),
        (np.zeros(36), r"the action has shape \(2, 36\) at step 0, expected \(2, 18\)"),
    ],
)
def test_a_policy_with_impossible_actions_is_named(action: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collect(CountingActor(action))


def test_a_reward_of_the_end_alone_is_zero_until_then() -> None:
    rollout = collect(CountingActor(0.3 * HAND.closing), RewardSettings({"height": 1.0}))
    assert set(rollout.terms) == {"height"}
    assert torch.equal(rollout.reward[:-1], torch.zeros(EPISODE_STEPS - 1, 2))
    assert rollout.reward[-1].abs().sum() > 0


def test_steps_after_the_end_of_an_episode_are_not_valid() -> None:
    episodes = join_episodes([sampler(num_steps=7).sample(1), sampler(seed=1, num_steps=10).sample(1)])
    rollout = RolloutCollector([make_env(reward=PLAIN)]).collect(CountingActor(), episodes, torch.Generator())
    assert rollout.is_valid.sum(dim=0).tolist() == [7, 10]
    assert rollout.is_terminal.nonzero().tolist() == [[6, 0], [9, 1]]
    assert not rollout.reward[7:, 0].any()


# --- parts on threads of their own


def divided(*sizes: int) -> tuple[CountingActor, Rollout]:
    """The rollout of `closing` with a third world, its worlds divided."""
    actor = CountingActor(0.3 * HAND.closing)
    factory = MujocoCpu()
    parts = [make_env(physics=factory.make(HAND, size, num_threads=0), reward=PLAIN) for size in sizes]
    collector = RolloutCollector(parts, teacher=ArrivalTeacher())
    return actor, collector.collect(actor, sampler().sample(3), torch.Generator().manual_seed(0))


def test_divided_worlds_give_the_rollout_of_undivided_ones() -> None:
    (undivided, whole), (one, two) = divided(3), (divided(2, 1), divided(1, 1, 1))
    for actor, rollout in (one, two):
        assert torch.equal(actor.draws[0], undivided.draws[0])
        for name in ("hand_action", "reward", "is_terminal", "is_valid", "gate", "grip"):
            assert torch.equal(getattr(rollout, name), getattr(whole, name)), name
        for mine, theirs in (
            (rollout.terms, whole.terms),
            (rollout.measures, whole.measures),
            (rollout.memory, whole.memory),
        ):
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert not torch.equal(whole.reward[:, 0], whole.reward[:, 2])


def test_parts_run_without_gradients_and_on_threads_of_their_own() -> None:
    seen: list[tuple[str, bool]] = []

    class Noting(CountingActor):
        def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[CountingActor]:
            super().begin(sizes, num_steps, generator)
            return [Noting() for _ in sizes]

        def step(self, observation: Observation, moving: torch.Tensor) -> Decision:
            seen.append((threading.current_thread().name, torch.is_grad_enabled()))
            return super().step(observation, moving)

    collector = RolloutCollector([make_env(1, reward=PLAIN), make_env(1, reward=PLAIN)])
    with torch.enable_grad():
        collector.collect(Noting(), sampler().sample(2), torch.Generator())
    assert len({name for name, _ in seen}) == 2
    assert threading.current_thread().name not in {name for name, _ in seen}
    assert not any(recorded for _, recorded in seen)


def test_seconds_add_up_to_those_on_the_clock() -> None:
    began = time.perf_counter()
    rollout = divided(2, 1)[1]
    # the collector was made within the same time
    assert 0.0 < sum(rollout.seconds.values()) <= time.perf_counter() - began
    assert min(rollout.seconds.values()) >= 0.0


def test_a_mistake_in_one_part_is_raised() -> None:
    class Half(CountingActor):
        def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[CountingActor]:
            first, second = super().begin(sizes, num_steps, generator)
            second.hand_action = np.full(18, np.nan)
            return [first, second]

    collector = RolloutCollector([make_env(1, reward=PLAIN), make_env(1, reward=PLAIN)])
    with pytest.raises(ValueError, match="the action is not finite at step 0 in world 0"):
        collector.collect(Half(), sampler().sample(2), torch.Generator())


def test_another_number_of_episodes_than_worlds_is_named() -> None:
    collector = RolloutCollector([make_env(1, reward=PLAIN), make_env(1, reward=PLAIN)])
    with pytest.raises(ValueError, match="3 episodes for 2 worlds; expected one for each world"):
        collector.collect(CountingActor(), sampler().sample(3), torch.Generator())


def test_a_part_whose_episodes_are_all_shorter_waits_for_the_others() -> None:
    episodes = join_episodes([sampler(num_steps=7).sample(1), sampler(seed=1, num_steps=10).sample(1)])

    def collected(*sizes: int) -> Rollout:
        parts = [make_env(size, reward=PLAIN) for size in sizes]
        return RolloutCollector(parts).collect(CountingActor(), episodes, torch.Generator())

    assert torch.equal(collected(1, 1).is_valid, collected(2).is_valid)
    assert torch.equal(collected(1, 1).reward, collected(2).reward)
