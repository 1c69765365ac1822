"""Recorded wrists among the sources of a conversion: they become one file of movements, not a grasp set."""

from pathlib import Path
from typing import Any

from datamodules.formats.files import beside, write_json
from datamodules.formats.registry import FORMATS, NO_CONVERSION
from envs.files import check_output
from envs.wrist.recorded import RECORDING_FORMATS, recordings_in, save_recordings, usable_recordings


def recordings_of(source: Path, name: str | None) -> str | None:
    """Name of the format of a source that holds recorded wrists; None where it holds grasps, or nothing known.

    Args:
        source: folder or file.
        name: the format that the user names; found out from the source's files when None.
    """
    if name is not None:
        return name if name in RECORDING_FORMATS else None
    is_of_grasps = source.is_file() or any(kind.fits(source) for kind in FORMATS.values())
    return None if is_of_grasps else recordings_in(source)


def check_recordings_output(source: Path, name: str, output: Path, unused: list[str]) -> None:
    """See that a command names what recorded wrists are converted to, before they are read.

    Args:
        source: the folder of recordings.
        name: of their format.
        output: the file to write; beside it goes ``..._rejected.json``.
        unused: options that were given and are those of grasps.
    Raises:
        ValueError: an output of another kind, or options of grasps; says the command that is right.
        OSError: the output cannot be written.
    """
    if output.suffix != ".npy" or unused:
        given = f"--output is {output}" + (f", and {', '.join(unused)} given" if unused else "")
        raise ValueError(
            f"{source} holds recorded wrists ({name}), which become a file of movements without objects, and {given}; "
            f"write: python -m datamodules.convert {source} --format {name} --output {output.with_suffix('.npy')}"
        )
    check_output(output, source)


def convert_recordings(source: Path, name: str, output: Path) -> dict[str, Any]:
    """Write the recordings of a folder as one file for ``--data.init_args.patterns``; return what became of them.

    Those of which no pattern can be made are left out; ``..._rejected.json`` beside it says why.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: a file, recordings of another format, or none that can be used; names the first and its cause.
    """
    if source.is_file():
        raise ValueError(f"{source} is a file, --format {name} reads a folder ({_layout(name)}); {NO_CONVERSION}")
    found = recordings_in(source)
    if source.exists() and found != name:
        held = f"recordings of {found}" if found else "none of its files"
        raise ValueError(
            f"{source} holds {held}, --format is {name} ({_layout(name)}); leave --format out to have it found out"
        )
    read = usable_recordings(source)
    save_recordings(read.found, output)
    write_json(beside(output, "rejected"), read.rejected)
    return {"format": name, "recordings": len(read.found), "left_out": len(read.rejected)}


def _layout(name: str) -> str:
    return RECORDING_FORMATS[name].layout
