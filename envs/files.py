"""Files that are complete or absent, and where what can be made again is kept between runs."""

import os
import sys
import tempfile
from pathlib import Path

CACHE_VARIABLE = "GRASPGF_CACHE"
"""Environment variable: folder of all caches, or ``off`` for none."""


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one, whatever happens in between."""
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


def cache_folder(kind: str) -> Path | None:
    """Folder of the cache of that kind: ``$GRASPGF_CACHE/kind``, else in the user's cache folder; None when off.

    The user's cache folder is ``$XDG_CACHE_HOME`` or ``~/.cache`` (Linux), ``~/Library/Caches`` (macOS),
    ``%LOCALAPPDATA%`` (Windows), in each ``graspgf-lightning``. The folder need not exist yet.
    """
    chosen = os.environ.get(CACHE_VARIABLE, "")
    if chosen.strip().lower() == "off":
        return None
    return (Path(chosen).expanduser() if chosen.strip() else _user_cache() / "graspgf-lightning") / kind


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable, fallback = ("LOCALAPPDATA", "AppData/Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    return Path(os.environ.get(variable) or Path.home() / fallback)
