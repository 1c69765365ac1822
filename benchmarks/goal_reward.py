"""What the reward of PPO (Goal) pays for: scripts that know the joints it is told, on the same episodes. Prints JSON.

    stored grasp on arrival   the joints of the episode's own grasp, which PPO (Goal) is not told
    told joints on arrival    those of another grasp of the object, which it is, once the wrist is there
    told joints at once       the same from the first step on
    stays open                no step at all

Success, and the mean return of an episode by term, not discounted and discounted as in training.

    python benchmarks/goal_reward.py --episodes 256
"""

import argparse
import json
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from _machine import load_average, machine
from numpy.typing import NDArray
from policy_choices import TASKS
from tqdm import tqdm

from callbacks.metrics.estimates import estimate
from datamodules.baselines.scripts import GoalOnArrival, stored_goals
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy, start_policy
from envs.conventions import MAX_JOINT_STEP
from envs.hand.hand import Hand
from envs.physics.base import Array
from envs.rows import join_rows, take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from envs.task.outcomes import EpisodeOutcome
from envs.task.rewards import RewardSettings

GAMMA = 0.995
"""As in configs/baselines/ppo_goal.yaml."""

WORLDS = 64


def told_goals(episodes: Episodes) -> Array:
    """The joints that PPO (Goal) is told (E, J), rad."""
    return episodes.other_joint_pos


@dataclass
class AtOnce:
    """Moves every joint to the told ones at full speed from the first step on; a `ToldPolicy`."""

    _hand: Hand = field(init=False, repr=False)
    _goal: Array = field(init=False, repr=False)

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        self._hand, self._goal = episodes.hand, told_goals(episodes)

    def start(self, num_worlds: int) -> None:
        """Everything was told."""

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        joint_pos = self._hand.denormalise(observation["joint_pos"].double()).cpu().numpy()
        return np.asarray(((self._goal - joint_pos) / MAX_JOINT_STEP).clip(-1.0, 1.0))


class Open:
    """Leaves the fingers where they are."""

    def start(self, num_worlds: int) -> None:
        """Nothing to prepare."""

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        return np.zeros(observation["joint_pos"].shape)


POLICIES: dict[str, Callable[[], FingerPolicy]] = {
    "stored grasp on arrival": lambda: GoalOnArrival(stored_goals),
    "told joints on arrival": lambda: GoalOnArrival(told_goals),
    "told joints at once": AtOnce,
    "stays open": Open,
}


def run(policy: FingerPolicy, episodes: Episodes, data: RolloutDataModule) -> tuple[EpisodeOutcome, dict[str, Array]]:
    """How E episodes ended, and their returns by term (E,), discounted ones by the term's name and ``discounted``."""
    task = data.task
    physics = data.physics.make(episodes.hand, len(episodes))
    env = HumanAssistEnv(physics, task=task, reward=RewardSettings.preset("ppo_goal"))
    observation = env.reset(episodes)
    start_policy(policy, episodes)
    returns: dict[str, Array] = defaultdict(lambda: np.zeros(len(episodes)))
    parts, rows, has_ended, step = [], [], np.zeros(len(episodes), dtype=bool), 0
    while not has_ended.all():
        done = env.step(policy.act(observation, step))
        observation = done.observation
        for name, value in done.terms.items():
            paid = np.where(has_ended, 0.0, value.double().cpu().numpy())
            returns[name] += paid
            returns[f"{name}, discounted"] += GAMMA**step * paid
        if done.outcome is not None:
            parts.append(done.outcome)
            rows.append(np.flatnonzero(done.ended))
        has_ended |= done.ended
        step += 1
    order = np.argsort(np.concatenate(rows))
    return take_rows(join_rows(parts), order), dict(returns)


def numbers(
    policy: FingerPolicy, episodes: Episodes, data: RolloutDataModule, objects: NDArray[np.int64]
) -> dict[str, Any]:
    """Success and mean returns of a policy over all episodes."""
    success, returns = [], defaultdict(list)
    for begin in range(0, len(episodes), WORLDS):
        outcome, found = run(policy, take_rows(episodes, np.arange(begin, min(begin + WORLDS, len(episodes)))), data)
        success.append(outcome.is_success.astype(float))
        for name, value in found.items():
            returns[name].append(value)
    means = {name: round(float(np.concatenate(values).mean()), 4) for name, values in returns.items()}
    is_success = np.concatenate(success)
    return {"success": estimate(is_success, objects, is_rate=True).as_dict(), "returns": means}


def main(args: list[str] | None = None) -> None:
    """Run every script on the same episodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--split", default="development", choices=("train", "development"))
    parser.add_argument("--task", default="paper", choices=tuple(TASKS), help="how wrists move, and who lifts")
    parser.add_argument("--episodes", type=int, default=256)
    given = parser.parse_args(args)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    torch.set_grad_enabled(False)
    load, task = load_average(), TASKS[given.task]
    data = RolloutDataModule(path=given.path, task=task)
    targets, period_s = data.targets(given.split), data.physics.settings.control_dt
    episodes = planned_episodes(
        SpreadPlan(given.episodes), targets, data.patterns, is_training=True, seed=0, task=task, period_s=period_s
    )
    objects = targets.object_index[episodes.grasp_row]
    found = {name: numbers(make(), episodes, data, objects) for name, make in tqdm(POLICIES.items(), unit="policy")}
    about = {name: getattr(given, name) for name in ("task", "split", "episodes")}
    print(json.dumps({"benchmark": "goal_reward", **about, "policies": found, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
