"""How hard a grasp set is on moving wrists."""

from typing import Any

import pytest

from datamodules.baselines.set_episodes import SetEpisodes
from datamodules.rollouts.runner import STEP_GRID
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.wrist.patterns import generate_patterns
from tests.assisting import made_up_targets
from tests.callbacks.outcomes import made_up_outcome


@pytest.mark.parametrize("has_choice", [True, False])
def test_steps_of_scripts_are_chosen_on_the_grasps_of_choice(has_choice: bool) -> None:
    train, choice = made_up_targets((3, 2)), made_up_targets((7, 4))
    seen: list[int] = []

    class Runner:
        def run(self, policy: Any, episodes: Episodes) -> EpisodeOutcome:
            seen.append(len(set(episodes.grasp_row.tolist())))
            return made_up_outcome(["success"] * len(episodes))

    runner: Any = Runner()
    moving = SetEpisodes(train, generate_patterns(), runner, num_episodes=22, choice=choice if has_choice else None)
    moving.policies()
    assert seen == [11 if has_choice else 5] * (2 * len(STEP_GRID))  # every grasp of them, for both scripts
    assert {choice.step for choice in moving.choices.values()} == {STEP_GRID[0]}
