"""The stream of rollouts that training reads."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

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


class RolloutLoader(DataLoader[Rollout]):
    """Loads a stream in the training process; has no state of its own, since what comes next is the data module's."""

    def __init__(self, stream: RolloutStream) -> None:
        super().__init__(stream, batch_size=None, num_workers=0)

    def state_dict(self) -> dict[str, Any]:
        """Nothing; with `load_state_dict` it tells Lightning that an epoch may go on in its middle."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to take over."""


def stream_seed(seed: int, index: int, rank: int) -> int:
    """Seed of the exploration in rollout ``index`` of a rank; other numbers give one that has nothing in common."""
    return int(np.random.SeedSequence([seed, 7, index, rank]).generate_state(1, dtype=np.uint64)[0] >> np.uint64(1))
