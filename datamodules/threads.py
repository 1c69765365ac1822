"""Threads that hold torch to a number of threads each, since each of them has a core of its own."""

from concurrent.futures import ThreadPoolExecutor

import torch


def _hold(torch_threads: int) -> None:
    # torch asks a new thread for its number once, at its first operation, and then takes the number that anybody set
    # last; only after that the thread's own number stays
    torch.get_num_threads()
    torch.set_num_threads(torch_threads)


def thread_pool(num_threads: int, name: str, *, torch_threads: int = 1) -> ThreadPoolExecutor:
    """A pool of threads called ``name``_0 ..., in each of which torch uses ``torch_threads``."""
    return ThreadPoolExecutor(num_threads, name, initializer=_hold, initargs=(torch_threads,))
