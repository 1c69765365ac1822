"""How many worlds fit into memory, before any is made."""

import os
from dataclasses import dataclass
from pathlib import Path

_LIMITS_OF_CONTAINERS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""Limit and present use, bytes, where a container has them: cgroup versions 2 and 1."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a number of worlds takes.

    Attributes:
        world: bytes of one world.
        shared: bytes of what all worlds share: the compiled models.
    """

    world: int
    shared: int

    def worlds_that_fit(self, available: int) -> int:
        """Largest number of worlds within ``available`` bytes."""
        return max(0, (available - self.shared) // self.world)

    def check(self, num_worlds: int, available: int | None) -> None:
        """Accept a number of worlds that fits; every number where nothing is known about memory (None).

        Raises:
            ValueError: it does not fit; says how many do.
        """
        if available is None or num_worlds <= (fit := self.worlds_that_fit(available)):
            return
        needed = self.shared + num_worlds * self.world
        raise ValueError(
            f"num_worlds is {num_worlds}, which may need {_text(needed)} of memory ({_text(self.world)} a world and "
            f"{_text(self.shared)} for the objects); {_text(available)} are available, enough for {fit} worlds. Lower "
            "num_worlds, or free memory"
        )


def available_memory() -> int | None:
    """Bytes that this process could still take without swapping, a container's limit included; None where unknown."""
    bounds = [_system_memory(Path("/proc/meminfo")), *(_left(*files) for files in _LIMITS_OF_CONTAINERS)]
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None


def _system_memory(meminfo: Path) -> int | None:
    """MemAvailable of Linux; elsewhere the memory that is built in."""
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])  # "MemAvailable:   23062480 kB"
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _left(limit: Path, usage: Path) -> int | None:
    """Limit minus use of a container; None without a limit."""
    try:
        return max(0, int(limit.read_text(encoding="ascii")) - int(usage.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such file, or the word "max"
        return None


def _text(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
