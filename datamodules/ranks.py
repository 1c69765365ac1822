"""What the processes of one training run (its ranks) tell one another; a single process is rank 0 of 1, and alone."""

from collections.abc import Mapping
from typing import TypeVar

import torch.distributed as dist

Value = TypeVar("Value")


def num_ranks() -> int:
    """Processes that train together."""
    return dist.get_world_size() if _is_distributed() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if _is_distributed() else 0


def gathered(value: Value) -> list[Value]:
    """The values of all ranks in their order, on every rank; small picklable ones, tensors on the CPU.

    Every rank has to call it, and as often as the others: it waits for them.
    """
    if not _is_distributed():
        return [value]
    values: list[Value] = [value] * num_ranks()
    dist.all_gather_object(values, value)
    return values


def mean_numbers(numbers: Mapping[str, float]) -> dict[str, float]:
    """Mean over the ranks of every number, the same on all; each gives the same names. It waits, as `gathered` does."""
    every = gathered(dict(numbers))
    return {name: sum(each[name] for each in every) / len(every) for name in numbers}


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
