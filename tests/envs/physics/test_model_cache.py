"""Models are compiled once, ahead of their use where that was asked for, and by one thread at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np
import pytest

from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.grasp_object import GraspObject
from envs.physics import model_cache
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_world_model
from tests.datamodules.grasps.examples import thing

HAND = shadow_hand()

WAIT_S = 60.0


def grasp_objects(count: int) -> list[GraspObject]:
    """One can under several names."""
    return [replace(thing("can"), name=f"can_{index}") for index in range(count)]


class Builder:
    """Stands for `build_world_model`: notes what is built by whom, and lets nobody finish before the gate is open."""

    def __init__(self) -> None:
        self.built: list[tuple[str, str]] = []
        self.began, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def __call__(self, hand: Hand, grasp_object: GraspObject, settings: PhysicsSettings) -> Any:
        self.began.set()
        assert self.gate.wait(WAIT_S)
        self.built.append((grasp_object.name, threading.current_thread().name))
        return build_world_model(HAND, grasp_object, settings)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.built]


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    found = Builder()
    monkeypatch.setattr(model_cache, "build_world_model", found)
    return found


def settle(cache: ModelCache) -> None:
    """Wait until the thread has nothing to do."""
    assert cache._worker is not None
    cache._worker.submit(lambda: None).result(WAIT_S)


def test_models_are_compiled_once_and_the_least_recently_used_is_forgotten(builder: Builder) -> None:
    objects, cache = grasp_objects(3), ModelCache(HAND, PhysicsSettings(), capacity=2)
    first, second = cache.get(objects[0]), cache.get(objects[1])
    assert cache.get(objects[0]) is first
    cache.get(objects[2])
    assert cache.get(objects[0]) is first
    assert cache.get(objects[1]) is not second
    assert cache.num_compiled == len(builder.built) == 4


def test_what_was_prepared_is_there(builder: Builder) -> None:
    objects, cache = grasp_objects(3), ModelCache(HAND, PhysicsSettings())
    cache.get(objects[1])
    cache.prepare(objects)
    settle(cache)
    assert builder.names == ["can_1", "can_0", "can_2"]
    assert {thread for _, thread in builder.built[1:]} != {threading.current_thread().name}
    before = cache.waited_s
    for each in objects:
        cache.get(each)
    assert cache.num_compiled == len(builder.built) == 3
    assert cache.waited_s == before > 0.0


def test_what_was_prepared_is_not_dropped_for_what_was_prepared_with_it(builder: Builder) -> None:
    """The oldest of two kept ones comes again: the other one goes."""
    cache, (first, second, third) = ModelCache(HAND, PhysicsSettings(), capacity=2), grasp_objects(3)
    cache.get(first)
    cache.get(second)
    cache.prepare([first, third])
    cache.get(third)
    cache.get(first)
    assert builder.names == ["can_0", "can_1", "can_2"]


def test_a_model_under_way_is_waited_for_and_one_not_begun_is_not(builder: Builder) -> None:
    objects, cache = grasp_objects(3), ModelCache(HAND, PhysicsSettings())
    builder.gate.clear()
    cache.prepare(objects)
    assert builder.began.wait(WAIT_S)
    with ThreadPoolExecutor(2) as pool:
        under_way, not_begun = pool.submit(cache.get, objects[0]), pool.submit(cache.get, objects[2])
        builder.gate.set()
        assert isinstance(under_way.result(WAIT_S), mujoco.MjModel)
        assert isinstance(not_begun.result(WAIT_S), mujoco.MjModel)
    settle(cache)
    assert sorted(builder.names) == ["can_0", "can_1", "can_2"]
    assert cache._coming == {}


def test_what_is_not_wanted_any_more_is_given_up(builder: Builder) -> None:
    objects, cache = grasp_objects(4), ModelCache(HAND, PhysicsSettings())
    builder.gate.clear()
    cache.prepare(objects[:3])
    assert builder.began.wait(WAIT_S)
    cache.prepare(objects[3:])
    builder.gate.set()
    settle(cache)
    assert builder.names == ["can_0", "can_3"]


def test_threads_that_ask_for_one_model_get_one(builder: Builder) -> None:
    [wanted], cache = grasp_objects(1), ModelCache(HAND, PhysicsSettings())
    builder.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(cache.get, wanted) for _ in range(4)]
        builder.gate.set()
        assert len({id(each.result(WAIT_S)) for each in asked}) == 1
    assert builder.names == ["can_0"]


@pytest.mark.parametrize("ask", [ModelCache.get, lambda cache, each: (cache.prepare([each]), cache.get(each))])
def test_an_object_that_cannot_be_simulated_is_named(ask: Callable[[ModelCache, GraspObject], Any]) -> None:
    flat = replace(thing("can"), pieces=(np.zeros((4, 3)),))
    with pytest.raises(ValueError, match="cannot be simulated"):
        ask(ModelCache(HAND, PhysicsSettings()), flat)


def test_a_model_holds_nothing_that_only_a_renderer_needs() -> None:
    model = build_world_model(HAND, thing("can"), PhysicsSettings())
    assert (model.ntex, model.nmat) == (0, 0)
    assert mujoco.mj_sizeModel(model) < 300_000


def test_two_shapes_of_one_name_have_a_model_each() -> None:
    can, box = thing("can"), replace(thing("box"), name=thing("can").name)
    cache = ModelCache(HAND, PhysicsSettings())
    assert cache.get(can).nmesh != 0
    assert cache.get(box) is not cache.get(can)
    np.testing.assert_allclose(cache.get(box).body("object").mass, box.mass)
    cache.prepare([heavy := replace(can, mass=2.0 * can.mass)])
    settle(cache)
    assert cache.num_compiled == 3
    np.testing.assert_allclose(cache.get(heavy).body("object").mass, 2.0 * can.mass)


def test_the_same_object_read_twice_is_compiled_once() -> None:
    cache = ModelCache(HAND, PhysicsSettings())
    assert cache.get(thing("can")) is cache.get(replace(thing("can"), mass=thing("can").mass))
    assert cache.num_compiled == 1
