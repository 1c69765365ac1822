"""Many objects at once: read what the cache holds, build the rest on all cores."""

import logging
from collections.abc import Iterator, Sequence

from tqdm import tqdm

from envs.objects.grasp_object import GraspObject
from envs.objects.source import BuildTask, ObjectSource
from envs.objects.store.guarded import BUILD_MEMORY_GB, BUILD_TIMEOUT_S, Built, Limits, build_guarded
from envs.objects.store.object_cache import ObjectCache
from envs.workers import checked_workers

_logger = logging.getLogger(__name__)

MANY = 50
"""More missing objects than these are built by workers (which take a second or two to start) and under a bar."""


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
    failed = [one for one in prepared if one.grasp_object is None]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise ValueError(f"object {failed[0].name!r}{more} cannot be built: {failed[0].error}") from failed[0].error
    return {one.name: one.grasp_object for one in prepared if one.grasp_object is not None}


def prepare(
    source: ObjectSource,
    names: Sequence[str],
    cache: ObjectCache,
    num_workers: int | None = None,
    timeout_s: float = BUILD_TIMEOUT_S,
    memory_gb: float = BUILD_MEMORY_GB,
) -> Iterator[Built]:
    """What came of each object, those in the cache first; `build_missing` without an end at the first failure.

    A bar counts the missing ones, where that takes long.

    Raises:
        ValueError: fewer than one worker, or a limit that is no positive number; before anything is built.
    """
    workers, limits = checked_workers(num_workers), Limits(timeout_s, memory_gb)
    keys: dict[str, str] = {}
    tasks: dict[str, BuildTask] = {}
    for name in names:
        try:
            keys[name] = source.key(name)
        except OSError as error:
            yield Built(name, error=error)
            continue
        grasp_object = cache.load(keys[name])
        if grasp_object is None:
            tasks[name] = source.task(name)
        else:
            yield Built(name, grasp_object)
    is_risky = any(task.may_crash for task in tasks.values())
    is_long = is_risky or len(tasks) > MANY
    built = (
        build_in_workers(tasks, workers, limits.seconds, limits.gigabytes)
        if is_risky or (is_long and workers > 1)
        else _build_here(tasks)
    )
    for one in tqdm(built, total=len(tasks), desc="objects", unit="object", disable=not is_long):
        if one.grasp_object is not None:
            if _key_now(source, one.name) == keys[one.name]:
                cache.store(keys[one.name], one.grasp_object)
            else:
                _logger.warning("the file of object %s changed while it was built: it is not kept", one.name)
        yield one


def _key_now(source: ObjectSource, name: str) -> str | None:
    """The key of an object as its file is now, hours after the first one was made; None where it is gone."""
    try:
        return source.key(name)
    except OSError:
        return None


def _build_here(tasks: dict[str, BuildTask]) -> Iterator[Built]:
    """One after the other, in this process."""
    for name, task in tasks.items():
        try:
            yield Built(name, task.function(*task.args))
        except (ValueError, RuntimeError, OSError) as error:
            yield Built(name, error=error)


def build_in_workers(
    tasks: dict[str, BuildTask],
    num_workers: int | None,
    timeout_s: float = BUILD_TIMEOUT_S,
    memory_gb: float = BUILD_MEMORY_GB,
) -> Iterator[Built]:
    """See `build_guarded`; the limits are seconds and gigabytes of one task."""
    return build_guarded(tasks, num_workers, Limits(timeout_s, memory_gb))
