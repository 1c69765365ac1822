"""One part of a rollout: an exploring policy moves the fingers through an episode in some worlds."""

import time

import numpy as np
import torch
from torch import Tensor

from datamodules.rollouts.actor import ExploringWorlds
from datamodules.rollouts.runner import checked_action
from datamodules.types import Decision, Rollout, each_tensor
from envs.conventions import EPISODE_STEPS
from envs.hand.commands import next_command
from envs.hand.model import denormalise_joints, open_hand
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.rewards import RewardSettings, StepFacts, final_terms, reward_terms, total


@torch.no_grad()
def run_part(
    env: HumanAssistEnv,
    acting: ExploringWorlds,
    episodes: Episodes,
    reward: RewardSettings,
    *,
    max_gap: float,
    policy_version: int,
) -> Rollout:
    """T steps and the lift in all worlds of ``env``, without a teacher's comments.

    Args:
        env: the worlds; must observe the hidden groups that the reward needs.
        acting: decides.
        episodes: one for each world.
        reward: terms and weights.
        max_gap: largest distance of commanded from actual joints, rad.
        policy_version: of the policy that acts.

    Raises:
        ValueError: actions of another shape, or not finite.
    """
    clock = _Clock()
    observation = env.reset(episodes)
    command = np.tile(open_hand(), (env.num_worlds, 1))
    steps: list[Decision] = []
    terms: list[dict[str, Tensor]] = []
    clock.note("physics")
    for index in range(EPISODE_STEPS):
        before = denormalise_joints(observation["joint_pos"])
        decided = acting.step(observation)
        clock.note("actor")
        hand_action = decided.hand_action.double().cpu().numpy()
        action = checked_action(hand_action, env.num_worlds, index, type(acting).__name__)
        command = next_command(command, action, before.double().numpy(), max_gap)
        observation = env.step(command)
        facts = _facts(decided, before, denormalise_joints(observation["joint_pos"]), observation.groups)
        terms.append(reward_terms(reward, facts, index))
        steps.append(decided)
        clock.note("physics")
    outcome = env.finish()
    terms[-1] = final_terms(reward, outcome, terms[-1])
    clock.note("lift")
    return _stack(steps, terms, outcome, policy_version, _seconds(clock, acting.seconds))


def _facts(decided: Decision, before: Tensor, after: Tensor, groups: object) -> StepFacts:
    a_p = decided.primitive_action
    known = groups if isinstance(groups, dict) else {}
    goal = known.get("goal_joints")
    return StepFacts(
        joint_pos_before=before,
        joint_pos=after,
        a_p=torch.zeros_like(before) if a_p is None else a_p.to(before.device),
        fingertip_distance=known.get("fingertip_distance"),
        goal_joint_pos=None if goal is None else denormalise_joints(goal),
    )


def _stack(
    steps: list[Decision],
    terms: list[dict[str, Tensor]],
    outcome: EpisodeOutcome,
    policy_version: int,
    seconds: dict[str, float],
) -> Rollout:
    names = sorted({name for step in terms for name in step})
    zero = torch.zeros(len(outcome))
    by_name = {name: torch.stack([step.get(name, zero) for step in terms]).float() for name in names}
    reward = total(by_name)
    is_terminal = torch.zeros(reward.shape, dtype=torch.bool)
    is_terminal[-1] = True
    measures = {
        "success": outcome.is_success,
        "posture_rad": outcome.posture_rad,
        "translation_m": outcome.translation_m.clip(0.0, 1.0),
        "rotation_cos": outcome.rotation_cos,
        "diverged": outcome.is_diverged,
    }
    decided = each_tensor(lambda *values: torch.stack(values), *steps)
    return Rollout(
        hand_action=decided.hand_action,
        reward=reward,
        terms=by_name,
        is_terminal=is_terminal,
        is_valid=torch.as_tensor(~outcome.is_diverged).expand(reward.shape),
        measures={name: torch.as_tensor(value).float() for name, value in measures.items()},
        gate=torch.full_like(reward, torch.nan),
        grip=torch.full_like(reward, torch.nan),
        memory=decided.memory,
        policy_version=policy_version,
        seconds=seconds,
    )


class _Clock:
    """Seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def note(self, part: str) -> None:
        """Everything since the last call went into ``part``."""
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._last
        self._last = now


def _seconds(clock: _Clock, of_actor: dict[str, float]) -> dict[str, float]:
    """Parts of a rollout; what the actor does not account for is called other."""
    seconds = dict(clock.seconds)
    seconds["other"] = seconds.pop("actor") - sum(of_actor.values())
    return {**seconds, **of_actor}
