"""What the reward of PPO (Goal) pays for: scripts that know the joints it is told, on the same episodes. Prints JSON.

    stored grasp on arrival   the joints of the episode's own grasp, which PPO (Goal) is not told
    told joints on arrival    those of another grasp of the object, which it is, once the wrist is there
    told joints at once       the same from the first step on
    stays open                no step at all

Success and the return of an episode, discounted as in training, by term and beside that of the first script.

    python benchmarks/goal_reward.py --episodes 256
"""

import argparse
import json
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _machine import load_average, machine
from numpy.typing import NDArray
from policy_choices import TASKS
from tqdm import tqdm

from callbacks.metrics.estimates import estimate
from datamodules.baselines.scripts import FixedStepClose, GoalOnArrival, stored_goals
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy, start_policy
from envs.hand.hand import Hand
from envs.physics.base import Array
from envs.rows import take_rows
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.rewards import RewardSettings

GAMMA = 0.995
"""As in configs/baselines/ppo_goal.yaml."""

WORLDS = 64

SUCCESSES = "is_success"
"""Beside the names of the reward's terms."""


def told_goals(episodes: Episodes) -> Array:
    """The joints that PPO (Goal) is told (E, J), rad."""
    return episodes.other_joint_pos


class AtOnce(GoalOnArrival):
    """Moves from the first step on, also where the wrist only passes by."""

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        super().tell(episodes)
        self._first_step[:] = 0


POLICIES: dict[str, Callable[[Hand], FingerPolicy]] = {
    "stored grasp on arrival": lambda hand: GoalOnArrival(stored_goals),
    "told joints on arrival": lambda hand: GoalOnArrival(told_goals),
    "told joints at once": lambda hand: AtOnce(told_goals),
    "stays open": lambda hand: FixedStepClose(hand, hand.open_pose, step=0),
}


def run(policy: FingerPolicy, episodes: Episodes, data: RolloutDataModule) -> dict[str, Array]:
    """Success of E episodes (E,), and their discounted returns by term (E,) each."""
    env = HumanAssistEnv(
        data.physics.make(episodes.hand, len(episodes)), task=data.task, reward=RewardSettings.preset("ppo_goal")
    )
    observation = env.reset(episodes)
    start_policy(policy, episodes)
    found: dict[str, Array] = defaultdict(lambda: np.zeros(len(episodes)))
    has_ended, step = np.zeros(len(episodes), dtype=bool), 0
    while not has_ended.all():
        done = env.step(policy.act(observation, step))
        observation = done.observation
        for name, value in done.terms.items():  # 0 of episodes that have ended
            found[name] += GAMMA**step * value.double().cpu().numpy()
        if done.outcome is not None:
            found[SUCCESSES][done.ended] = done.outcome.is_success
        has_ended |= done.ended
        step += 1
    return found


def in_batches(policy: FingerPolicy, episodes: Episodes, data: RolloutDataModule) -> dict[str, Array]:
    """See `run`."""
    parts = [
        run(policy, take_rows(episodes, np.arange(begin, min(begin + WORLDS, len(episodes)))), data)
        for begin in range(0, len(episodes), WORLDS)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def numbers(of: dict[str, Array], of_first: dict[str, Array], objects: NDArray[np.int64]) -> dict[str, Any]:
    """Success, return, its terms, and how much more the same episodes return than under the first script."""
    terms = {name: value for name, value in of.items() if name != SUCCESSES}
    total, of_other = sum(terms.values()), sum(value for name, value in of_first.items() if name != SUCCESSES)
    return {
        "success": estimate(of[SUCCESSES], objects, is_rate=True).as_dict(),
        "return": estimate(np.asarray(total), objects).as_dict(),
        "return_above_first": estimate(np.asarray(total - of_other), objects).as_dict(),
        "terms": {name: round(float(value.mean()), 4) for name, value in terms.items()},
    }


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
    results = {
        name: in_batches(make(episodes.hand), episodes, data) for name, make in tqdm(POLICIES.items(), unit="policy")
    }
    first = next(iter(results.values()))
    found = {name: numbers(each, first, objects) for name, each in results.items()}
    about = {name: getattr(given, name) for name in ("task", "split", "episodes")}
    print(json.dumps({"benchmark": "goal_reward", **about, "policies": found, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
