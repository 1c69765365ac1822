"""Isaac Gym as a choice in a configuration."""

import contextlib
import threading
import weakref
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend
from envs.physics.isaacgym.assets import AssetFile, AssetFiles
from envs.physics.isaacgym.options import IsaacGymOptions
from envs.physics.isaacgym.process import IsaacGymError, Patience, WorkerProcess
from envs.physics.isaacgym.worlds import IsaacGymPhysics
from envs.physics.memory import MemoryNeed
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings

WORLD_BYTES = 4_000_000
WORKER_BYTES = 1_000_000_000
OBJECT_BYTES = 400_000
"""Of a world, of the worker itself, and of an object, on the host; guessed with room to spare, never measured."""


@dataclass(frozen=True)
class IsaacGym:
    """Makes worlds of Isaac Gym, each set of them in a worker process (`IsaacGymPhysics`).

    A worker whose worlds are no longer used is given to the next: starting one takes seconds.

    Attributes:
        settings: physical constants; `PhysicsSettings.released` are those of the paper's code.
        options: device, substeps and drives.
        python: interpreter that has Isaac Gym; the environment variable GRASPGF_ISAACGYM_PYTHON names it when None.
        patience: how long to wait for the worker.
        assets_dir: folder of the files that Isaac Gym loads; the project's cache when None.
    """

    settings: PhysicsSettings = field(default_factory=PhysicsSettings)
    options: IsaacGymOptions = field(default_factory=IsaacGymOptions)
    python: str | None = None
    patience: Patience = field(default_factory=Patience)
    assets_dir: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without workers, files and models, which stay in their process."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @cached_property
    def _caches(self) -> dict[Hand, ModelCache]:
        return {}

    @cached_property
    def _assets(self) -> AssetFiles:
        return AssetFiles(None if self.assets_dir is None else Path(self.assets_dir).expanduser())

    @cached_property
    def _idle(self) -> "_IdleWorkers":
        return _IdleWorkers()

    @cached_property
    def _ahead(self) -> "_WrittenAhead":
        return _WrittenAhead(self._assets)

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """See `PhysicsFactory.make`; threads are those of ``options``.

        Raises:
            IsaacGymError: no interpreter, or no Isaac Gym in it; says what to install.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds is {num_worlds}, expected at least 1")
        worker = self._idle.take() or WorkerProcess(self.python, self.patience)
        cache = self._caches.setdefault(hand, ModelCache(hand, self.settings))
        try:
            physics = IsaacGymPhysics(
                hand, num_worlds, self.settings, worker, options=self.options, assets=self._assets, cache=cache
            )
        except BaseException:  # nobody has worlds with which it would end
            worker.stop()
            raise
        weakref.finalize(physics, self._idle.give, worker)
        return physics

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """See `PhysicsFactory.prepare`: their files are written on a thread of its own."""
        self._ahead.ask(objects)

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> MemoryNeed:
        """See `PhysicsFactory.memory_need`; a guess."""
        return MemoryNeed(world=WORLD_BYTES, shared=WORKER_BYTES + num_objects * OBJECT_BYTES)


class _IdleWorkers:
    """Workers that wait for the next worlds; they end with this."""

    def __init__(self) -> None:
        self._waiting: list[WorkerProcess] = []
        self._lock = threading.RLock()  # worlds may be forgotten while a worker is taken
        self._end = weakref.finalize(self, _stop_all, self._waiting)

    def take(self) -> WorkerProcess | None:
        """One that can be used, if any waits."""
        with self._lock:
            while self._waiting:
                worker = self._waiting.pop()
                if worker.is_usable:
                    return worker
                worker.stop()
        return None

    def give(self, worker: WorkerProcess) -> None:
        """Take a worker back, without its simulation."""
        with contextlib.suppress(IsaacGymError):
            worker.call("clear")
        with self._lock:
            if worker.is_usable and self._end.alive:
                self._waiting.append(worker)
            else:
                worker.stop()


def _stop_all(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.stop()


class _WrittenAhead:
    """Files of objects, written in the order asked for on a thread of its own."""

    def __init__(self, assets: AssetFiles) -> None:
        self._assets = assets
        self._thread = ThreadPoolExecutor(1, "assets")
        self._coming: list[Future[AssetFile]] = []

    def ask(self, objects: Iterable[GraspObject]) -> None:
        """Write these; what was asked for before and is not begun is given up. The reset tells of failures."""
        for coming in self._coming:
            coming.cancel()
        self._coming = [self._thread.submit(self._assets.of_object, thing) for thing in objects]
