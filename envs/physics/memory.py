"""How many worlds fit into memory, before any is made."""

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]


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

    def check(self, num_worlds: int, available: int) -> None:
        """Accept a number of worlds that fits.

        Raises:
            ValueError: it does not fit; says how many do.
        """
        fit = self.worlds_that_fit(available)
        if num_worlds <= fit:
            return
        needed = self.shared + num_worlds * self.world
        raise ValueError(
            f"num_worlds is {num_worlds}, which may need {_text(needed)} of memory ({_text(self.world)} a world and "
            f"{_text(self.shared)} for the objects); {_text(available)} are available, enough for {fit} worlds. Lower "
            "num_worlds, or free memory"
        )


def available_memory() -> int:
    """Bytes that this machine could still give without swapping; a container's own limit is not looked up."""
    return int(psutil.virtual_memory().available)


def _text(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
