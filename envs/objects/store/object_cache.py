"""Built objects on disk, so that only the first run pays for building them."""

import logging
from pathlib import Path

from envs.files import CACHE_VARIABLE, cache_folder, write_atomically
from envs.objects.grasp_object import GraspObject
from envs.objects.store.object_file import object_from_bytes, object_to_bytes

_logger = logging.getLogger(__name__)
_unwritable: set[Path] = set()
"""Folders that this process failed to write to: each is told once."""


class ObjectCache:
    """Objects by content key, one file each, which any number of processes may read and write at once.

    A key stands for everything that decides the object (`ObjectSource.key`), so an entry is never out of date. A
    damaged entry is told, built again and overwritten; a folder that cannot be written is told once and done without.

    Args:
        folder: where the entries lie, made when needed; None keeps nothing.
    """

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder)

    @classmethod
    def of_user(cls) -> "ObjectCache":
        """The cache of this user: ``$GRASPGF_CACHE/objects`` or the platform's place (`cache_folder`)."""
        return cls(cache_folder("objects"))

    def load(self, key: str) -> GraspObject | None:
        """The object kept under that key, None when there is none or it is damaged."""
        path = self._path(key)
        if path is None:
            return None
        try:
            return object_from_bytes(bytearray(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            _logger.warning("cached object %s cannot be used: %s; it is built again", path, error)
            return None

    def store(self, key: str, thing: GraspObject) -> None:
        """Keep the object; when the disk is full or the folder not writable go on without."""
        path = self._path(key)
        if path is None or self.folder in _unwritable:
            return
        try:
            write_atomically(path, object_to_bytes(thing))
        except OSError as error:
            _unwritable.add(path.parent.parent)
            _logger.warning(
                "object cache %s cannot be written (%s); built objects are not kept: free some space there, or name "
                "another folder in the environment variable %s",
                self.folder, error, CACHE_VARIABLE,
            )  # fmt: skip

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / key[:2] / f"{key}.object"
