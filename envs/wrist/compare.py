"""Recorded wrist movements beside generated ones: ``python -m envs.wrist.compare RECORDINGS``.

``RECORDINGS`` is the cache of HandoverSim, a folder of DexYCB, or a file in the format of GraspGF's release
(docs/wrist.md). With ``--fit ranges.json`` the generator's ranges are fitted to the recordings and written; give the
file as ``--data.init_args.patterns ranges.json`` to train and test on such movements.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envs.command_line import run_command
from envs.files import check_output, write_atomically
from envs.pictures.sheets import save_png
from envs.pictures.wrist_statistics import statistics_picture
from envs.wrist.fit import fit_ranges
from envs.wrist.movement_statistics import PERCENTILES, MovementStatistics, of_patterns, of_recordings
from envs.wrist.pattern_ranges import PatternRanges, load_ranges, save_ranges
from envs.wrist.patterns import generate_patterns
from envs.wrist.recorded import load_recordings

_LOG = logging.getLogger("compare")

_WORDS = {
    "arrival_s": "until arrival, s",
    "peak_speed": "fastest speed, m/s",
    "peak_at": "when, of the time until arrival",
    "sub_movements": "sub-movements",
    "turn_deg": "turns about an axis, degrees",
}


def compare(
    recordings: str,
    picture: Path | None = None,
    output: Path | None = None,
    fit: Path | None = None,
    ranges: Path | None = None,
) -> dict[str, Any]:
    """Print how recorded movements and generated patterns come out by the same numbers.

    Args:
        recordings: folder or file with recordings.
        picture: picture to write (PNG); none when null.
        output: file for the numbers (JSON); none when null.
        fit: file for ranges fitted to the recordings (JSON); nothing is fitted when null.
        ranges: the generator's ranges; the shipped ones when null.
    """
    outputs = [path for path in (picture, output, fit) if path is not None]
    for place, written in enumerate(outputs):
        check_output(written, recordings, ranges, *outputs[:place])
    read = load_recordings(recordings)
    measured = of_recordings(read)
    shown = {"recorded": measured, "generated": _generated(PatternRanges() if ranges is None else load_ranges(ranges))}
    if read.rejected:
        name, cause = next(iter(read.rejected.items()))
        every = len(read.rejected) + len(read.found)
        _LOG.warning("%d of %d recordings are left out, e.g. %s: %s", len(read.rejected), every, name, cause)
    if fit is not None:
        fitted = fit_ranges(read, measured)
        shown["fitted"] = _generated(fitted)
        save_ranges(fitted, fit, {"recordings": str(recordings), "used": len(measured.sub_movements)})
    found = _numbers(shown)
    _LOG.info("%s", table(found))
    if output is not None:
        content = {"recordings": str(recordings), "rejected": read.rejected, **found}
        write_atomically(output, (json.dumps(content, indent=1) + "\n").encode())
    if picture is not None:
        save_png(picture, statistics_picture(shown), num_colours=128)
    for path in (fit, output, picture):
        if path is not None:
            _LOG.info("wrote %s", path)
    return found


def _generated(ranges: PatternRanges) -> MovementStatistics:
    return of_patterns(generate_patterns(ranges=ranges))


def _numbers(shown: Mapping[str, MovementStatistics]) -> dict[str, Any]:
    others = {name: each for name, each in shown.items() if name != "recorded"}
    return {
        "movements": {name: len(each.sub_movements) for name, each in shown.items()},
        "percentiles": {name: each.percentiles() for name, each in shown.items()},
        "distance": {name: shown["recorded"].distances(each) for name, each in others.items()},
    }


def table(found: Mapping[str, Any]) -> str:
    """Percentiles of every number, a line for each kind of movements, as text."""
    lines = [f"{'percentiles ' + ' / '.join(map(str, PERCENTILES)):<34}{'':<11}{'':<40}apart by"]
    for key, words in _WORDS.items():
        for name, percentiles in found["percentiles"].items():
            values = " / ".join(f"{value:.3g}" for value in percentiles[key]) if key in percentiles else "not told"
            distance = found["distance"].get(name, {}).get(key)
            lines.append(
                f"{words if name == 'recorded' else '':<34}{name:<11}{values:<40}"
                f"{'' if distance is None else f'{distance:.2f}'}"
            )
    return "\n".join(lines)


def _command(
    recordings: str,
    picture: Path | None = None,
    output: Path | None = None,
    fit: Path | None = None,
    ranges: Path | None = None,
) -> None:
    compare(recordings, picture, output, fit, ranges)


_command.__doc__ = compare.__doc__


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run_command(_command, args, as_positional=True)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
