"""The objects of a split file, built when first asked for."""

from functools import cached_property
from pathlib import Path

from envs.objects.builder import make_object
from envs.objects.grasp_object import GraspObject
from envs.objects.split_file import default_split_file, parse_object_name, read_split_file

__all__ = ["ObjectLibrary", "make_object"]


class ObjectLibrary:
    """Objects of three splits by name; each is built on its first `get` (some 40 ms) and kept.

    Args:
        split_file: JSON file that names the objects; the one that comes with the package when not given.
    Raises:
        FileNotFoundError, ValueError: no such split file, or a malformed one (`read_split_file`).
    """

    def __init__(self, split_file: str | Path | None = None) -> None:
        self._file = default_split_file() if split_file is None else Path(split_file)
        self._names = read_split_file(self._file)
        self._objects: dict[str, GraspObject] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self._names)

    @cached_property
    def _split_of(self) -> dict[str, str]:
        return {name: split for split, names in self._names.items() for name in names}

    def names(self, split: str) -> list[str]:
        """Names of the objects of `split`, in the order of the split file.

        Raises:
            ValueError: unknown split; lists those that exist.
        """
        if split not in self._names:
            raise ValueError(f"object split {split!r} is unknown; available: {', '.join(self._names)}")
        return list(self._names[split])

    def split_of(self, name: str) -> str:
        """Split that the object belongs to.

        Raises:
            KeyError: no such object in the split file.
        """
        self._require(name)
        return self._split_of[name]

    def family(self, name: str) -> str:
        """Family of the object.

        Raises:
            KeyError: no such object in the split file.
        """
        self._require(name)
        return parse_object_name(name).family

    def get(self, name: str) -> GraspObject:
        """The object of that name; the same instance on every call.

        Raises:
            KeyError: no such object in the split file.
        """
        self._require(name)
        if name not in self._objects:
            spelt = parse_object_name(name)
            self._objects[name] = make_object(spelt.family, spelt.seed)
        return self._objects[name]

    def __contains__(self, name: object) -> bool:
        return name in self._split_of

    def __len__(self) -> int:
        return len(self._split_of)

    def _require(self, name: str) -> None:
        if name in self._split_of:
            return
        try:
            family = parse_object_name(name).family
        except ValueError as error:
            raise KeyError(f"no object {name!r} in split file {self._file}: {error}") from error
        known = [other for other in self._split_of if parse_object_name(other).family == family]
        listed = f"{known[0]} to {known[-1]}" if known else "none"
        raise KeyError(
            f"no object {name!r} in split file {self._file}; its {len(known)} objects of family {family!r}: {listed}. "
            "Objects outside the split file are built by make_object(family, seed)"
        )
