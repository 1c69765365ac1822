"""Compiled models of objects, kept, and compiled ahead of their use on a thread of its own."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import mujoco

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_world_model

_MAKING = threading.Lock()
"""Specs share what they are copied from: one is copied and compiled at a time."""


MAX_MODELS = 1024
"""Models kept unless told otherwise, which take 0.3 GB; of thousands of objects a third is found again."""

_Key = tuple[str, str]
"""Name and `GraspObject.body_digest`."""


def _key(thing: GraspObject) -> _Key:
    return thing.name, thing.body_digest


class ModelCache:
    """Compiled models by object, the least recently used dropped beyond ``capacity``; safe to share by threads.

    Objects are the same that have one name and one body: two libraries may give different shapes the same name.

    Compiling takes some 4 ms and a model about 0.3 MB (three quarters of it Python's view of it), so those of a
    thousand objects are kept. The one that was got or prepared least recently is dropped first.

    Args:
        hand: the hand in every model.
        settings: physical constants.
        capacity: models kept.

    Attributes:
        num_compiled: models compiled so far, ahead or when asked for.
        waited_s: seconds that callers of `get` waited for models.
    """

    def __init__(self, hand: Hand, settings: PhysicsSettings, capacity: int = MAX_MODELS) -> None:
        self.hand = hand
        self.settings = settings
        self.capacity = capacity
        self.num_compiled = 0
        self.waited_s = 0.0
        self._lock = threading.Lock()
        self._models: dict[_Key, mujoco.MjModel] = {}
        self._coming: dict[_Key, Future[mujoco.MjModel]] = {}
        self._worker: ThreadPoolExecutor | None = None

    def get(self, grasp_object: GraspObject) -> mujoco.MjModel:
        """The model of an object, compiled at first use.

        Raises:
            ValueError: the object cannot be simulated; see `build_world_model`.
        """
        key = _key(grasp_object)
        with self._lock:
            model = self._models.pop(key, None)
            if model is not None:
                self._models[key] = model
                return model
            coming = self._coming.get(key)
        began = time.perf_counter()
        # what is not begun yet is done here instead of waited for
        model = self._make(grasp_object) if coming is None or coming.cancel() else coming.result()
        with self._lock:
            self.waited_s += time.perf_counter() - began
        return model

    def prepare(self, grasp_objects: Iterable[GraspObject]) -> None:
        """Compile the models that are missing, in this order, on a thread of its own; returns at once.

        An object that cannot be simulated is reported by `get`. What an earlier call asked for and was not begun yet is
        given up.
        """
        wanted = {_key(thing): thing for thing in grasp_objects}
        with self._lock:
            for key in [key for key, coming in self._coming.items() if coming.cancel()]:
                del self._coming[key]
            for key in wanted:
                if key in self._models:  # it is not one of those that go
                    self._models[key] = self._models.pop(key)
            missing = {key: thing for key, thing in wanted.items() if key not in self._models}
            if missing and self._worker is None:
                self._worker = ThreadPoolExecutor(1, "models")
            for key, thing in missing.items():
                if self._worker is not None and key not in self._coming:
                    self._coming[key] = self._worker.submit(self._make, thing)

    def _make(self, grasp_object: GraspObject) -> mujoco.MjModel:
        """Compile and keep a model, unless another thread has just done so."""
        key = _key(grasp_object)
        with _MAKING:
            try:
                with self._lock:
                    model = self._models.get(key)
                if model is None:
                    model = build_world_model(self.hand, grasp_object, self.settings)
                    self._keep(key, model)
                return model
            finally:
                with self._lock:
                    self._coming.pop(key, None)

    def _keep(self, key: _Key, model: mujoco.MjModel) -> None:
        with self._lock:
            self.num_compiled += 1
            self._models[key] = model
            while len(self._models) > self.capacity:
                del self._models[next(iter(self._models))]
