"""Tasks in processes of their own, each under limits of time and memory; one that fails is an error, never an end."""

import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil  # type: ignore[import-untyped]
from pebble import ProcessExpired, ProcessPool

from envs.objects.grasp_object import GraspObject
from envs.objects.source import BuildTask
from envs.workers import checked_workers, end_with_parent, error_text

BUILD_TIMEOUT_S = 300.0
"""Seconds that one object may take in a worker; meshes take one to ten, several times that on a busy machine."""

BUILD_MEMORY_GB = 4.0
"""Gigabytes that a worker may take; an OBJ file of a million faces takes 0.7 to read and decimate."""

_MIN_MEMORY_GB = 0.5
"""Less than this a worker needs for its libraries alone."""

_OUT_OF_MEMORY = 86
"""Exit status of a worker that took more than its memory."""

_WATCH_S = 0.03
_WATCHED_SHARE = 0.9
"""A worker ends itself at this share of its memory, and knows why; at all of it the system refuses more."""


@dataclass(frozen=True)
class Limits:
    """What one task may take.

    Attributes:
        seconds: of wall-clock time.
        gigabytes: of memory of its process.
    Raises:
        ValueError: a limit that no task could keep; names it.
    """

    seconds: float = BUILD_TIMEOUT_S
    gigabytes: float = BUILD_MEMORY_GB

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"timeout is {self.seconds} s; expected a positive number of seconds, e.g. 300")
        if not _MIN_MEMORY_GB <= self.gigabytes < math.inf:
            raise ValueError(f"memory is {self.gigabytes} GB; expected at least {_MIN_MEMORY_GB:g} GB, e.g. 4")


@dataclass(frozen=True)
class Built:
    """What came of one task: the object, or the error it ended with."""

    name: str
    grasp_object: GraspObject | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Failure:
    """An error in words, which any process can read."""

    is_of_data: bool
    text: str


def build_guarded(tasks: dict[str, BuildTask], num_workers: int | None, limits: Limits) -> Iterator[Built]:
    """Objects in the order in which they get done; a task that fails, hangs or crashes ends as an error of its own.

    Args:
        tasks: by name.
        num_workers: processes; one per core when None.
        limits: of each task.
    Raises:
        ValueError: fewer than one worker.
    """
    workers = checked_workers(num_workers)
    if not tasks:
        return
    with _folder_of_words() as said:
        # spawned: no lock or generator state is inherited
        pool = ProcessPool(
            min(workers, len(tasks)), initializer=_prepare_worker, initargs=[limits, said], context=get_context("spawn")
        )
        try:
            futures: dict[Future[Any], str] = {
                pool.schedule(_call, (task.function, task.args), timeout=limits.seconds): name
                for name, task in tasks.items()
            }
            for future in as_completed(futures):
                name = futures.pop(future)
                yield _built(name, future, limits, tasks[name].advice, Path(said))
        finally:
            pool.stop()
            pool.join()


@contextmanager
def _folder_of_words() -> Iterator[str]:
    """A folder for what workers write on standard error; an empty name where there is no place for it."""
    try:
        folder = mkdtemp(prefix="graspgf-workers-")
    except OSError:
        yield ""
        return
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(function: Callable[..., GraspObject], args: tuple[Any, ...]) -> GraspObject | _Failure:
    """In a worker: what comes of the task; errors in words, for not every error survives the way to the parent."""
    try:
        return function(*args)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # what is left of the task's memory goes with the process
    except BaseException as error:  # even one that would end the process: the parent lists them
        return _Failure(isinstance(error, ValueError), error_text(error))


def _built(name: str, future: Future[Any], limits: Limits, advice: str, said: Path) -> Built:
    """The object, or why there is none; ``said`` is the folder of what workers wrote on standard error."""
    more = f"; {advice}" if advice else ""
    try:
        result = future.result()
    except TimeoutError:
        return Built(name, error=TimeoutError(f"it took longer than {limits.seconds:g} s{more}"))
    except ProcessExpired as error:
        if error.exitcode == _OUT_OF_MEMORY or _ran_out_of_memory(said / str(error.pid)):
            return Built(name, error=MemoryError(f"it took more than {limits.gigabytes:g} GB of memory{more}"))
        cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit status {error.exitcode}"
        return Built(name, error=RuntimeError(f"the worker process died ({cause}){more}"))
    except Exception as error:  # the caller lists them
        return Built(name, error=error)
    if isinstance(result, _Failure):
        return Built(name, error=(ValueError if result.is_of_data else RuntimeError)(result.text))
    return Built(name, result)


def _ran_out_of_memory(words: Path) -> bool:
    """Whether native code said so before it gave up."""
    try:
        text = words.read_bytes()[-10_000:]
    except OSError:
        return False
    return any(sign in text for sign in (b"bad_alloc", b"annot allocate memory", b"ut of memory", b"MemoryError"))


def _prepare_worker(limits: Limits, said: str) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # of CoACD, loaded later: workers fill the cores, sums keep their order
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # native code prints to standard output
    if said:
        os.dup2(os.open(Path(said) / str(os.getpid()), os.O_WRONLY | os.O_CREAT), 2)  # and says there why it gives up
    end_with_parent()
    _limit_memory(int(1e9 * limits.gigabytes))


def _limit_memory(most: int) -> None:
    """End this process when it takes more bytes, or is about to.

    The thread does not see what native code does that holds the interpreter's lock, nor a single large request; these
    the system refuses, where it can, which Python reports as MemoryError.
    """
    threading.Thread(target=_watch_memory, args=(_WATCHED_SHARE * most,), daemon=True).start()
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, ValueError, OSError):  # not on this system: the thread alone watches
        return


def _watch_memory(most: float) -> None:
    process = psutil.Process()
    while process.memory_info().rss < most:
        time.sleep(_WATCH_S)
    os._exit(_OUT_OF_MEMORY)
