"""The conversion job: read unit by unit, build the objects, verify unit by unit; every step goes on where it stood."""

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from trimesh.exchange.ply import export_ply

from datamodules.formats.files import state_of
from datamodules.formats.foreign import Format, Unit
from datamodules.formats.reading import ReadGrasps, kept_read, load_read, mesh_name, read_grasps, save_read
from datamodules.formats.surface import guarded_meshes, mesh_surface
from datamodules.formats.together import together
from datamodules.formats.verify import verify
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.workers import worker_pool
from envs.files import write_atomically
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_object import CENTRE
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.shapes import ShapeDigests, are_same_shapes, shape_digest
from envs.objects.store.guarded import BUILD_MEMORY_GB, BUILD_TIMEOUT_S, Limits
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import prepare
from envs.physics.mujoco_cpu import MujocoCpu
from envs.workers import call_plainly

_LOG = logging.getLogger(__name__)

CODE_VERSION = 4
"""Counted up when the code of reading or verification changes what comes out of the same files."""

NUM_WORLDS = 32
"""Grasps of an object that are tried at once."""


@dataclass(frozen=True)
class ConversionJob:
    """What a conversion covers.

    Attributes:
        source: reads the grasps.
        meshes_dir: where objects' meshes go, at their true size, in metres.
        parts_dir: where finished parts go, so that the job may be interrupted.
        hand: name of the hand that grasps.
        most: grasps of each object at most; all when None.
        num_workers: processes; one per core when None.
        timeout_s: seconds that reading a mesh, and building its object, may take.
        meshes: folder that the source's meshes are looked for in; those near it when None.
        memory_gb: gigabytes of memory that the same may take.
    """

    source: Format
    meshes_dir: Path
    parts_dir: Path
    hand: str = "shadow"
    most: int | None = None
    num_workers: int | None = None
    timeout_s: float = BUILD_TIMEOUT_S
    meshes: Path | None = None
    memory_gb: float = BUILD_MEMORY_GB

    @property
    def limits(self) -> Limits:
        """Of one mesh."""
        return Limits(self.timeout_s, self.memory_gb)

    def stamp(self, unit: Unit) -> str:
        """Hash of what decides what is read of a unit: its files as they are now, and the settings."""
        files = [(str(path), *state) for path in unit.files if (state := state_of(path)) is not None]
        rows = None if unit.rows is None else len(unit.rows)
        meshes = str(self.meshes and self.meshes.resolve())
        content = [CODE_VERSION, self.source.name, self.hand, self.most, files, rows, meshes, version("mujoco")]
        return sha256(json.dumps(content).encode()).hexdigest()[:16]

    def read_path(self, unit: Unit) -> Path:
        """Part file of what was read of a unit."""
        return self.parts_dir / "read" / f"{unit.name}.npz"

    def verified_path(self, unit: Unit) -> Path:
        """Part file of the verified grasps of a unit."""
        return self.parts_dir / "verified" / f"{unit.name}.npz"


@dataclass
class Counts:
    """What became of the entries of a source."""

    entries: int = 0
    read: int = 0
    of_other_hands: int = 0
    verified: int = 0
    reachable: int = 0
    clamped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    bad: dict[str, str] = field(default_factory=dict)
    tip_distances: list[np.ndarray] = field(default_factory=list)
    meshes: set[Path] = field(default_factory=set)
    shapes: dict[str, ShapeDigests] = field(default_factory=dict)
    centres_m: dict[str, np.ndarray] = field(default_factory=dict)


def read_units(job: ConversionJob, units: Sequence[Unit], counts: Counts) -> None:
    """Read every unit that was not read before, one at a time, and write the meshes of its objects."""
    hand = load_hand(job.hand)
    with guarded_meshes(job.limits) as meshes, tqdm(units, desc="reading", unit="object") as bar:
        for unit in bar:
            stamp, path = job.stamp(unit), job.read_path(unit)
            read, num_cut_off = kept_read(path, stamp, job.limits), meshes.num_cut_off
            if read is None:
                read = read_grasps(job.source.read(unit), hand, job.most)
                job.verified_path(unit).unlink(missing_ok=True)
                save_read(read, path, stamp, job.limits if meshes.num_cut_off > num_cut_off else None)
            used = {*read.object_index.tolist(), *read.wrists.object_index.tolist()}
            for mesh, scale, code, family in (
                read.meshes[index] for index in sorted(used)
            ):  # not what could not be read
                path = mesh_path(job, scale, code, family)
                _write_mesh(Path(mesh), scale, path)
                counts.meshes.add(path.resolve())
            counts.entries += len(read) + len(read.bad) + len(read.wrists)
            counts.read += len(read)
            counts.of_other_hands += len(read.wrists)
            counts.clamped.update(read.num_clamped)
            counts.bad |= {entry.origin: entry.cause for entry in read.bad}
            counts.tip_distances.append(read.tip_distance.astype(np.float32).ravel())
            bar.set_postfix_str(f"{counts.read} grasps, {len(counts.bad)} bad entries")


def mesh_path(job: ConversionJob, scale: float, code: str, family: str) -> Path:
    """Where the mesh of an object at its true size goes: a folder a family."""
    folder = re.sub(r"[^a-z0-9]+", "_", family.lower()).strip("_") or "mesh"
    return job.meshes_dir / folder / mesh_name(code, scale)


def _write_mesh(mesh: Path, scale: float, path: Path) -> None:
    """The mesh in metres, as old as its source; one that is as old as that is there already."""
    now, before = state_of(mesh), state_of(path)
    if now is None or (before is not None and before[1] == now[1]):
        return
    try:
        scaled = mesh_surface(mesh).mesh.copy()
    except (ValueError, OSError):
        return  # it changed since its grasps were read
    scaled.apply_scale(scale)
    write_atomically(path, export_ply(scaled))
    os.utime(path, ns=(now[1], now[1]))


def objects_to_build(job: ConversionJob, counts: Counts) -> tuple[MeshFolder, list[str]]:
    """The folder of meshes, and the names of those that grasps were read of."""
    folder = MeshFolder(MeshSettings(str(job.meshes_dir), unit="m"))
    return folder, [name for name in folder.names if folder.path(name).resolve() in counts.meshes]


def build_objects(job: ConversionJob, folder: MeshFolder, names: Sequence[str], counts: Counts) -> list[str]:
    """Build these objects on all cores; names of those that could be built, the others are listed as bad entries."""
    good = set()
    for one in prepare(folder, names, ObjectCache.of_user(), job.num_workers, job.timeout_s, job.memory_gb):
        if one.grasp_object is None:
            counts.bad[str(folder.path(one.name))] = str(one.error)
        else:
            good.add(one.name)
            counts.shapes[one.name] = shape_digest(one.grasp_object)
            counts.centres_m[one.name] = np.array([one.grasp_object.parameters[name] for name in CENTRE])
    return [name for name in names if name in good]


def verify_units(
    job: ConversionJob,
    units: Sequence[Unit],
    folder: MeshFolder,
    splits: dict[str, str],
    split_file: Path,
    shapes: Mapping[str, ShapeDigests],
) -> Iterator[GraspSet]:
    """The verified grasps of every unit, in the order of the units; units that are done are not done again.

    Args:
        job: the job.
        units: all of them.
        folder: the objects.
        splits: the split of every object that could be built.
        split_file: names these objects.
        shapes: of these objects; what was verified on others is done again.
    """
    names = {folder.path(name).resolve(): name for name in splits}
    todo = [unit for unit in units if not _is_verified(job, unit, shapes)]
    with (
        worker_pool(job.num_workers) as pool,
        tqdm(total=len(units), initial=len(units) - len(todo), desc="verifying", unit="object") as bar,
    ):
        waiting: set[Future[int]] = set()
        try:
            for unit in todo:
                waiting.add(
                    pool.submit(call_plainly, _verify_unit, job.hand, str(split_file), _Task(job, unit, names, splits))
                )
                if len(waiting) >= 64:  # so that the queue does not grow with the source
                    waiting = _take_done(waiting, bar)
            while waiting:
                waiting = _take_done(waiting, bar)
        except BaseException:
            for future in waiting:
                future.cancel()
            _LOG.warning("interrupted: finished parts are in %s; run the same command to go on", job.parts_dir)
            raise
    for unit in units:
        part = load_grasp_set(job.verified_path(unit))
        # the split is the command's: the part may have been made when the object stood elsewhere
        yield replace(part, object_splits=tuple(splits[name] for name in part.objects))


def _take_done(waiting: "set[Future[int]]", bar: Any) -> "set[Future[int]]":
    done, left = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
        bar.update()
    return left


def objects_of(job: ConversionJob, read: ReadGrasps, names: Mapping[Path, str]) -> list[str | None]:
    """The objects of a unit by their names in the split file; None where one could not be built."""
    paths = [mesh_path(job, scale, code, family).resolve() for _, scale, code, family in read.meshes]
    return [names.get(path) for path in paths]


class _Task:
    """What a worker needs of a unit, without the source."""

    def __init__(self, job: ConversionJob, unit: Unit, names: Mapping[Path, str], splits: dict[str, str]) -> None:
        self.read_path, self.verified_path, self.stamp = job.read_path(unit), job.verified_path(unit), job.stamp(unit)
        self.objects = objects_of(job, load_read(self.read_path), names)
        self.splits = {name: splits[name] for name in self.objects if name is not None}


def _is_verified(job: ConversionJob, unit: Unit, shapes: Mapping[str, ShapeDigests]) -> bool:
    path = job.verified_path(unit)
    if not path.is_file():
        return False
    try:
        part = load_grasp_set(path)
    except ValueError as error:
        _LOG.warning("part %s cannot be used and is made again: %s", path, error)
        return False
    if part.provenance.get("stamp") != job.stamp(unit) or part.shapes is None:
        return False
    present = [shapes[name] for name in part.objects if name in shapes]
    return len(present) == len(part.objects) and bool(
        are_same_shapes(part.shapes, np.array(present, dtype=np.int16).reshape(part.shapes.shape)).all()
    )


_WORKER: dict[str, Any] = {}


def _verify_unit(hand: str, split_file: str, task: _Task) -> int:
    """In a worker: try the grasps of one unit and write its part."""
    if _WORKER.get("split_file") != split_file:
        logging.getLogger("envs.physics").setLevel(logging.ERROR)
        physics = MujocoCpu(max_models=1).make(load_hand(hand), NUM_WORLDS, num_threads=1)
        _WORKER.update(split_file=split_file, library=ObjectLibrary(split_file), physics=physics)
    read = load_read(task.read_path)
    parts, causes = [], Counter[str]()
    for index, name in enumerate(task.objects):
        rows = np.flatnonzero(read.object_index == index)
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
    provenance = {"stamp": task.stamp, "causes": dict(causes), "tried": len(read)}
    save_grasp_set(together(parts, load_hand(hand), provenance), task.verified_path)
    return len(read)
