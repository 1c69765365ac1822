"""The stream of rollouts that training reads."""

from collections.abc import Callable, Iterator

from torch.utils.data import IterableDataset

from datamodules.types import Rollout


class RolloutStream(IterableDataset[Rollout]):
    """A sized stream: Lightning then fetches a rollout only when the step before has ended.

    Args:
        length: rollouts in an epoch.
        collect: makes the next one.
    """

    def __init__(self, length: int, collect: Callable[[], Rollout]) -> None:
        self._length = length
        self._collect = collect

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Rollout]:
        for _ in range(self._length):
            yield self._collect()
