"""Make a grasp set: ``python -m datamodules.synthesize --config configs/synthesis.yaml``."""

import json
import logging
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.grasps.poses import absolute_pose
from datamodules.grasps.shape_check import check_objects
from datamodules.subset import of_objects
from datamodules.synthesis.easy_grasps import EasyLimit, easy_flags, mean_joints
from datamodules.synthesis.job import JobSpec, easy_limit, merge, pick_gallery, run_job
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from datamodules.synthesis.summary import summarise
from envs.command_line import run_command
from envs.files import check_output, write_atomically
from envs.hand.hand import Hand
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory, physics_identity
from envs.pictures.hand_picture import HandPicture
from envs.pictures.sheets import contact_sheet, save_png
from envs.plain_errors import plain_errors
from envs.workers import checked_workers, default_workers

_LOG = logging.getLogger("synthesize")


def draw_gallery(grasps: GraspSet, library: ObjectLibrary, path: Path, *, per_type: int = 6, size: int = 280) -> None:
    """One PNG with ``per_type`` grasps of every type, a row a type."""
    picture = HandPicture(grasps.hand, size)
    chosen = [(kind, row) for kind, rows in pick_gallery(grasps, per_type).items() for row in rows]
    images, titles = [], []
    names = grasps.object_names()
    for kind, row in tqdm(chosen, desc="gallery", unit="picture"):
        thing = library.get(names[row])
        object_w = grasps.object_pose_w[row : row + 1].astype(float)
        wrist_w = absolute_pose(object_w, grasps.wrist_pose_o[row : row + 1].astype(float))[0]
        images.append(picture.draw(grasps.joint_pos[row], wrist_w, thing.vertices, thing.faces, object_w[0]))
        titles.append(f"{kind}: {names[row].rsplit('_', 1)[0]}, {1e3 * grasps.aperture[row]:.0f} mm")
    save_png(path, contact_sheet(images, titles, columns=per_type))


def synthesize(
    output: Path,
    hand: str = "shadow",
    parts_dir: Path = Path("runs/synthesis"),
    summary: Path | None = None,
    gallery: Path | None = None,
    settings: SynthesisSettings | None = None,
    split_file: str | None = None,
    prototypes: Path | None = None,
    max_objects: int | None = None,
    splits: list[str] | None = None,
    keep: Path | None = None,
    mean_of: Path | None = None,
    test_grasps_per_object: int = 5,
    max_easy: int | None = None,
    num_workers: int | None = None,
    shard: str | None = None,
    physics: PhysicsFactory | None = None,
) -> None:
    """Make verified grasps of named types for every object of a split file, and write them as one grasp set.

    May be interrupted or killed at any moment; the same command goes on where it stood.

    Args:
        output: grasp set to write (npz).
        hand: name of the hand that grasps, see envs.hand.registry.
        parts_dir: folder of part files, one an object; kept, so that a second run with the same settings is free.
        summary: JSON with yields, rejections, types, sizes; beside the output when null.
        gallery: PNG with grasps of every type; none when null.
        settings: what is attempted for each object.
        split_file: objects; the default split file when null.
        prototypes: prototypes of the types, see datamodules.pilot; the shipped ones when null.
        max_objects: only so many objects of each split.
        splits: make the grasps of these splits alone; of all when null.
        keep: grasp set whose grasps of the other splits stand in the new one, too, as they are; none when null.
        mean_of: grasp set whose training grasps have the mean joints that tell easy grasps; some training objects'
            grasps, made first and without the limit, when null.
        test_grasps_per_object: grasps kept of each object that is not for training, the most diverse ones.
        max_easy: of a training object at most so many grasps where the mean joints of training grasps, placed there,
            lift as well; any number when null. Other objects' grasps come as they are. All say whether they are easy.
        num_workers: processes; one per core when null.
        shard: K/N, such as 1/2: make only the parts of every N-th object from the K-th on, and write no set. For
            several machines: give each a shard, gather their parts in one folder, and run there without shard.
        physics: makes the worlds; MuJoCo on the CPU when null.
    """
    _check_numbers(max_objects, test_grasps_per_object, max_easy, num_workers)
    outputs = _Outputs(output, summary or output.with_suffix(".json"), gallery)
    spec = JobSpec(
        _hand_with(hand, settings), settings or SynthesisSettings(), parts_dir, split_file, prototypes, max_objects,
        num_workers, parse_shard(shard), None if splits is None else tuple(splits),
    )  # fmt: skip
    outputs.check(split_file, prototypes)
    kept = None if keep is None else _kept(keep, spec)
    began = time.perf_counter()
    parts, counts = run_job(spec := _spec_of(spec, physics, max_easy, mean_of))
    if shard is not None:
        _LOG.info("shard %s: %d objects are in %s; run without --shard once all are", shard, len(parts), parts_dir)
        return
    made = merge(parts, test_grasps_per_object, _provenance(spec))
    outputs.write(_completed(made, spec, kept), counts, spec, began)


@dataclass(frozen=True)
class _Outputs:
    """What a synthesis writes: a set, its summary, and where that is wanted a gallery."""

    output: Path
    summary: Path
    gallery: Path | None

    def check(self, split_file: str | None, prototypes: Path | None) -> None:
        """ValueError for files that cannot be written, or would be written over one another or what is read."""
        _check_summary(self.summary, split_file)
        check_output(self.output, self.summary, self.gallery, split_file, prototypes)
        check_output(self.summary, self.gallery, prototypes)
        if self.gallery is not None:
            check_output(self.gallery, split_file, prototypes)

    def write(self, grasps: GraspSet, counts: dict[str, TypeCount], spec: JobSpec, began: float) -> None:
        """Write all of them; the work began when the clock of performance showed ``began``."""
        made = _write_set(grasps, self.output)
        work = {
            "wall_seconds_of_last_run": round(time.perf_counter() - began, 1),
            "workers": spec.num_workers or default_workers(),
            "file_bytes": self.output.stat().st_size,
        }
        _write_summary(summarise(made, counts, spec.splits) | work, self.summary)
        if self.gallery is not None:
            draw_gallery(made, ObjectLibrary(spec.split_file), self.gallery)


def _hand_with(name: str, settings: SynthesisSettings | None) -> Hand:
    """The hand; ValueError where it lacks one of the types that are asked for."""
    hand = load_hand(name)
    for grasp_type in (settings and settings.types) or ():
        hand.grasp_type(grasp_type)
    return hand


def _check_numbers(max_objects: int | None, test_grasps: int, max_easy: int | None, num_workers: int | None) -> None:
    """ValueError for numbers that would fail, or make an empty set, after hours."""
    checked_workers(num_workers)
    for name, value, least in (
        ("max_objects", max_objects, 1), ("test_grasps_per_object", test_grasps, 1), ("max_easy", max_easy, 0),
    ):  # fmt: skip
        if value is not None and value < least:
            raise ValueError(f"{name} is {value}, expected at least {least}")


def _kept(path: Path, spec: JobSpec) -> GraspSet:
    """The grasps of a set that are of other splits than those that are made."""
    splits = spec.splits
    if splits is None:
        raise ValueError(f"keep is {path}, but grasps of all splits are made; name with --splits those to make")
    grasps = load_grasp_set(path)
    pairs = zip(grasps.objects, grasps.object_splits, strict=True)
    stay = {name: split for name, split in pairs if split not in splits}
    kept = of_objects(grasps, list(stay), list(stay.values()))
    _check_kept(kept, path, spec)
    return replace(kept, provenance={"kept": sorted(set(stay.values())), "of": grasps.provenance})


def _check_kept(kept: GraspSet, path: Path, spec: JobSpec) -> None:
    """ValueError for grasps that cannot stand beside those that are made: of another hand, split file or shape."""
    if kept.hand.name != spec.hand.name:
        raise ValueError(
            f"keep is {path} with grasps of the hand {kept.hand.name!r}, and those of {spec.hand.name!r} are made; "
            "give a set of that hand, or another --hand"
        )
    library = ObjectLibrary(spec.split_file)
    for name, split in zip(kept.objects, kept.object_splits, strict=True):
        now = library.split_of(name) if name in library else None
        if now != split:
            where = "does not name it" if now is None else f"has it in {now!r}"
            raise ValueError(
                f"keep is {path}, where the object {name!r} is in {split!r}, and the split file "
                f"{spec.split_file or 'that is the default'} {where}; give a set that was made for that split file, or "
                "what is left of this one there: python -m datamodules.subset"
            )
    check_objects(kept, library)


def _completed(made: GraspSet, spec: JobSpec, kept: GraspSet | None) -> GraspSet:
    """The grasps with what is known of easy ones, after those that are kept of another set."""
    if spec.easy is None:
        kept = None if kept is None else replace(kept, is_easy=None)
    else:
        joint_pos, library = np.array(spec.easy.joint_pos), ObjectLibrary(spec.split_file)
        physics, num_threads = spec.physics, spec.num_workers
        made = replace(made, is_easy=easy_flags(made, library, joint_pos, physics=physics, num_threads=num_threads))
        if kept is not None and kept.is_easy is None:
            check_objects(kept, library)
            is_easy = easy_flags(kept, library, joint_pos, physics=physics, num_threads=num_threads)
            kept = replace(kept, is_easy=is_easy)
    return made if kept is None else concatenate([kept, made], made.provenance | kept.provenance)


def _check_summary(summary: Path, split_file: str | None) -> None:
    if split_file is not None and summary.resolve() == Path(split_file).resolve():
        raise ValueError(f"the summary would overwrite the split file {summary}; give another --output, or --summary")


def _write_set(grasps: GraspSet, path: Path) -> GraspSet:
    """The set as it was written: in single precision."""
    save_grasp_set(grasps, path)
    _LOG.info("wrote %s (%.1f MB)", path, path.stat().st_size / 1e6)
    return load_grasp_set(path)


def _spec_of(job: JobSpec, physics: PhysicsFactory | None, max_easy: int | None, mean_of: Path | None) -> JobSpec:
    """The job with its physics and its limit on easy grasps."""
    if physics is not None:
        job = replace(job, physics=physics)
    if max_easy is None and mean_of is not None:
        raise ValueError(f"mean_of is {mean_of}, but max_easy is null, so that none are told easy; give --max_easy too")
    if max_easy is None:
        return job
    if mean_of is None:
        return _with_easy_limit(job, max_easy)
    mean = mean_joints(load_grasp_set(mean_of), job.hand)
    return replace(job, easy=EasyLimit(tuple(mean.tolist()), max_easy))


def _with_easy_limit(spec: JobSpec, most: int) -> JobSpec:
    """The job with a limit on easy grasps, once their mean joints are known."""
    _LOG.info("first grasps without the limit, for the mean joints that tell easy ones")
    limit = easy_limit(spec, most)
    if limit is None:
        _LOG.warning("without grasps of training objects there are no mean joints: easy grasps are not limited")
    return replace(spec, easy=limit)


def _provenance(spec: JobSpec) -> dict[str, Any]:
    return {
        "command": "python -m datamodules.synthesize " + " ".join(sys.argv[1:]),
        "fingerprint": spec.fingerprint(),
        "hand": spec.hand.name,
        "settings": asdict(spec.settings),
        "physics": physics_identity(spec.physics),
        "easy": None if spec.easy is None else asdict(spec.easy),
        "versions": {name: version(name) for name in ("mujoco", "gymnasium-robotics", "numpy")},
        "python": platform.python_version(),
    }


def _write_summary(report: dict[str, Any], path: Path) -> None:
    """Write the JSON and say how many grasps there are."""
    write_atomically(path, (json.dumps(report, indent=1) + "\n").encode())
    for split, row in report["splits"].items():
        _LOG.info("%s: %d grasps of %d objects, %d reachable", split, row["grasps"], row["objects"], row["reachable"])


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """The pair (K, N) that "K/N" spells; None for None.

    Raises:
        ValueError: text of another form.
    """
    if text is None:
        return None
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise ValueError(f"shard is {text!r}, expected K/N with 1 <= K <= N, such as 1/2")
    return int(index), int(count)


def main(args: Sequence[str] | None = None) -> None:
    """Command line of grasp synthesis."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(synthesize, args)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
