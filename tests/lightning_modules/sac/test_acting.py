"""Acting in worlds: stops, demonstrations, the policy."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from datamodules.rollouts.collector import RolloutCollector
from datamodules.rollouts.policy import hidden_groups
from datamodules.rollouts.runner import EpisodeRunner
from envs.bisector.points import PartContacts
from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.task.observations import Observation
from envs.task.rewards import RewardSettings
from lightning_modules.sac.acting import ActingWorlds, DemonstratingIBS, demonstrated
from lightning_modules.sac.view import Seen, SurfaceView
from tests.assisting import HAND, made_up_observation, make_env, sampler
from tests.envs.bisector.made_points import made_up_points
from tests.lightning_modules.sac.made_up_situations import far_away, tiny_module

GROUPS = ("object_pose", "goal_joints", "remaining")


class Touching(SurfaceView):
    """Sees two touching parts of every hand, but for the first hand it is shown."""

    def __init__(self) -> None:
        super().__init__(HAND, 16)

    def look(self, observation: Observation) -> Seen:
        count = len(observation)
        touching = torch.zeros(count, self.num_parts)
        touching[:, :2] = 9.0
        touching[observation["joint_pos"][:, 0].cpu() == 0.0] = 0.0
        contacts = PartContacts(touching, touching, torch.zeros_like(touching))
        return Seen(far_away(count), made_up_points([0] * count), contacts)


class Stopping(ActingWorlds):
    """Wants to move on and, from its second step on, to stop."""

    def actions(self, observation: Observation, seen: Seen, rows: Tensor) -> Tensor:
        action = torch.full((len(rows), 19), 0.5)
        action[:, -1] = 1.0 if self._step > 0 else -1.0
        return action


def three_hands() -> Observation:
    observation = made_up_observation(3)
    observation["joint_pos"][0] = 0.0
    return observation


def test_a_hand_that_has_stopped_is_held_and_decides_no_more() -> None:
    acting, moving = Stopping(Touching(), torch.rand(4, 3)), torch.ones(3, dtype=torch.bool)
    decided = [acting.step(three_hands(), moving) for _ in range(3)]
    assert [each.memory["decided"].tolist() for each in decided] == [[True] * 3, [True] * 3, [True, False, False]]
    moves = [(each.hand_action != 0.0).all(1).tolist() for each in decided]
    # the first hand touches nothing and may not stop; the others are held from the step on in which they stop
    assert moves == [[True] * 3, [True, False, False], [True, False, False]]
    assert decided[1].memory["action"][:, -1].tolist() == [1.0, 1.0, 1.0]


def test_where_an_episode_is_over_nothing_is_decided() -> None:
    acting = Stopping(Touching(), torch.rand(2, 3))
    decided = acting.step(three_hands(), torch.tensor([False, True, False]))
    assert decided.memory["decided"].tolist() == [False, True, False]
    nothing = acting.step(three_hands(), torch.zeros(3, dtype=torch.bool))
    assert not nothing.memory["decided"].any()
    assert nothing.hand_action.abs().sum() == 0.0


def test_demonstrations_move_evenly_and_stop_at_the_grasp_on_arrival() -> None:
    length, arrival = 50, 30
    start = torch.tensor(HAND.open_pose).float()
    goal = torch.tensor(HAND.clamp(HAND.open_pose + 0.8 * HAND.closing)).float()
    command, taken, stops = start.clone(), [], []
    for step in range(length):
        remaining = torch.tensor([[1.0 - step / length, max(arrival - step, 0) / length]])
        groups = {"goal_joints": HAND.normalise(goal)[None], "command": HAND.normalise(command)[None]}
        action = demonstrated(HAND, Observation({**groups, "remaining": remaining}), step)[0]
        command = command + 0.05 * action[:18]
        taken.append(action[:18])
        stops.append(float(action[18]))
    assert taken[0].abs().max() == 0.0
    # 29 steps are left after the first one, in which nothing tells yet when the wrist arrives
    expected = (goal - start) / 29.0 / 0.05
    assert torch.allclose(torch.stack(taken[1:30]), expected.expand(29, -1), atol=1e-3)
    assert torch.allclose(command, goal, atol=1e-3)
    assert stops == [-1.0] * 30 + [1.0] * 20


def test_demonstrations_in_worlds_come_near_the_stored_grasp() -> None:
    env, draws = make_env(2, privileged=GROUPS, reward=RewardSettings({"success": 1.0})), torch.rand(50, 2)
    acting = DemonstratingIBS(SurfaceView(HAND, 16), draws)
    episodes = sampler().sample(2)

    class Actor:
        policy_version = 0

        def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[ActingWorlds]:
            return [acting]

    rollout = RolloutCollector([env]).collect(Actor(), episodes, torch.Generator())
    assert rollout.memory["decided"][0].all()
    assert rollout.memory["action"].shape == (50, 2, 19)
    reached = rollout.measures["posture_rad"]
    start = (torch.tensor(episodes.goal_joint_pos) - torch.tensor(HAND.open_pose)).norm(dim=1)
    assert (reached < 0.5 * start).all()


def test_the_policy_is_a_finger_policy_that_acts_alike_every_time() -> None:
    policy = tiny_module().policy()
    assert hidden_groups(policy) == ("object_pose",)
    runner = EpisodeRunner(num_worlds=2, num_threads=0)
    episodes = sampler(num_steps=6).sample(2)
    first, second = runner.run(policy, episodes), runner.run(policy, episodes)
    assert (first.posture_rad == second.posture_rad).all()


def test_the_policy_holds_where_it_stops_and_begins_anew_with_each_episode() -> None:
    module = tiny_module()
    for name, parameter in module.actor.named_parameters():
        torch.nn.init.zeros_(parameter)
        if name == "head.lins.1.bias":
            parameter.data[:19] = 1.0  # tanh 1 = 0.76: moves everything, and stops where it may
    policy = module.policy()
    policy._view = Touching()
    for _ in range(2):
        policy.start(3)
        actions = [policy.act(three_hands(), step) for step in range(2)]
        for action in actions:
            assert action[0] == pytest.approx(0.7616, abs=1e-3)
            assert (action[1:] == 0.0).all()


def test_objects_of_unknown_shape_are_refused() -> None:
    policy, observation = tiny_module().policy(), made_up_observation(2)
    policy.start(2)
    with pytest.raises(ValueError, match="does not say which objects are seen"):
        policy.act(observation, 0)
    unknown = KnownObjects(ObjectClouds(torch.zeros(2, 8, 3)), torch.arange(2))
    with pytest.raises(ValueError, match=r"do not say of which objects they are.*without a camera in their place"):
        policy.act(replace(observation, objects=unknown), 0)
