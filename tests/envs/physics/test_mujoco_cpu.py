"""The factory of MuJoCo on the CPU: its contract, its place in a configuration, and the memory that worlds take."""

import logging
from pathlib import Path

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from envs.hand.shadow import shadow_hand
from envs.physics.base import PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from envs.physics.settings import PhysicsSettings
from tests.contracts.physics_factory import PhysicsFactoryContract
from tests.contracts.physics_start import hovering_start, put, run_script

HAND = shadow_hand()

MB = 1_000_000


class TestMujocoCpu(PhysicsFactoryContract):
    def factory(self, settings: PhysicsSettings) -> PhysicsFactory:
        return MujocoCpu(settings)


def parsed(*args: str) -> PhysicsFactory | None:
    """What a configuration makes of ``physics``."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--physics", type=PhysicsFactory | None, default=None)
    found: PhysicsFactory | None = parser.instantiate(parser.parse_args(list(args))).physics
    return found


def test_a_configuration_chooses_it_by_its_class_path() -> None:
    assert parsed() is None
    assert parsed("--physics=envs.physics.mujoco_cpu.MujocoCpu") == MujocoCpu()
    given = parsed(
        "--physics=envs.physics.mujoco_cpu.MujocoCpu",
        "--physics.settings.friction=0.5",
        "--physics.max_models=7",
        "--physics.dump_dir=runs/dumps",
    )
    assert given == MujocoCpu(PhysicsSettings(friction=0.5), max_models=7, dump_dir="runs/dumps")


def test_worlds_of_a_factory_share_models() -> None:
    factory = MujocoCpu()
    for _ in range(2):
        put(factory.make(HAND, 3, num_threads=0), hovering_start())
    assert factory.cache(HAND).num_compiled == 3


def test_models_beyond_the_bound_are_dropped() -> None:
    factory = MujocoCpu(max_models=1)
    for _ in range(2):
        put(factory.make(HAND, 3, num_threads=0), hovering_start())
    assert factory.cache(HAND).num_compiled == 6


def test_room_for_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="max_models is 0, expected at least 1"):
        MujocoCpu(max_models=0)


def test_worlds_that_diverge_are_dumped_where_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    physics = MujocoCpu(dump_dir=str(tmp_path / "dumps")).make(HAND, 2, num_threads=0)
    put(physics, hovering_start(2))
    physics.set_side_acceleration(np.array([[1e5, 0.0, 0.0], [0.0, 0.0, 0.0]]))  # 2,500 m/s after a control step
    with caplog.at_level(logging.ERROR, logger="envs.physics"):
        physics.step()
    assert [path.name for path in (tmp_path / "dumps").iterdir()] == ["diverged_00001_box_00000.npz"]


# --- memory


def test_worlds_count_with_what_they_put_aside_and_models_once_each() -> None:
    factory, (thing,) = MujocoCpu(max_models=300), hovering_start(1).objects
    one, many, kept = (factory.memory_need(HAND, thing, count) for count in (1, 300, 4000))
    arena = factory.cache(HAND).get(thing).narena
    # twice the arena, and the tenth of it that positions and forces take
    assert 2.0 * arena <= one.world <= 2.2 * arena
    assert many.world == one.world
    assert many.shared == kept.shared == 300 * one.shared
    # a tenth of a megabyte, and Python's view of it
    assert 0.2 * MB < one.shared < 0.5 * MB


def test_a_grasp_fills_a_quarter_of_the_arena_at_most() -> None:
    physics = MujocoCpuPhysics(HAND, 4, num_threads=0)
    run_script(physics)  # the hand comes down, closes on the objects and is shaken with them
    used = [data.maxuse_arena / data.narena for data in physics._data if data is not None]
    assert len(used) == 4
    assert max(used) < 0.25  # contacts that do not fit are lost, and the world counts as diverged


def test_256_worlds_with_3127_objects_fit_into_seven_tenths_of_a_gigabyte() -> None:
    MujocoCpu().memory_need(HAND, hovering_start(1).objects[0], 3127).check(256, 700 * MB)
