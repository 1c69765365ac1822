"""Episodes drawn one batch ahead, so that what they need can be made while the batch before them runs."""

from collections.abc import Callable, Sequence
from typing import Any

from envs.objects.grasp_object import GraspObject
from envs.task.episodes import Episodes, EpisodeSampler


class UpcomingEpisodes:
    """Batches of episodes in the sampler's order; the batch after the one that is taken is already known.

    Args:
        sampler: draws; nothing else may draw from it.
        count: episodes of a batch.
        prepare: called with the objects of the batch to come; returns at once.
    """

    def __init__(
        self, sampler: EpisodeSampler, count: int, prepare: Callable[[Sequence[GraspObject]], None] = lambda _: None
    ) -> None:
        self._sampler = sampler
        self._count = count
        self._prepare = prepare
        self._ahead: Episodes | None = None
        self._before_ahead: dict[str, Any] | None = None

    def take(self) -> Episodes:
        """The next batch; the objects of the one after it are prepared."""
        taken = self._sampler.sample(self._count) if self._ahead is None else self._ahead
        self._before_ahead = self._sampler.state_dict()
        self._ahead = self._sampler.sample(self._count)
        self._prepare(self._ahead.grasp_objects)
        return taken

    def state_dict(self) -> dict[str, Any]:
        """The sampler as it stands for those who know only the batches that were taken."""
        return self._sampler.state_dict() if self._before_ahead is None else self._before_ahead

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the last batch that was taken when ``state`` was saved; see `EpisodeSampler`."""
        self._sampler.load_state_dict(state)
        self._ahead = self._before_ahead = None
