"""Other people's grasps: ``python -m datamodules.convert SOURCE --format NAME --output OUT.npz --split_file OUT.json``.

Grasps are read object by object, checked against mesh and table, and tried in the simulator: what holds through two
lifts becomes a grasp set with a split file, for every command. What is wrong with an entry is listed beside the set;
nothing ends the job, and interrupted, the same command goes on where it stood. Recorded wrists become a file of
movements: ``python -m datamodules.convert SOURCE --output OUT.npy``; beside it, too, stands what was left out.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser

from datamodules.formats.files import beside, unreadable_folders, write_json
from datamodules.formats.foreign import Unit
from datamodules.formats.job import (
    ConversionJob,
    Counts,
    build_objects,
    objects_of,
    objects_to_build,
    read_units,
)
from datamodules.formats.reading import load_read
from datamodules.formats.recordings import check_recordings_output, convert_recordings, recordings_of
from datamodules.formats.registry import FORMATS, open_source
from datamodules.formats.together import together
from datamodules.formats.verifying import verify_units
from datamodules.formats.wrists import save_wrists
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.conventions import SPLITS
from envs.files import check_output, remove_leftovers
from envs.folder_lock import locked
from envs.hand.registry import load_hand
from envs.objects.meshes.import_meshes import Imported, parse_fractions, spread_over_splits
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.split_file import write_split_file
from envs.objects.store.guarded import BUILD_MEMORY_GB, BUILD_TIMEOUT_S, Limits
from envs.wrist.recorded import RECORDING_FORMATS

_LOG = logging.getLogger("convert")

MOST_SECOND_TIP_MM = 10.0
"""Median above which a warning is given, see `second_tip_median_mm`."""


def convert(
    job: ConversionJob, source: Path, output: Path, split_file: Path, fractions: dict[str, float]
) -> dict[str, Any]:
    """Write set, split file, and beside the set ``..._rejected.json`` and ``..._summary.json``; return the summary.

    Raises:
        ValueError: a source without a usable grasp, or without one that holds; names the first causes.
    """
    units, counts = job.source.units(), Counts(bad=unreadable_folders(source))
    read_units(job, units, counts)
    if not counts.read and not counts.of_other_hands:
        first = next((f"{origin}: {cause}" for origin, cause in counts.bad.items()), "it has no entry")
        raise ValueError(f"none of the {counts.entries} entries of {job.source.name} is usable; e.g. {first}")
    _check_second_tips(job, counts)
    folder, names = objects_to_build(job, counts)
    spread_over_splits(Imported(names, {}, folder), fractions)  # complains now, not after the work
    good = build_objects(job, folder, names, counts)
    splits = spread_over_splits(Imported(good, {}, folder), fractions)
    if counts.of_other_hands:
        _take_wrists(job, units, folder, counts, output.with_name(f"{output.stem}_wrists.npz"))
    of_object = {name: split for split, names in splits.items() for name in names}
    for_workers = job.parts_dir / "objects.json"
    write_split_file(for_workers, splits, _mesh_settings(job, folder, for_workers))
    grasps = _verified(job, units, folder, of_object, for_workers, counts)
    summary = _summary(job, counts, grasps)
    write_json(beside(output, "rejected"), counts.bad)
    write_json(beside(output, "summary"), summary)
    if not len(grasps):
        causes = (
            "; ".join(f"{count} {cause}" for cause, count in counts.rejected.most_common(3)) or "no object was built"
        )
        raise ValueError(
            f"none of the {counts.read} grasps that were read holds in the simulator ({causes}), and {output} was not "
            f"written; {beside(output, 'rejected')} lists what was bad before that"
        )
    write_split_file(split_file, splits, _mesh_settings(job, folder, split_file))
    save_grasp_set(replace(grasps, provenance=_provenance(summary)), output)
    return summary


def _take_wrists(job: ConversionJob, units: Sequence[Unit], folder: MeshFolder, counts: Counts, path: Path) -> None:
    """Write what is taken of other hands' grasps, and say so.

    Raises:
        ValueError: the source has no other grasps.
    """
    names = {folder.path(name).resolve(): name for name in counts.centres_m}
    parts = []
    for unit in units:
        read = load_read(job.read_path(unit))
        parts.append((read.wrists, objects_of(job, read, names)))
    count = save_wrists(parts, counts.centres_m, path)
    told = f"of {count} grasps of hands other than {job.hand} only wrists and contacts were taken, to {path}"
    if not counts.read:
        raise ValueError(
            f"{told}; there is no grasp with the joints of {job.hand}: give the hand as --hand, if it is ours"
        )
    _LOG.warning(told)


def _verified(
    job: ConversionJob,
    units: Sequence[Unit],
    folder: MeshFolder,
    splits: dict[str, str],
    split_file: Path,
    counts: Counts,
) -> GraspSet:
    parts = []
    for part in verify_units(job, units, folder, splits, split_file, counts):
        counts.verified += len(part)
        counts.reachable += int(part.is_reachable.sum())
        counts.rejected.update(part.provenance["causes"])
        parts.append(replace(part, provenance={}))
    return together(parts, load_hand(job.hand), {})


def _mesh_settings(job: ConversionJob, folder: MeshFolder, split_file: Path) -> MeshSettings:
    absolute, beside = job.meshes_dir.resolve(), split_file.resolve().parent
    near = absolute.relative_to(beside) if absolute.is_relative_to(beside) else absolute
    return replace(folder.settings, folder=str(near))


def second_tip_median_mm(counts: Counts) -> float | None:
    """Millimetres from the surface to the second nearest fingertip, as the source has it, median; None without grasps.

    A grasp needs two fingers, so that this tip is near the surface whatever the others do, a finger's radius away: 8 mm
    for 40 objects of data/grasps_small.npz. The same grasps have 12 mm where wrists are 10 mm off, 15 and 24 at 0.8 and
    0.5 of the scale, 27 where hands are open, 32 and more in wrong orders of quaternions and signs of joints; at twice
    the scale it is 9, which the table tells alone.
    """
    distances = np.concatenate([np.zeros(0, np.float32), *counts.second_tips_m])
    return 1e3 * float(np.median(distances)) if len(distances) else None


def _check_second_tips(job: ConversionJob, counts: Counts) -> None:
    """Warn, before the hours of verification, of grasps that seem to be read in a wrong frame or scale."""
    median_mm = second_tip_median_mm(counts)
    if median_mm is not None and median_mm > MOST_SECOND_TIP_MM:
        _LOG.warning(
            "the second nearest fingertip is %.0f mm from the surface (median of %d grasps); expected are less than "
            "%g. See whether the source is of the format %s, meshes and scales are its own, and grasps are closed",
            median_mm, counts.read, MOST_SECOND_TIP_MM, job.source.name,
        )  # fmt: skip


def _summary(job: ConversionJob, counts: Counts, grasps: GraspSet) -> dict[str, Any]:
    second_tip_mm = second_tip_median_mm(counts)
    return {
        "format": job.source.name,
        "entries": counts.entries,
        "bad_entries": len(counts.bad),
        "read": counts.read,
        "of_other_hands": counts.of_other_hands,
        "grasps_with_a_clamped_joint": dict(counts.clamped),
        "second_fingertip_to_surface_median_mm": None if second_tip_mm is None else round(second_tip_mm, 2),
        "objects": len(grasps.objects),
        "hold": counts.verified,
        "hold_share": round(counts.verified / max(counts.read, 1), 3),
        "reachable": counts.reachable,
        "rejected": dict(counts.rejected),
    }


def _provenance(summary: dict[str, Any]) -> dict[str, Any]:
    return {"command": "python -m datamodules.convert " + " ".join(sys.argv[1:]), "conversion": summary}


def _parser() -> ArgumentParser:
    parser = ArgumentParser(description="Make a grasp set and a split file of grasps in another project's format.")
    parser.add_argument("source", type=Path, help="folder or file with the grasps")
    names = ", ".join((*FORMATS, *RECORDING_FORMATS))
    parser.add_argument("--format", help=f"one of {names}; found out when not given")
    parser.add_argument("--output", type=Path, required=True, help="grasp set to write (npz); of recorded wrists npy")
    parser.add_argument("--split_file", type=Path, help="split file to write (JSON); needed for grasps")
    parser.add_argument("--meshes", type=Path, help="folder of the objects' meshes; looked for near the source")
    parser.add_argument("--hand", default="shadow", help="hand whose grasps are read: a shipped name or a YAML file")
    parser.add_argument("--split", choices=SPLITS, default="unseen_families", help="split that all objects go to")
    parser.add_argument("--fractions", nargs="+", metavar="SPLIT=SHARE", help="deal them out over splits instead")
    parser.add_argument("--max_per_object", type=int, help="grasps of each object that are tried; all when not given")
    parser.add_argument("--parts_dir", type=Path, help="folder of finished parts; OUTPUT_parts when not given")
    parser.add_argument("--num_workers", type=int, help="processes; one per core when not given")
    parser.add_argument("--timeout", type=float, default=BUILD_TIMEOUT_S, help="seconds one mesh may take")
    parser.add_argument("--memory", type=float, default=BUILD_MEMORY_GB, help="gigabytes of memory one mesh may take")
    return parser


def _check(given: Any) -> None:
    """ValueError for numbers and files that would fail after hours."""
    if given.split_file is None:
        open_source(given.source, given.format, given.meshes)  # what is no source lacks more than this option
        raise ValueError("--split_file is not given; name the file (.json) that says which objects are in which split")
    Limits(given.timeout, given.memory)
    for name in ("max_per_object", "num_workers"):
        value = getattr(given, name)
        if value is not None and not value > 0:
            raise ValueError(f"--{name} is {value}; expected a positive number, or leave it out")
    if given.output.suffix != ".npz" or given.split_file.suffix != ".json":
        raise ValueError(
            f"--output is {given.output} and --split_file {given.split_file}; expected names ending in .npz and .json"
        )
    parts = given.parts_dir or given.output.with_suffix("")
    for path in (given.output, given.split_file, parts):
        if path.resolve() == given.source.resolve() and path.is_file():
            raise ValueError(f"{path} is the source, which would be overwritten; name a file beside it")
        if given.source.is_dir() and path.resolve().is_relative_to(given.source.resolve()):
            raise ValueError(
                f"{path} lies in the source {given.source}, where what is written would be read as grasps; name a "
                "place beside it"
            )
    check_output(given.output)
    check_output(given.split_file)


def _convert_wrists(given: Any, name: str) -> dict[str, Any]:
    usual = _parser().get_defaults()
    changed = [option for option, value in vars(given).items() if value != usual.get(option)]
    unused = [f"--{option}" for option in changed if option not in ("source", "format", "output")]
    check_recordings_output(given.source, name, given.output, unused)
    return convert_recordings(given.source, name, given.output)


def _convert_grasps(given: Any) -> dict[str, Any]:
    _check(given)
    fractions = parse_fractions(given.fractions or [f"{given.split}=1"])
    source, hand = open_source(given.source, given.format, given.meshes), load_hand(given.hand)
    stem = given.output.with_suffix("")
    job = ConversionJob(
        source, Path(f"{stem}_meshes"), given.parts_dir or Path(f"{stem}_parts"), hand=hand.reference or hand.name,
        most=given.max_per_object, num_workers=given.num_workers, timeout_s=given.timeout,
        meshes=given.meshes, memory_gb=given.memory,
    )  # fmt: skip
    with locked(job.parts_dir, remedy="name another --output"):
        for folder in (job.parts_dir, job.meshes_dir):
            remove_leftovers(folder)
        return convert(job, given.source, given.output, given.split_file, fractions)


def main(args: Sequence[str] | None = None) -> None:
    """Command line: converts a source."""
    given = _parser().parse_args(args)
    try:
        recordings = recordings_of(given.source, given.format)
        summary = _convert_grasps(given) if recordings is None else _convert_wrists(given, recordings)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        _LOG.warning("interrupted: finished parts are kept; run the same command to go on")
        sys.exit(130)
    for name, value in summary.items():
        _LOG.info("%s: %s", name, value)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
