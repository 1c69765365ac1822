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


class GuardedCalls:
    """Calls in worker processes, each under limits of time and memory; see `guarded_calls`."""

    def __init__(self, pool: ProcessPool, limits: Limits, said: Path) -> None:
        self._pool, self._limits, self._said = pool, limits, said

    def submit(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
        """A call that begins when a worker is free; `result` tells what came of it."""
        future: Future[Any] = self._pool.schedule(_call, (function, args), timeout=self._limits.seconds)
        return future

    def result(self, future: Future[Any], advice: str) -> Any:
        """What a call gave; waits for it.

        Args:
            future: of `submit`.
            advice: see `BuildTask`.
        Raises:
            TimeoutError: it took longer than its limit.
            MemoryError: it took more memory than its limit.
            ValueError: of the call itself.
            RuntimeError: any other error of the call, or its process died.
        """
        more = f"; {advice}" if advice else ""
        try:
            result = future.result()
        except TimeoutError:
            raise TimeoutError(f"it took longer than {self._limits.seconds:g} s{more}") from None
        except ProcessExpired as error:
            if error.exitcode == _OUT_OF_MEMORY or _ran_out_of_memory(self._said / str(error.pid)):
                raise MemoryError(f"it took more than {self._limits.gigabytes:g} GB of memory{more}") from error
            cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit status {error.exitcode}"
            raise RuntimeError(f"the worker process died ({cause}){more}") from error
        if isinstance(result, _Failure):
            raise (ValueError if result.is_of_data else RuntimeError)(result.text)
        return result


@contextmanager
def guarded_calls(num_workers: int, limits: Limits) -> Iterator[GuardedCalls]:
    """Worker processes for calls that may hang, crash or fill the memory; they end with the context.

    Args:
        num_workers: processes.
        limits: of each call.
    """
    with _folder_of_words() as said:
        # spawned: no lock or generator state is inherited
        pool = ProcessPool(
            num_workers, initializer=_prepare_worker, initargs=[limits, said], context=get_context("spawn")
        )
        try:
            yield GuardedCalls(pool, limits, Path(said))
        finally:
            pool.stop()
            pool.join()


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
    with guarded_calls(min(workers, len(tasks)), limits) as calls:
        futures = {calls.submit(task.function, task.args): name for name, task in tasks.items()}
        for future in as_completed(futures):
            name = futures.pop(future)
            try:
                yield Built(name, calls.result(future, tasks[name].advice))
            except Exception as error:  # the caller lists them
                yield Built(name, error=error)


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


def _call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """In a worker: what comes of the call; an error as a `_Failure`: not every one survives the way to the parent."""
    try:
        return function(*args)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # what is left of the call's memory goes with the process
    except BaseException as error:  # even one that would end the process: the parent lists them
        return _Failure(isinstance(error, ValueError), error_text(error))


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
