"""Files that are complete or absent, and where what can be made again is kept between runs."""

import errno
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError

Content = TypeVar("Content")

CACHE_VARIABLE = "GRASPGF_CACHE"
"""Environment variable: folder of all caches, or ``off`` for none."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a user's share of it or a file that may grow no more."""

_logger = logging.getLogger(__name__)
_homeless: set[str] = set()
"""Names of cache folders that this process found no place for: each is told once."""

_unwritable: set[Path] = set()
"""Folders that this process failed to write to: each is told once."""


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one, whatever happens in between.

    Raises:
        OSError: it cannot be written, as on a full disk; names it and the remedy. What was there before still is.
    """
    try:
        _write_whole(path, payload)
    except OSError as error:
        if error.errno is None:
            raise
        remedy = "free some space there" if error.errno in _FULL else "name a place that may be written to"
        told = f"{path} was not written: {error.strerror}; {remedy}"
        raise OSError(error.errno, told) from error


def _write_whole(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(payload)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote left below a folder that this one alone writes to."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def check_output(path: Path, *inputs: Path | str | None) -> None:
    """Find out before the work, not after it, that a file cannot be written; its folder is made.

    Args:
        path: what will be written.
        inputs: other files of the same command, which must stay as they are, or will be written, too.
    Raises:
        ValueError: the path is a folder or one of the inputs, or its folder cannot be made or written to; names the
            cause and the remedy.
    """
    for other in inputs:
        if other is not None and path.resolve() == Path(other).resolve():
            raise ValueError(f"output {path} would overwrite {other}, which this command needs; name another file")
    if path.is_dir():
        raise ValueError(f"output {path} is a folder; give the name of a file in it")
    try:
        _try_to_write(path.parent)
    except OSError as error:
        raise ValueError(
            f"output {path} cannot be written ({type(error).__name__}: {error}); give a file in a folder that may be "
            "written to"
        ) from error


def check_folder(folder: Path) -> None:
    """Find out before the work that nothing can be written into a folder, which is made.

    Raises:
        ValueError: it is a file, or cannot be made or written to; names the cause and the remedy.
    """
    try:
        _try_to_write(folder)
    except OSError as error:
        raise ValueError(
            f"nothing can be written into the folder {folder} ({type(error).__name__}: {error}); give one that may be "
            "written to"
        ) from error


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def cache_folder(kind: str) -> Path | None:
    """Folder of the cache of that kind: ``$GRASPGF_CACHE/kind``, else in the user's cache folder; None when off.

    The user's cache folder is ``$XDG_CACHE_HOME`` or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS),
    ``%LOCALAPPDATA%`` (Windows), in each ``graspgf-lightning``. The folder need not exist yet. Where there is no home
    folder to find it in, that is told once and nothing is kept.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "")
    if chosen.strip().lower() == "off":
        return None
    try:
        folder = Path(chosen).expanduser() if chosen.strip() else _user_cache() / "graspgf-lightning"
    except RuntimeError as error:  # the user of a container may have no home
        if chosen not in _homeless:
            _homeless.add(chosen)
            _logger.warning(
                "there is no place for the cache (%s), and what belongs there is made again in every run: name a "
                "folder in the environment variable %s, or write off there",
                error, CACHE_VARIABLE,
            )  # fmt: skip
        return None
    return folder / kind


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable, fallback = ("LOCALAPPDATA", "AppData/Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    return Path(os.environ.get(variable) or Path.home() / fallback)


def read_kept(path: Path, read: Callable[[Path], Content]) -> Content | None:
    """What ``read`` makes of a safetensors file in a cache; None when there is none, or a damaged one, which is told.

    Cut files and changed headers are found; a flipped bit among the numbers is not: no checksum is kept.
    """
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, SafetensorError) as error:
        _logger.warning("kept file %s cannot be used: %s; it is made again", path, error)
        return None


def keep(folder: Path, name: str, payload: bytes) -> None:
    """Write a file below a cache's folder; when the disk is full or the folder not writable, tell it once and go on."""
    if folder in _unwritable:
        return
    try:
        write_atomically(folder / name, payload)
    except OSError as error:
        _unwritable.add(folder)
        _logger.warning(
            "cache %s cannot be written (%s) and what belongs there is made again in the next run: free some space "
            "there, or name another folder in the environment variable %s",
            folder, error, CACHE_VARIABLE,
        )  # fmt: skip
