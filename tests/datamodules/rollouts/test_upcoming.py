"""Episodes are drawn one batch ahead, and nobody can tell by the draws."""

from dataclasses import fields

import numpy as np
import pytest

from datamodules.rollouts.upcoming import UpcomingEpisodes
from envs.task.episodes import Episodes
from tests.assisting import sampler


def assert_same(one: Episodes, other: Episodes) -> None:
    for item in fields(Episodes):
        if item.name not in ("grasp_objects", "clouds"):
            np.testing.assert_array_equal(getattr(one, item.name), getattr(other, item.name))
    assert [thing.name for thing in one.grasp_objects] == [thing.name for thing in other.grasp_objects]


def upcoming(seed: int = 0) -> UpcomingEpisodes:
    return UpcomingEpisodes(sampler(seed=seed), 4)


def test_batches_are_those_of_the_sampler() -> None:
    plain, ahead = sampler(), upcoming()
    for _ in range(3):
        assert_same(ahead.take(), plain.sample(4))


def test_the_objects_of_the_next_batch_are_prepared() -> None:
    asked: list[list[str]] = []
    ahead = UpcomingEpisodes(sampler(), 4, lambda grasp_objects: asked.append([thing.name for thing in grasp_objects]))
    assert asked == []
    ahead.take()
    assert [thing.name for thing in ahead.take().grasp_objects] == asked[0]
    assert len(asked) == 2


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_restored_one_goes_on_after_the_last_batch_that_was_taken(taken: int) -> None:
    first = upcoming()
    for _ in range(taken):
        first.take()
    state = first.state_dict()
    second = upcoming(seed=1)
    second.take()  # what it drew ahead is forgotten
    second.load_state_dict(state)
    assert second.state_dict() == state
    for _ in range(2):
        assert_same(second.take(), first.take())


def test_the_state_is_that_of_a_sampler_that_draws_nothing_ahead() -> None:
    plain, ahead = sampler(), upcoming()
    for _ in range(2):
        plain.sample(4)
        ahead.take()
        assert ahead.state_dict() == plain.state_dict()
