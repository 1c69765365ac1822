"""The formats by name, and which one a source is of."""

from pathlib import Path

from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.dexgraspnet import DexGraspNet
from datamodules.formats.files import first_files
from datamodules.formats.foreign import Format
from datamodules.formats.graspgf import GraspGFRelease
from datamodules.formats.unidexgrasp import UniDexGrasp
from envs.wrist.plain_pickle import check_is_itself
from envs.wrist.recorded import RECORDING_FORMATS

FORMATS: dict[str, type[Format]] = {
    kind.name: kind for kind in (UniDexGrasp, DexGraspNet, DexGraspBench, GraspGFRelease)
}


NO_CONVERSION = (
    "Wrists in an .npy file, as the GraspGF release has them, need no conversion: give it as --data.init_args.patterns"
)
"""What to do with such a file in place of converting it."""


def open_source(source: Path, name: str | None = None, meshes: Path | None = None) -> Format:
    """The reader of a source.

    Args:
        source: folder or file.
        name: one of FORMATS; found out from the source's first file when None.
        meshes: folder of the objects' meshes; looked for near the source when None.
    Raises:
        FileNotFoundError: no such source or folder of meshes.
        PermissionError: a source that may not be read.
        ValueError: unknown format, or a source of none.
    """
    if not source.exists():
        raise FileNotFoundError(f"source {source} does not exist; give the folder or file that holds the grasps")
    _check_readable(source)
    if meshes is not None and not meshes.is_dir():
        raise FileNotFoundError(f"--meshes {meshes} is no folder; give the one that the objects' meshes lie in")
    if name is not None and name not in FORMATS:
        available = ", ".join((*FORMATS, *RECORDING_FORMATS))
        raise ValueError(f"--format is {name!r}; available: {available}, or leave it out to have it found out")
    kinds = [FORMATS[name]] if name else [kind for kind in FORMATS.values() if kind.fits(source)]
    if not kinds:
        _check_files_are_there(source)
        kinds_of_wrists = (f"{name}: {kind.layout}" for name, kind in RECORDING_FORMATS.items())
        layouts = "; ".join((*(f"{kind.name}: {kind.layout}" for kind in FORMATS.values()), *kinds_of_wrists))
        raise ValueError(
            f"source {source} is of no known format ({layouts}); give --format to see what is wrong. {NO_CONVERSION}"
        )
    return kinds[0](source, meshes)


def _check_files_are_there(source: Path) -> None:
    """ValueError for a source whose first file is a Git LFS pointer, a web page or the like."""
    first = next((file for suffix in (".npz", ".npy") for file in first_files(source, suffix)), None)
    if first is not None:
        check_is_itself(first)


def _check_readable(source: Path) -> None:
    """OSError for a folder or file that may not be read: it would count as one without grasps."""
    try:
        if source.is_dir():
            next(source.iterdir(), None)
        else:
            source.open("rb").close()
    except OSError as error:
        remedy = "allow reading it, or give another folder or file"
        raise OSError(error.errno, f"source {source} cannot be read: {error.strerror}; {remedy}") from error
