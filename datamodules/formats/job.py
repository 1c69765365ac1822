"""The conversion job up to its objects: read unit by unit, build the objects; every step goes on where it stood."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm
from trimesh.exchange.ply import export_ply

from datamodules.formats.files import mesh_state, state_of
from datamodules.formats.foreign import Format, Unit
from datamodules.formats.reading import ReadGrasps, kept_read, mesh_name, read_grasps, save_read
from datamodules.formats.surface import guarded_meshes, mesh_surface
from envs.files import write_atomically
from envs.hand.registry import load_hand
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_object import CENTRE
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.shapes import ShapeDigests, shape_digest
from envs.objects.store.guarded import BUILD_MEMORY_GB, BUILD_TIMEOUT_S, Limits
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import prepare

CODE_VERSION = 4
"""Counted up when the code of reading or verification changes what comes out of the same files."""


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

    def verified_folder(self, unit: Unit) -> Path:
        """Folder of the part files of a unit that has more grasps than one of them holds."""
        return self.parts_dir / "verified" / f"{unit.name}.parts"

    def mesh_stamp(self, path: Path) -> Path:
        """File that says what the mesh at that path (`mesh_path`) was made of."""
        return self.parts_dir / "meshes" / path.parent.name / f"{path.name}.txt"

    def forget_verified(self, unit: Unit) -> None:
        """Remove the part files of a unit's verified grasps."""
        for path in (self.verified_path(unit), *self.verified_folder(unit).glob("*.npz")):
            path.unlink(missing_ok=True)


@dataclass
class Counts:
    """What became of the entries of a source.

    ``grasps_of`` are those that were read, by the unit's name; ``second_tips_m`` tells of each how far the second
    nearest fingertip is from the surface, metres.
    """

    entries: int = 0
    grasps_of: dict[str, int] = field(default_factory=dict)
    read: int = 0
    of_other_hands: int = 0
    verified: int = 0
    reachable: int = 0
    clamped: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    bad: dict[str, str] = field(default_factory=dict)
    second_tips_m: list[np.ndarray] = field(default_factory=list)
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
                job.forget_verified(unit)
                save_read(read, path, stamp, job.limits if meshes.num_cut_off > num_cut_off else None)
            used = {*read.object_index.tolist(), *read.wrists.object_index.tolist()}
            for mesh, scale, code, family in (
                read.meshes[index] for index in sorted(used)
            ):  # not what could not be read
                path = mesh_path(job, scale, code, family)
                _write_mesh(Path(mesh), scale, path, job.mesh_stamp(path))
                counts.meshes.add(path.resolve())
            counts.entries += len(read) + len(read.bad) + len(read.wrists)
            counts.read += len(read)
            counts.grasps_of[unit.name] = len(read)
            counts.of_other_hands += len(read.wrists)
            counts.clamped.update(read.num_clamped)
            counts.bad |= {entry.origin: entry.cause for entry in read.bad}
            counts.second_tips_m.append(np.sort(read.tip_distance, axis=1)[:, :2].max(axis=1).astype(np.float32))
            bar.set_postfix_str(f"{counts.read} grasps, {len(counts.bad)} bad entries")


def mesh_path(job: ConversionJob, scale: float, code: str, family: str) -> Path:
    """Where the mesh of an object at its true size goes: a folder a family."""
    folder = re.sub(r"[^a-z0-9]+", "_", family.lower()).strip("_") or "mesh"
    return job.meshes_dir / folder / mesh_name(code, scale)


def _write_mesh(mesh: Path, scale: float, path: Path, stamp: Path) -> None:
    """The mesh in metres, and in ``stamp`` what it was made of: one that is there and of the same is left alone."""
    source = mesh_state(mesh)
    if not source or (path.is_file() and stamp.is_file() and stamp.read_text() == _stamp_of(source, path)):
        return
    try:
        scaled = mesh_surface(mesh).mesh.copy()
    except (ValueError, OSError):
        return  # it changed since its grasps were read
    scaled.apply_scale(scale)
    write_atomically(path, export_ply(scaled))
    write_atomically(stamp, _stamp_of(source, path).encode())


def _stamp_of(source: str, written: Path) -> str:
    return f"{source} {state_of(written)}"


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


def objects_of(job: ConversionJob, read: ReadGrasps, names: Mapping[Path, str]) -> list[str | None]:
    """The objects of a unit by their names in the split file; None where one could not be built."""
    paths = [mesh_path(job, scale, code, family).resolve() for _, scale, code, family in read.meshes]
    return [names.get(path) for path in paths]
