"""Many objects at once: read what the cache holds, build the rest on all cores."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from queue import SimpleQueue

from tqdm import tqdm

from envs.objects.grasp_object import GraspObject
from envs.objects.meshes.guarded_worker import GuardedWorker
from envs.objects.source import BuildTask, ObjectSource
from envs.objects.store.object_cache import ObjectCache

MANY = 50
"""More missing objects than these are built by workers (which take a second or two to start) and under a bar."""

BUILD_TIMEOUT_S = 300.0
"""Processor seconds that one object may take in a worker; meshes take one to ten."""


@dataclass(frozen=True)
class Built:
    """What came of one task: the object, or the error it ended with."""

    name: str
    thing: GraspObject | None = None
    error: Exception | None = None


def default_workers() -> int:
    """One worker per core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    things: dict[str, GraspObject] = {}
    keys: dict[str, str] = {}
    for name in names:
        key = source.key(name)
        thing = cache.load(key)
        if thing is None:
            keys[name] = key
        else:
            things[name] = thing
    workers = default_workers() if num_workers is None else num_workers
    tasks = {name: source.task(name) for name in keys}
    built = build_in_workers(tasks, workers) if len(tasks) > MANY and workers > 1 else _build_here(tasks)
    failed: list[Built] = []
    for one in tqdm(built, total=len(tasks), desc="objects", unit="object", disable=len(tasks) <= MANY):
        if one.thing is None:
            failed.append(one)
        else:
            cache.store(keys[one.name], one.thing)
            things[one.name] = one.thing
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise ValueError(f"object {failed[0].name!r}{more} cannot be built: {failed[0].error}") from failed[0].error
    return things


def _build_here(tasks: dict[str, BuildTask]) -> Iterator[Built]:
    """One after the other, in this process unless the task may crash."""
    with GuardedWorker(BUILD_TIMEOUT_S) as worker:
        for name, task in tasks.items():
            try:
                if task.may_crash:
                    yield Built(name, worker.run(task.function, *task.args))
                else:
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
        timeout_s: processor seconds one task may take.
    """
    workers = [GuardedWorker(timeout_s) for _ in range(min(num_workers, len(tasks)))]
    idle: SimpleQueue[GuardedWorker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def run(name: str, task: BuildTask) -> Built:
        """The object, or why there is none, from the next worker that is idle."""
        worker = idle.get()
        try:
            return Built(name, worker.run(task.function, *task.args))
        except Exception as error:  # the caller lists them
            return Built(name, error=error)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(max(len(workers), 1))
    try:
        futures = [threads.submit(run, name, task) for name, task in tasks.items()]
        for future in as_completed(futures):
            yield future.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()
