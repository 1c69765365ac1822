"""Worker processes: how many, and that none outlives the process that started it."""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def available_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def default_workers() -> int:
    """One worker per core this process may use."""
    return len(available_cores())


def checked_workers(num_workers: int | None) -> int:
    """The number of workers that is asked for, one per core for None.

    Raises:
        ValueError: fewer than one.
    """
    workers = default_workers() if num_workers is None else num_workers
    if workers < 1:
        raise ValueError(f"num_workers is {workers}, expected at least 1 (or null for one per core)")
    return workers


def error_text(error: BaseException) -> str:
    """What an error says, with its kind where that is not a plain ValueError."""
    try:
        text = str(error)
    except Exception:  # of a stranger's class
        text = "it cannot say why"
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def call_plainly(function: Callable[..., Result], *args: Any) -> Result:
    """What a function gives; an error that another process could not read becomes a RuntimeError of the same words.

    Such an error would take down the whole pool of workers in place of one task.
    """
    try:
        return function(*args)
    except Exception as error:
        if _is_portable(error):
            raise
        raise RuntimeError(error_text(error)) from None


def _is_portable(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)  # its own bytes, of this process
    except Exception:
        return False


def end_with_parent() -> None:
    """Called in a worker: without it the workers of a killed job would work on, or wait for work for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
