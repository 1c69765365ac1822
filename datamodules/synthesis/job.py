"""The synthesis job: objects over worker processes, one atomic part file an object, merged at the end."""

import json
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from datamodules.grasps.diversity import most_diverse
from datamodules.grasps.grasp_file import VERSION, load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.synthesis.easy_grasps import EasyLimit
from datamodules.synthesis.prototypes import load_prototypes
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from datamodules.synthesis.summary import merge_counts
from datamodules.synthesis.synthesizer import GraspSynthesizer
from datamodules.workers import worker_pool
from envs.conventions import SPLITS
from envs.files import check_folder
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import shape_digests
from envs.physics.base import PhysicsFactory, physics_identity
from envs.physics.mujoco_cpu import MujocoCpu
from envs.workers import call_plainly

_LOG = logging.getLogger(__name__)

TRIALS_VERSION = 3
"""Counted up when the code of proposals, trials or approaches changes what comes out of the same settings."""


@dataclass(frozen=True)
class JobSpec:
    """What a synthesis job covers.

    Attributes:
        hand: the hand that grasps.
        settings: what is attempted for each object.
        parts_dir: where part files go; a folder a fingerprint of everything that decides the result.
        split_file: objects; the default split file when None.
        prototypes: prototype file; the shipped one when None.
        max_objects: only the first so many objects of each split; all when None.
        num_workers: processes; one per core when None.
        shard: (k, n): make the parts of every n-th object only, from the k-th on, k = 1..n; all when None.
        splits: make the grasps of these splits alone; of all when None.
        only: make the grasps of these objects alone; of all when None.
        easy: how many easy grasps of a training object are kept; any number when None. Grasps of other objects come as
            they are, so that their parts are the same with a limit and without.
        physics: makes the worlds, in each process on its own.
    """

    hand: Hand
    settings: SynthesisSettings
    parts_dir: Path
    split_file: str | None = None
    prototypes: Path | None = None
    max_objects: int | None = None
    num_workers: int | None = None
    shard: tuple[int, int] | None = None
    splits: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    easy: EasyLimit | None = None
    physics: PhysicsFactory = field(default_factory=lambda: MujocoCpu(max_models=1))

    def __post_init__(self) -> None:
        quota, wanted = self.settings.quota, self.settings.wanted
        if self.easy is not None and (quota is None or wanted < quota):
            raise ValueError(
                f"settings.quota is {quota} and settings.wanted is {wanted}: with a limit on easy grasps an object has "
                "at most a number of grasps, and all are looked for; set 1 <= quota <= wanted, or leave out the limit"
            )
        unknown = [split for split in self.splits or () if split not in SPLITS]
        if unknown or self.splits == ():
            raise ValueError(f"splits is {list(self.splits or ())}; give some of {', '.join(SPLITS)}, or null for all")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            raise ValueError(
                f"shard is {self.shard[0]} of {self.shard[1]}; allowed is K of N with 1 <= K <= N, e.g. 1/2 and 2/2"
            )

    def fingerprint(self) -> str:
        """Hash of hand, settings, physics, prototypes, and the versions of trials, file and MuJoCo.

        Parts of others are not mixed in. Parts of objects whose shape has changed since are made again.
        """
        shapes = {
            name: [[line.open.tolist(), line.closed.tolist()] for line in lines]
            for name, lines in load_prototypes(self.hand, self.prototypes).items()
        }
        content = [
            self.hand.name,
            asdict(self.settings),
            physics_identity(self.physics),
            shapes,
            TRIALS_VERSION,
            VERSION,
            version("mujoco"),
        ]
        text = json.dumps(content if self.easy is None else [*content, asdict(self.easy)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:12]

    def part_paths(self) -> dict[str, Path]:
        """Part file of every object of the job, in a folder of everything that decides its grasps."""
        free = replace(self, easy=None)
        folders = {split: (self if split == SPLITS[0] else free).fingerprint() for split in SPLITS}
        return {name: self.parts_dir / folders[split] / f"{name}.npz" for name, split in self.objects()}

    def objects(self) -> list[tuple[str, str]]:
        """(object, split) pairs of the job, in the order of the split file."""
        library = ObjectLibrary(self.split_file)
        splits = [split for split in library.splits if self.splits is None or split in self.splits]
        every = [(name, split) for split in splits for name in library.names(split)[: self.max_objects]]
        if self.only is not None:
            every = [(name, split) for name, split in every if name in self.only]
        return every if self.shard is None else every[self.shard[0] - 1 :: self.shard[1]]


MEAN_OBJECTS = 200
"""Training objects whose grasps give the mean joints that tell easy grasps: a thousand grasps, 0.01 rad of error."""

_WORKER: dict[str, Any] = {}

_MANY_PARTS = 200  # checking so many takes seconds, and a bar says so


def _make_part(spec: JobSpec, name: str, split: str, path: Path) -> dict[str, TypeCount]:
    """In a worker: synthesise one object and write its part file."""
    if _WORKER.get("spec") != spec:
        logging.getLogger("envs.physics").setLevel(logging.ERROR)
        _WORKER.update(
            spec=spec,
            library=ObjectLibrary(spec.split_file),
            synthesizer=GraspSynthesizer(
                spec.hand, spec.settings, load_prototypes(spec.hand, spec.prototypes), spec.physics
            ),
        )
    (thing,) = _WORKER["library"].each([name])
    result = _WORKER["synthesizer"].synthesize(thing, split, limit=spec.easy if split == SPLITS[0] else None)
    counts = {kind: asdict(count) for kind, count in result.counts.items()}
    provenance = {"counts": counts, "object": shape_digest(thing)}
    save_grasp_set(replace(result.grasps, provenance=provenance), path)
    return result.counts


def shape_digest(thing: GraspObject) -> str:
    """Hash of what a synthesis sees of an object: collision pieces, surface points and rest poses."""
    digest = sha256()
    for array in (*thing.pieces, thing.points, thing.normals, thing.rest_poses, thing.rest_probabilities):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def run_job(spec: JobSpec) -> tuple[list[GraspSet], dict[str, TypeCount]]:
    """Make the parts that are not there yet; return all parts and their counts added up by type.

    A part is written atomically when its object is done: interrupting or killing the job loses at most the objects in
    work, and running it again goes on where it stood. ValueError where parts are missing and cannot be written.
    """
    paths = spec.part_paths()
    for folder in {path.parent for path in paths.values() if not path.is_file()}:
        check_folder(folder)
    made = _made_before(spec, paths)
    todo = [(name, split) for name, split in spec.objects() if name not in made]
    done = list(made.values())
    if done:
        _LOG.info("%d of %d objects were made before; going on with the rest", len(done), len(paths))
    bars = _Bars(len(paths), spec.settings.types or spec.hand.type_names, done)
    with worker_pool(spec.num_workers) as pool:
        futures = [pool.submit(call_plainly, _make_part, spec, name, split, paths[name]) for name, split in todo]
        try:
            for future in as_completed(futures):
                bars.add(future.result())
        except BaseException:
            for future in futures:
                future.cancel()
            _LOG.warning("interrupted: finished objects are kept in %s; run the same command to go on", spec.parts_dir)
            raise
        finally:
            bars.close()
    # the split is the job's: a part may have been made for a split file that puts its object elsewhere
    parts = [replace(load_grasp_set(paths[name]), object_splits=(split,)) for name, split in spec.objects()]
    return _with_shapes(parts, spec), merge_counts([_read_counts(part) for part in parts])


def _with_shapes(parts: list[GraspSet], spec: JobSpec) -> list[GraspSet]:
    """The parts, with the shapes of their objects where they were made before parts told them."""
    untold = [part.objects[0] for part in parts if part.shapes is None]
    # that they are of these objects was checked before their grasps were taken over
    shapes = dict(zip(untold, shape_digests(ObjectLibrary(spec.split_file).each(untold)), strict=True))
    return [replace(part, shapes=shapes[part.objects[0]][None]) if part.shapes is None else part for part in parts]


def _made_before(spec: JobSpec, paths: dict[str, Path]) -> dict[str, dict[str, TypeCount]]:
    """Counts of the parts that are there and whose objects have not changed since, by object name."""
    there = [name for name, path in paths.items() if path.is_file()]
    grasp_objects = ObjectLibrary(spec.split_file).each(there)
    made = {}
    bar = tqdm(grasp_objects, total=len(there), desc="checking parts", unit="object", disable=len(there) < _MANY_PARTS)
    for name, thing in zip(there, bar, strict=True):
        try:
            part = load_grasp_set(paths[name])
        except ValueError as error:
            _LOG.warning("part %s cannot be used and is made again: %s", paths[name], error)
        else:
            if part.provenance.get("object") == shape_digest(thing):
                made[name] = _read_counts(part)
    if len(made) < len(there):
        _LOG.info("%d parts are damaged, or of objects that had another shape", len(there) - len(made))
    return made


def _read_counts(part: GraspSet) -> dict[str, TypeCount]:
    return {name: TypeCount(**count) for name, count in part.provenance["counts"].items()}


class _Bars:
    """One bar over objects, and on a terminal one for each type with its grasps, yield and rate."""

    def __init__(self, total: int, types: Sequence[str], done: Sequence[dict[str, TypeCount]]) -> None:
        self._counts = merge_counts(list(done))
        self._main = tqdm(total=total, initial=len(done), desc="objects", unit="object", position=0)
        self._types: dict[str, Any] = {}
        if sys.stderr.isatty():
            for position, name in enumerate(types, start=1):
                kept = self._counts[name].kept if name in self._counts else 0
                self._types[name] = tqdm(
                    total=max(kept, 1), initial=kept, desc=f"{name:>10}", unit="grasp", position=position
                )

    def add(self, counts: dict[str, TypeCount]) -> None:
        """One more object is done."""
        self._counts = merge_counts([self._counts, counts])
        self._main.update()
        kept = sum(count.kept for count in self._counts.values())
        reachable = sum(count.reachable for count in self._counts.values())
        tried = sum(count.tried for count in self._counts.values())
        verified = sum(count.verified for count in self._counts.values())
        self._main.set_postfix_str(f"{kept} grasps, {reachable} reachable, yield {verified / max(tried, 1):.0%}")
        done = self._main.n
        for name, bar in self._types.items():
            count = self._counts.get(name, TypeCount())
            bar.total = max(1, round(count.kept * self._main.total / max(done, 1)))  # what the yield so far promises
            bar.n = count.kept
            bar.set_postfix_str(f"yield {count.verified / max(count.tried, 1):.0%}, {count.reachable} reachable")

    def close(self) -> None:
        for bar in (self._main, *self._types.values()):
            bar.close()


def merge(parts: Sequence[GraspSet], test_grasps_per_object: int, provenance: dict[str, Any]) -> GraspSet:
    """All grasps of training objects, and of each test object its most diverse reachable ones (GraspGF App. A.2).

    A test object without a reachable grasp keeps its most diverse verified ones.
    """
    chosen = []
    for part in parts:
        if part.object_splits[0] != SPLITS[0] and len(part):
            pool = part.rows(part.is_reachable) if part.is_reachable.any() else part
            part = pool.rows(most_diverse(pool.wrist_pose_o, pool.joint_pos, test_grasps_per_object))
        chosen.append(replace(part, provenance={}))
    return concatenate(chosen, provenance)


def easy_limit(spec: JobSpec, most: int) -> EasyLimit | None:
    """At most ``most`` easy grasps of an object: those where the mean joints of training grasps lift as well.

    The mean is that of the grasps of some training objects, spread over the split and made without a limit first;
    resumable, like every job, and the same for every shard. None where these objects have no grasp.
    """
    limited = replace(spec, easy=EasyLimit((), most))  # complains before the work, not after it
    names = [name for name, _ in replace(limited, shard=None, splits=SPLITS[:1]).objects()]
    few = np.linspace(0, len(names) - 1, min(len(names), MEAN_OBJECTS)).round().astype(int)
    parts, _ = run_job(replace(spec, only=tuple(names[row] for row in few), shard=None, splits=None))
    joint_pos = np.concatenate([np.zeros((0, spec.hand.num_joints)), *(part.joint_pos for part in parts)])
    return EasyLimit(tuple(float(value) for value in joint_pos.mean(axis=0)), most) if len(joint_pos) else None


def pick_gallery(grasps: GraspSet, per_type: int, seed: int = 0) -> dict[str, list[int]]:
    """Rows to show of every type, from as many objects as possible."""
    rng = np.random.default_rng(seed)
    types = grasps.hand.type_names
    rows: dict[str, list[int]] = {name: [] for name in types}
    seen: set[tuple[int, int]] = set()
    for row in rng.permutation(len(grasps)):
        kind, thing = int(grasps.type_index[row]), int(grasps.object_index[row])
        if len(rows[types[kind]]) < per_type and (kind, thing) not in seen:
            seen.add((kind, thing))
            rows[types[kind]].append(int(row))
    return rows
