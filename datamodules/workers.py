"""Worker processes for simulation jobs: one thread of torch each, since two processes share few cores."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import torch

from envs.workers import checked_workers, end_with_parent


def _prepare_worker() -> None:
    import signal

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt does
    end_with_parent()


def worker_pool(num_workers: int | None) -> ProcessPoolExecutor:
    """A pool of fresh processes (spawned, so that no lock or generator state is inherited).

    Raises:
        ValueError: fewer than one worker.
    """
    workers = checked_workers(num_workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
