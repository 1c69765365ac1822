"""All that lies below a folder: behind links, too, and what may not be looked at is told."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path


class FolderWalk:
    """Every folder at or below one with its files, in alphabetical order; those behind links last, and each once.

    So a folder keeps its own path where links lead to it as well, and links in a circle come to an end.

    Args:
        source: folder to begin with.
        leave_out: tells the names of folders that are not looked into.

    Attributes:
        unreadable: after a walk, folders whose files nobody sees, with the cause: they may not be read, or are gone.
        repeated: after a walk, links to folders that were seen already, or that hold the link itself.
    """

    def __init__(self, source: Path, leave_out: Callable[[str], bool] = lambda name: False) -> None:
        self._source, self._leave_out = source, leave_out
        self.unreadable: dict[Path, str] = {}
        self.repeated: list[Path] = []

    def __iter__(self) -> Iterator[tuple[Path, list[Path]]]:
        self.unreadable.clear()
        self.repeated.clear()
        seen: set[Path] = set()
        waiting = deque([self._source])
        while waiting:
            for folder, below, names in os.walk(waiting.popleft(), onerror=self._note):
                real = Path(os.path.realpath(folder))
                if real in seen:
                    self.repeated.append(Path(folder))
                    below.clear()
                    continue
                seen.add(real)
                kept = sorted(name for name in below if not self._leave_out(name))
                links = [Path(folder, name) for name in kept if os.path.islink(os.path.join(folder, name))]
                # a link upwards would lead to all that lies beside the source
                upwards = [link for link in links if real.is_relative_to(os.path.realpath(link))]
                self.repeated += upwards
                waiting += [link for link in links if link not in upwards]
                below[:] = [name for name in kept if Path(folder, name) not in links]
                yield Path(folder), [Path(folder, name) for name in sorted(names)]

    def _note(self, error: OSError) -> None:
        cause = f"folder cannot be read ({error.strerror}); allow reading it, or leave it out"
        self.unreadable[Path(error.filename)] = cause


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a file's path are those of a pattern, as `Path.glob` reads it: ``**`` is any folders."""
    if not pattern:
        return not parts
    first, *rest = pattern
    if first == "**":
        return any(matches(parts[start:], rest) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], first) and matches(parts[1:], rest)
