"""Levels of the stress report that never ran."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from callbacks.assist.stress_report import LevelOutcomes
from envs.task.episodes import Episodes
from envs.wrist.movement import KINDS
from tests.assisting import sampler
from tests.callbacks.outcomes import made_up_outcome

PERIOD_S = 0.025


def made_up_episodes(kinds: Sequence[str] = ("grasp",) * 5) -> Episodes:
    """Five grasps, three of a can and two of a box; wrists arrive at step 20, rise at step 40."""
    whole = sampler().of_rows(np.arange(5))
    step = np.full(5, 20)
    return replace(
        whole, kind=np.array([KINDS.index(name) for name in kinds]), arrival_step=step, lift_step=step + 20,
    )  # fmt: skip


def made_up_level(causes: Mapping[str, Sequence[str]], episodes: Episodes | None = None) -> LevelOutcomes:
    """How five episodes end under each policy; the i-th object was held in the last i steps before the lift."""
    episodes = made_up_episodes() if episodes is None else episodes
    outcomes = {
        name: replace(made_up_outcome(each), is_grasp=episodes.is_grasp, held_steps=np.arange(len(each)))
        for name, each in causes.items()
    }
    return LevelOutcomes(episodes, outcomes)


def shares(ours: int, triggered: int, failure: str = "slipped_in_lift") -> dict[str, list[str]]:
    """Causes of five episodes of which each policy takes the first so many."""
    counts = {"ours": ours, "primitive_triggered": triggered}
    return {name: ["success"] * count + [failure] * (5 - count) for name, count in counts.items()}
