"""Objects from a folder of meshes: ``python -m envs.objects.meshes.import_meshes FOLDER --unit mm --output FILE``.

Every mesh is built once, on all cores, each under a time limit and in a process that may crash; what was built lies in
the object cache, so an interrupted import goes on where it stood. The split file names the good ones; the bad ones are
listed with their causes, here and beside the split file.
"""

import json
import logging
import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser

from envs.conventions import SPLITS
from envs.files import check_output, write_atomically
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_object import WALLS
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.meshes.repair import WALL
from envs.objects.split_file import write_split_file
from envs.objects.store.guarded import BUILD_MEMORY_GB, BUILD_TIMEOUT_S, Limits
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import prepare
from envs.workers import checked_workers

_logger = logging.getLogger("import_meshes")


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        names: objects that could be built, in the order of their files.
        rejected: files that could not, with the cause.
        meshes: the folder, its unit settled.
    """

    names: list[str]
    rejected: dict[Path, str]
    meshes: MeshFolder


def import_folder(
    meshes: MeshFolder,
    cache: ObjectCache,
    num_workers: int | None = None,
    timeout_s: float = BUILD_TIMEOUT_S,
    memory_gb: float = BUILD_MEMORY_GB,
) -> Imported:
    """Build every mesh of the folder that the cache does not hold yet.

    Where a file can be no object and others would have its name, it is left out and the next one tried. Objects that
    got a wall (`WALLS`) are told.

    Args:
        meshes: the folder.
        cache: where the objects are looked for and kept.
        num_workers: processes; one per core when None.
        timeout_s: seconds one mesh may take.
        memory_gb: gigabytes of memory one mesh may take.
    """
    causes: dict[Path, str] = {}
    walls: set[str] = set()
    names = meshes.names
    while names:
        failed = []
        for one in prepare(meshes, names, cache, num_workers, timeout_s, memory_gb):
            if one.grasp_object is not None:
                walls |= {one.name} if WALLS in one.grasp_object.parameters else set()
            else:
                path, cause = meshes.path(one.name), str(one.error)
                causes[path] = cause if cause.startswith(str(path)) else f"{path}: {cause}"
                if isinstance(one.error, ValueError):  # the file's own fault, today and tomorrow
                    failed.append(one.name)
        names = [name for name in failed if meshes.alternatives(name)]
        meshes = meshes.without(names) if names else meshes
    if walls:
        _logger.warning(
            "%d objects are open surfaces at least in part, which got a wall %g mm thick (hand in closed meshes where "
            "that is wrong): %s", len(walls), 1e3 * WALL, ", ".join(sorted(walls)),
        )  # fmt: skip
    rejected = meshes.rejected | causes
    good = [name for name in meshes.names if meshes.path(name) not in rejected]
    return Imported(good, rejected, meshes)


def spread_over_splits(imported: Imported, fractions: dict[str, float]) -> dict[str, list[str]]:
    """Objects of each split, about in these shares; the same on every call.

    Whole families go to ``unseen_families`` until its share is reached; the other objects are dealt out.

    Raises:
        ValueError: a share for unseen families beside others, but a single family.
    """
    order = sorted(imported.names, key=lambda name: zlib.crc32(name.encode()))
    share = fractions.get("unseen_families", 0.0) / sum(fractions.values())
    families = sorted({imported.meshes.family(name) for name in order}, key=lambda family: zlib.crc32(family.encode()))
    if 0 < share < 1 and len(families) == 1:
        raise ValueError(
            f"all {len(order)} meshes are of the family {families[0]!r}, which can be in 'unseen_families' or in the "
            "other splits, not in both; put families into folders of their own, or give no share to unseen_families"
        )
    unseen: set[str] = set()
    for family in families:
        held_out = sum(imported.meshes.family(name) in unseen for name in order)
        if held_out < share * len(order) and (share == 1 or len(unseen) < len(families) - 1):
            unseen.add(family)
    rest = [name for name in order if imported.meshes.family(name) not in unseen]
    seen = [split for split in SPLITS if split != "unseen_families"]
    weights = np.cumsum([0.0, *(fractions.get(split, 0.0) for split in seen)])
    cuts = np.round(weights / max(weights[-1], 1e-12) * len(rest)).astype(int)
    chosen = {split: set(rest[cuts[k] : cuts[k + 1]]) for k, split in enumerate(seen)}
    chosen["unseen_families"] = set(order) - set(rest)
    return {split: [name for name in imported.names if name in chosen[split]] for split in SPLITS}


def write_results(imported: Imported, splits: dict[str, list[str]], settings: MeshSettings, output: Path) -> None:
    """Write the split file, and beside it ``..._rejected.json`` with file and cause of what is no object; tell both."""
    rejected = output.with_name(f"{output.stem}_rejected.json")
    causes = {str(path): cause for path, cause in imported.rejected.items()}
    skipped = {str(path): cause for path, cause in imported.meshes.skipped.items() if str(path) not in causes}
    write_atomically(rejected, (json.dumps(causes | skipped, indent=1) + "\n").encode())
    write_split_file(output, splits, settings)
    for cause in causes.values():
        _logger.warning("rejected %s", cause)
    for what, found in (("rejected", causes), ("skipped", skipped)):
        for kind, count in counted(found).items():
            _logger.info("%s: %d files: %s", what, count, kind)
    _logger.info("%s: %d objects; %d files rejected (%s)", output, len(imported.names), len(causes), rejected)


def counted(causes: Mapping[str, str]) -> dict[str, int]:
    """How many files have each cause, most first; causes that differ by numbers and names alone count as one."""
    short = [cause.removeprefix(f"{path}: ").partition(";")[0].partition("(") for path, cause in causes.items()]
    # of "no mesh (suffix '.mtl')" the brackets say what it is, of "cannot be read as .stl (...)" what went wrong
    kinds = [f"{head}({rest}" if head == "no mesh " else head.strip() for head, _, rest in short]
    kinds = [re.sub(r"'[^']{8,}'|/\S+", "...", re.sub(r"(?<!\.)\b\d[\w.+-]*", "N", kind)) for kind in kinds]
    return dict(Counter(kinds).most_common())


def parse_fraction(text: str) -> tuple[str, float]:
    """The pair that "SPLIT=SHARE" spells.

    Raises:
        ValueError: text of another form, or an unknown split.
    """
    split, _, share = text.partition("=")
    if split not in SPLITS or not share.replace(".", "", 1).isdecimal() or not float(share) < math.inf:
        raise ValueError(f"--fractions: {text!r} is not SPLIT=SHARE with a split of {', '.join(SPLITS)}")
    return split, float(share)


def parse_fractions(texts: Sequence[str]) -> dict[str, float]:
    """The share of each split that texts like "train=0.8" spell.

    Raises:
        ValueError: text of another form, an unknown split or one that stands twice, or no share above 0.
    """
    pairs = [parse_fraction(text) for text in texts]
    shares = dict(pairs)
    if len(shares) < len(pairs):
        raise ValueError(f"--fractions: {' '.join(texts)!r} names a split twice; give each one share")
    if not sum(shares.values()) > 0:
        raise ValueError(f"--fractions: {' '.join(texts)!r} has no share above 0, so that no object goes anywhere")
    return shares


def _parser() -> ArgumentParser:
    parser = ArgumentParser(description="Build objects from a folder of meshes and write their split file.")
    parser.add_argument("folder", help="folder of meshes, with all folders below it; or package:NAME/PATH")
    parser.add_argument("--output", type=Path, required=True, help="split file to write (JSON)")
    parser.add_class_arguments(MeshSettings, skip={"folder"})
    parser.add_argument("--split", choices=SPLITS, default="unseen_families", help="split that all objects go to")
    parser.add_argument("--fractions", nargs="+", metavar="SPLIT=SHARE", help="deal them out over splits instead")
    parser.add_argument("--num_workers", type=int, help="processes; one per core when not given")
    parser.add_argument("--timeout", type=float, default=BUILD_TIMEOUT_S, help="seconds one mesh may take")
    parser.add_argument("--memory", type=float, default=BUILD_MEMORY_GB, help="gigabytes of memory one mesh may take")
    return parser


def _check(given: Any) -> dict[str, float]:
    """The shares of the splits; ValueError for what would fail after the work."""
    checked_workers(given.num_workers)
    Limits(given.timeout, given.memory)
    check_output(given.output)
    return parse_fractions(given.fractions or [f"{given.split}=1"])


def main(args: Sequence[str] | None = None) -> None:
    """Command line: builds the objects and writes the split file."""
    given = _parser().parse_args(args)
    try:
        shares = _check(given)
        meshes = MeshFolder(MeshSettings(**{one.name: getattr(given, one.name) for one in fields(MeshSettings)}))
        spread_over_splits(Imported(meshes.names, {}, meshes), shares)  # complains now, not after the work
        imported = import_folder(meshes, ObjectCache.of_user(), given.num_workers, given.timeout, given.memory)
        splits = spread_over_splits(imported, shares)
        if not imported.names:
            first = next(iter(imported.rejected.values()), "")
            raise ValueError(f"none of the {len(imported.rejected)} files of {meshes.folder} is usable; e.g. {first}")
        settled = replace(imported.meshes.settings, folder=_portable(given.folder, given.output))
        write_results(imported, splits, settled, given.output)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        _logger.warning("interrupted: finished objects are kept; run the same command to go on")
        sys.exit(130)


def _portable(folder: str, output: Path) -> str:
    """The folder as the split file names it: relative to that file where it lies beside or below it."""
    if folder.startswith("package:"):
        return folder
    absolute = Path(folder).expanduser().resolve()
    beside = output.resolve().parent
    return str(absolute.relative_to(beside)) if absolute.is_relative_to(beside) else str(absolute)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
