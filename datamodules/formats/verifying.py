"""The second half of a conversion: what was read is tried part by part; parts that are done are not done again."""

import logging
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pebble import ProcessExpired
from tqdm import tqdm

from datamodules.formats.foreign import Unit
from datamodules.formats.job import ConversionJob, Counts, objects_of
from datamodules.formats.reading import load_read
from datamodules.formats.together import together
from datamodules.formats.verify import verify
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.workers import lasting_pool
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.shapes import ShapeDigests, are_same_shapes
from envs.physics.mujoco_cpu import MujocoCpu
from envs.workers import call_plainly

_LOG = logging.getLogger(__name__)

NUM_WORLDS = 32
"""Grasps of an object that are tried at once."""

MOST_GRASPS = 500
"""Of a part file: 40 s of a core, which are lost when the job is killed, and by which the bar moves."""

_AHEAD = 64
"""Parts that wait for a worker, so that the queue does not grow with the source."""

_DIED = "the process that tried them died"


@dataclass(frozen=True)
class Part:
    """Grasps ``begin`` to ``end`` of what was read of a unit, and the file that they go to once they are verified."""

    unit: Unit
    begin: int
    end: int
    path: Path

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def origin(self) -> str:
        """The grasps in words, for messages."""
        return (
            f"{self.unit.files[0]}: grasps {self.begin + 1} to {self.end} of those that were read of {self.unit.name}"
        )


def parts_of(job: ConversionJob, unit: Unit, count: int) -> list[Part]:
    """The parts of a unit of which so many grasps were read; one of no grasps has a part, too."""
    if count <= MOST_GRASPS:
        return [Part(unit, 0, count, job.verified_path(unit))]
    ends = [(begin, min(begin + MOST_GRASPS, count)) for begin in range(0, count, MOST_GRASPS)]
    return [Part(unit, begin, end, job.verified_folder(unit) / f"{begin}-{end}.npz") for begin, end in ends]


def verify_units(
    job: ConversionJob,
    units: Sequence[Unit],
    folder: MeshFolder,
    splits: dict[str, str],
    split_file: Path,
    counts: Counts,
) -> Iterator[GraspSet]:
    """The verified grasps of every part of every unit, in their order; parts that are done are not done again.

    Args:
        job: the job.
        units: all of them.
        folder: the objects.
        splits: the split of every object that could be built.
        split_file: names these objects.
        counts: what was read, and the shapes of the objects: what was verified on others is done again. Parts whose
            process died are added.
    """
    names = {folder.path(name).resolve(): name for name in splits}
    parts = [part for unit in units for part in parts_of(job, unit, counts.grasps_of[unit.name])]
    todo = [part for part in parts if not is_verified(part, job.stamp(part.unit), counts.shapes)]
    dead = _try_all(job, todo, sum(map(len, parts)), _Tasks(job, names, splits, split_file)) if todo else {}
    for part, cause in dead.items():
        counts.bad[part.origin] = cause
        counts.rejected[_DIED] += len(part)
    for part in parts:
        if part not in dead:
            verified = load_grasp_set(part.path)
            # the split is the command's: the part may have been made when the object stood elsewhere
            yield replace(verified, object_splits=tuple(splits[name] for name in verified.objects))


def _try_all(job: ConversionJob, todo: Sequence[Part], total: int, tasks: "_Tasks") -> dict[Part, str]:
    """Try these parts on all workers; those whose process died twice, with the cause.

    A process may have died of what others took of the memory, so that its part is tried once more, after the others.
    """
    queue, dead, deaths = deque(todo), dict[Part, str](), Counter[Path]()
    waiting: dict[Future[None], Part] = {}
    done_before = total - sum(map(len, todo))
    with (
        lasting_pool(job.num_workers, len(todo)) as pool,
        tqdm(total=total, initial=done_before, desc="verifying", unit="grasp") as bar,
    ):
        try:
            while queue or waiting:
                while queue and len(waiting) < _AHEAD:
                    part = queue.popleft()
                    waiting[pool.schedule(call_plainly, args=(_verify_part, tasks.of(part)))] = part
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    part = waiting.pop(future)
                    cause = _cause_of_death(future)
                    deaths[part.path] += cause is not None
                    if cause is not None and deaths[part.path] < 2:
                        queue.append(part)
                        continue
                    if cause is not None:
                        dead[part] = cause
                    bar.update(len(part))
        except BaseException:
            _LOG.warning("interrupted: finished parts are in %s; run the same command to go on", job.parts_dir)
            raise
    return dead


def _cause_of_death(future: "Future[None]") -> str | None:
    """Why the process of a call that is done died; None where it did not. Errors of the call are raised."""
    try:
        future.result()
    except (ProcessExpired, MemoryError) as error:
        code = getattr(error, "exitcode", None)
        how = "out of memory" if code is None else f"signal {-code}" if code < 0 else f"exit status {code}"
        return (
            f"{_DIED} twice ({how}); systems end processes so when memory runs short: run the same command again, with "
            "fewer workers (--num_workers) where they are many, or leave these grasps out"
        )
    return None


@dataclass(frozen=True)
class _Task:
    """What a worker needs of a part, without the source.

    Attributes:
        hand: its name or file.
        split_file: names the objects.
        read_path: what was read of the unit.
        path: file of the part.
        begin: first of its grasps.
        end: the one after its last.
        stamp: of the unit.
        objects: those of the unit by name; None where one could not be built.
        splits: of these objects.
    """

    hand: str
    split_file: str
    read_path: Path
    path: Path
    begin: int
    end: int
    stamp: str
    objects: list[str | None]
    splits: dict[str, str]


class _Tasks:
    """Makes the tasks of parts; of parts of one unit, which follow each other, the unit is looked at once."""

    def __init__(
        self, job: ConversionJob, names: Mapping[Path, str], splits: Mapping[str, str], split_file: Path
    ) -> None:
        self._job, self._names, self._splits, self._split_file = job, names, splits, split_file
        self._last: tuple[str, str, list[str | None]] | None = None

    def of(self, part: Part) -> _Task:
        """The task of a part."""
        job, unit = self._job, part.unit
        if self._last is None or self._last[0] != unit.name:
            self._last = unit.name, job.stamp(unit), objects_of(job, load_read(job.read_path(unit)), self._names)
        _, stamp, objects = self._last
        splits = {name: self._splits[name] for name in objects if name is not None}
        return _Task(
            job.hand,
            str(self._split_file),
            job.read_path(unit),
            part.path,
            part.begin,
            part.end,
            stamp,
            objects,
            splits,
        )


def is_verified(part: Part, stamp: str, shapes: Mapping[str, ShapeDigests]) -> bool:
    """Whether a part is there that was made of the unit and the objects as they are now. A damaged one is told."""
    if not part.path.is_file():
        return False
    try:
        verified = load_grasp_set(part.path)
    except ValueError as error:
        _LOG.warning("part %s cannot be used and is made again: %s", part.path, error)
        return False
    if verified.provenance.get("stamp") != stamp or verified.shapes is None:
        return False
    present = [shapes[name] for name in verified.objects if name in shapes]
    return len(present) == len(verified.objects) and bool(
        are_same_shapes(verified.shapes, np.array(present, dtype=np.int16).reshape(verified.shapes.shape)).all()
    )


_WORKER: dict[str, Any] = {}


def _verify_part(task: _Task) -> None:
    """In a worker: try the grasps of a part and write its file."""
    if _WORKER.get("split_file") != task.split_file:
        logging.getLogger("envs.physics").setLevel(logging.ERROR)
        physics = MujocoCpu(max_models=1).make(load_hand(task.hand), NUM_WORLDS, num_threads=1)
        _WORKER.update(split_file=task.split_file, library=ObjectLibrary(task.split_file), physics=physics)
    read = load_read(task.read_path)
    parts, causes = [], Counter[str]()
    for index, name in enumerate(task.objects):
        rows = task.begin + np.flatnonzero(read.object_index[task.begin : task.end] == index)
        if not len(rows):
            continue
        if name is None:
            causes["object cannot be built"] += len(rows)
            continue
        try:
            verified = verify(_WORKER["physics"], read, rows, _WORKER["library"].get(name), task.splits[name])
        except (ValueError, RuntimeError, FloatingPointError) as error:
            causes[f"the trial failed: {error}"] += len(rows)
            continue
        parts.append(verified.grasps)
        causes.update(verified.causes)
    provenance = {"stamp": task.stamp, "causes": dict(causes), "tried": task.end - task.begin}
    save_grasp_set(together(parts, load_hand(task.hand), provenance), task.path)
