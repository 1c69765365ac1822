"""Built objects on disk, so that only the first run pays for building them."""

from pathlib import Path

from envs.files import cache_folder, keep, read_kept
from envs.objects.grasp_object import GraspObject
from envs.objects.store.object_file import object_to_bytes, read_object


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
        return None if self.folder is None else read_kept(self.folder / _file(key), read_object)

    def store(self, key: str, thing: GraspObject) -> None:
        """Keep the object."""
        if self.folder is not None:
            keep(self.folder, _file(key), object_to_bytes(thing))


def _file(key: str) -> str:
    return f"{key[:2]}/{key}.safetensors"
