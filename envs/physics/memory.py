"""How many worlds fit into memory, before any is made."""

from dataclasses import dataclass

import mujoco
import psutil  # type: ignore[import-untyped]

from envs.physics.mujoco_cpu import MAX_SPARE

ARENA_USE = 0.1
"""Share of MuJoCo's arena that a world is taken to fill: grasps fill 2 % of it (tests/envs/physics/test_memory.py), and
what Python keeps of a world takes as much as a tenth."""

MODEL_OVERHEAD = 220_000
"""Bytes that Python's view of a compiled model takes beside the model itself (resident memory, 150 objects)."""


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


def simulation_need(model: mujoco.MjModel, num_models: int) -> MemoryNeed:
    """What worlds of such a model take, with room to spare.

    A world has MuJoCo's data of its own, and up to MAX_SPARE more that were put aside. Its arena for contacts is only
    reserved; what contacts never filled takes no memory. Models are shared by the worlds of an object.

    Args:
        model: the model of one object; others are much the same, because the hand makes up most of it.
        num_models: distinct objects.
    """
    data = mujoco.MjData(model)
    size = data.nbuffer + ARENA_USE * data.narena
    of_model = int(mujoco.mj_sizeModel(model)) + MODEL_OVERHEAD
    return MemoryNeed(world=int((1 + MAX_SPARE) * size), shared=num_models * of_model)


def available_memory() -> int:
    """Bytes that this machine could still give without swapping; a container's own limit is not looked up."""
    return int(psutil.virtual_memory().available)


def _text(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
