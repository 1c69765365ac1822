"""Worker processes for simulation jobs: one thread of torch each, since two processes share few cores."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager

import torch
from pebble import ProcessPool

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
def lasting_pool(num_workers: int | None, most: int) -> Iterator[ProcessPool]:
    """A pool as `worker_pool`, but one worker that dies ends its own call alone, and another takes its place.

    On leaving, calls that still run are ended.

    Args:
        num_workers: processes; one per core when None.
        most: calls that there are: more processes have nothing to do.
    Raises:
        ValueError: fewer than one worker.
    """
    workers, context = min(checked_workers(num_workers), most), multiprocessing.get_context("spawn")
    pool = ProcessPool(workers, initializer=_prepare_worker, context=context)
    try:
        yield pool
    finally:
        pool.stop()
        pool.join()


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
