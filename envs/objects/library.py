"""The objects of a split file, read from the cache or built when first asked for."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from envs.objects.grasp_object import GraspObject
from envs.objects.split_file import find_split_file, load_splits
from envs.objects.store.object_cache import ObjectCache
from envs.objects.store.preparation import build_missing

_AT_ONCE = 512
"""Objects that `ObjectLibrary.each` holds at a time, some 130 MB."""


class ObjectLibrary:
    """Objects of all splits by name; each is read or built on its first `get` and kept.

    Args:
        split_file: JSON file that names the objects, or the bare name of one of the package (`find_split_file`); the
            default one when not given.
        cache: where built objects are kept between runs; the user's when not given (`ObjectCache.of_user`),
            ``ObjectCache(None)`` for none. Reading takes about 1 ms an object, building 30 ms and more.
    Raises:
        FileNotFoundError, ValueError: no such split file, or a malformed one (`load_splits`).
    """

    def __init__(self, split_file: str | Path | None = None, cache: ObjectCache | None = None) -> None:
        self._file = find_split_file(split_file)
        self._source = load_splits(self._file)
        self._names = self._source.names
        self._cache = ObjectCache.of_user() if cache is None else cache
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
        return self._source.family(name)

    def key(self, name: str) -> str:
        """Content key of the object: another one whenever the object would come out differently.

        Raises:
            KeyError: no such object in the split file.
        """
        self._require(name)
        return self._source.key(name)

    def get(self, name: str) -> GraspObject:
        """The object of that name; the same instance on every call.

        Raises:
            KeyError: no such object in the split file.
        """
        return self.get_many([name], num_workers=1)[0]

    def get_many(self, names: Sequence[str], num_workers: int | None = None) -> list[GraspObject]:
        """The objects of those names, in their order; the missing ones are built on all cores.

        Args:
            names: objects of the split file; a name may stand more than once.
            num_workers: processes to build with; one per core when None, none but this one when 1.
        Raises:
            KeyError: no such object in the split file.
            ValueError: an object that cannot be built; those that can are in the cache then.
        """
        for name in names:
            self._require(name)
        wanted = [name for name in dict.fromkeys(names) if name not in self._objects]
        self._objects.update(build_missing(self._source, wanted, self._cache, num_workers))
        return [self._objects[name] for name in names]

    def each(self, names: Sequence[str]) -> Iterator[GraspObject]:
        """The objects of those names in their order, not kept: for a part of each of very many.

        5,000 objects at once take more than a gigabyte. Without a cache they are kept all the same.

        Raises:
            KeyError, ValueError: as `get_many`.
        """
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            if self._cache.folder is None:
                yield from self.get_many(some)
                continue
            for name in some:
                self._require(name)
            missing = [name for name in dict.fromkeys(some) if name not in self._objects]
            found = self._objects | build_missing(self._source, missing, self._cache)
            yield from (found[name] for name in some)

    def __contains__(self, name: object) -> bool:
        return name in self._split_of

    def __len__(self) -> int:
        return len(self._split_of)

    def _require(self, name: str) -> None:
        if name in self._split_of:
            return
        try:
            family = self._source.family(name)
        except ValueError as error:
            raise KeyError(f"no object {name!r} in split file {self._file}: {error}") from error
        known = [other for other in self._split_of if self._source.family(other) == family]
        listed = f"{known[0]} to {known[-1]}" if known else "none"
        raise KeyError(
            f"no object {name!r} in split file {self._file}; its {len(known)} objects of family {family!r}: {listed}. "
            "Objects outside the split file are built by make_object(family, seed)"
        )
