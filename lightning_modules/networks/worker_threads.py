"""Many small networks' passes at once: chunks on threads of their own instead of operations split over threads.

An operation on sixteen clouds is too short to be worth splitting: two cores that share each operation give a fifth over
one, two cores with a chunk each give nearly twice. On the CPU only.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

from datamodules.threads import thread_pool

Item = TypeVar("Item")
Result = TypeVar("Result")


@lru_cache(maxsize=1)
def _pool(process: int, num_threads: int) -> ThreadPoolExecutor:
    return thread_pool(num_threads, "networks")


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """[function(item) for item in items], on as many threads as torch may use now.

    The results are those of a plain loop to the bit as long as ``function`` gives the same on one thread as on several.
    Modes that belong to a thread (autocast, no_grad) are ``function``'s to set.
    """
    num_threads = torch.get_num_threads()
    if num_threads < 2 or len(items) < 2:
        return [function(item) for item in items]
    return list(_pool(os.getpid(), num_threads).map(function, items))


def map_without_grad(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """`map_in_threads` without gradients."""

    def run(item: Item) -> Result:
        with torch.no_grad():
            return function(item)

    return map_in_threads(run, items)
