"""Many objects at once: read what the cache holds, build the rest on all cores."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from envs.objects.grasp_object import GraspObject
from envs.objects.source import BuildTask, ObjectSource
from envs.objects.store.object_cache import ObjectCache
from envs.workers import default_workers, end_with_parent

MANY = 50
"""More missing objects than these are built by workers (which take a second or two to start) and under a bar."""

BUILD_TIMEOUT_S = 300.0
"""Seconds that one object may take in a worker; meshes take one to ten, several times that on a busy machine."""


@dataclass(frozen=True)
class Built:
    """What came of one task: the object, or the error it ended with."""

    name: str
    thing: GraspObject | None = None
    error: Exception | None = None


def build_missing(
    source: ObjectSource, names: Sequence[str], cache: ObjectCache, num_workers: int | None = None
) -> dict[str, GraspObject]:
    """The objects by name, from the cache, or built and then kept there.

    Args:
        source: makes the objects.
        names: objects of the source.
        cache: where they are looked for and kept.
        num_workers: processes to build with when many are missing; one per core when None.
    Raises:
        ValueError: objects that cannot be built; names the first and its cause. The others are in the cache then.
    """
    prepared = list(prepare(source, names, cache, num_workers))
    failed = [one for one in prepared if one.thing is None]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise ValueError(f"object {failed[0].name!r}{more} cannot be built: {failed[0].error}") from failed[0].error
    return {one.name: one.thing for one in prepared if one.thing is not None}


def prepare(
    source: ObjectSource,
    names: Sequence[str],
    cache: ObjectCache,
    num_workers: int | None = None,
    timeout_s: float = BUILD_TIMEOUT_S,
) -> Iterator[Built]:
    """What came of each object, those in the cache first; `build_missing` without an end at the first failure.

    A bar counts the missing ones, where that takes long.
    """
    keys: dict[str, str] = {}
    tasks: dict[str, BuildTask] = {}
    for name in names:
        try:
            keys[name] = source.key(name)
        except OSError as error:
            yield Built(name, error=error)
            continue
        thing = cache.load(keys[name])
        if thing is None:
            tasks[name] = source.task(name)
        else:
            yield Built(name, thing)
    workers = default_workers() if num_workers is None else num_workers
    is_risky = any(task.may_crash for task in tasks.values())
    is_long = is_risky or len(tasks) > MANY
    built = build_in_workers(tasks, workers, timeout_s) if is_risky or (is_long and workers > 1) else _build_here(tasks)
    for one in tqdm(built, total=len(tasks), desc="objects", unit="object", disable=not is_long):
        if one.thing is not None:
            cache.store(keys[one.name], one.thing)
        yield one


def _build_here(tasks: dict[str, BuildTask]) -> Iterator[Built]:
    """One after the other, in this process."""
    for name, task in tasks.items():
        try:
            yield Built(name, task.function(*task.args))
        except (ValueError, RuntimeError, OSError) as error:
            yield Built(name, error=error)


def build_in_workers(
    tasks: dict[str, BuildTask], num_workers: int, timeout_s: float = BUILD_TIMEOUT_S
) -> Iterator[Built]:
    """Objects in the order in which they get done; a task that fails, hangs or crashes ends as an error of its own.

    Args:
        tasks: by name.
        num_workers: processes.
        timeout_s: seconds one task may take.
    """
    if not tasks:
        return
    # spawned: no lock or generator state is inherited
    pool = ProcessPool(min(num_workers, len(tasks)), initializer=_prepare_worker, context=get_context("spawn"))
    try:
        futures: dict[Future[GraspObject], str] = {
            pool.schedule(task.function, task.args, timeout=timeout_s): name for name, task in tasks.items()
        }
        for future in as_completed(futures):
            yield _built(futures.pop(future), future, timeout_s)
    finally:
        pool.stop()
        pool.join()


def _built(name: str, future: Future[GraspObject], timeout_s: float) -> Built:
    """The object, or why there is none."""
    try:
        return Built(name, future.result())
    except TimeoutError:
        return Built(name, error=TimeoutError(f"it took longer than {timeout_s:g} s"))
    except ProcessExpired as error:
        cause = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit status {error.exitcode}"
        return Built(name, error=RuntimeError(f"the worker process died ({cause})"))
    except Exception as error:  # the caller lists them
        return Built(name, error=error)


def _prepare_worker() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # of CoACD, loaded later: workers fill the cores, sums keep their order
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # native code prints to standard output
    end_with_parent()
