"""Worker processes for simulation jobs: one thread of torch each, since two processes share few cores."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager

import torch

from envs.workers import checked_workers, end_with_parent


def _prepare_worker() -> None:
    import signal

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt does
    end_with_parent()


def worker_pool(num_workers: int | None) -> AbstractContextManager[ProcessPoolExecutor]:
    """A pool of fresh processes (spawned, so that no lock or generator state is inherited), as a context.

    Raises:
        ValueError: fewer than one worker.
        ChildProcessError: on leaving, of a worker that died; says what to do.
    """
    return _pool(checked_workers(num_workers))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"one of {workers} worker processes died without a word; systems end processes so when memory runs short: "
            "run the same command again, with fewer workers (--num_workers) where they are many"
        ) from error
