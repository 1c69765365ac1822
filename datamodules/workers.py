"""Worker processes for simulation jobs: one thread of torch each, since two processes share few cores."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import torch


def default_workers() -> int:
    """One worker per core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepare_worker() -> None:
    import signal

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt does
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Waits for the parent to die; without it the workers of a killed job would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def worker_pool(num_workers: int | None) -> ProcessPoolExecutor:
    """A pool of fresh processes (spawned, so that no lock or generator state is inherited).

    Raises:
        ValueError: fewer than one worker.
    """
    workers = default_workers() if num_workers is None else num_workers
    if workers < 1:
        raise ValueError(f"num_workers is {workers}, expected at least 1 (or null for one per core)")
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
