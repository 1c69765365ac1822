"""How many worlds fit, before any is made."""

import psutil
import pytest

from envs.physics.memory import ARENA_USE, MemoryNeed, available_memory, simulation_need
from envs.physics.mujoco_cpu import MujocoCpuPhysics
from envs.physics.scene import build_scene
from envs.physics.settings import PhysicsSettings
from tests.contracts.physics_start import run_script
from tests.datamodules.grasps.examples import thing

MB = 1_000_000


def test_worlds_share_what_is_left_beside_the_objects() -> None:
    need = MemoryNeed(world=4 * MB, shared=100 * MB)
    # (1000 - 100) / 4
    assert need.worlds_that_fit(1000 * MB) == 225
    assert need.worlds_that_fit(50 * MB) == 0


def test_as_many_worlds_as_fit_are_accepted_and_one_more_is_not() -> None:
    need = MemoryNeed(world=4 * MB, shared=100 * MB)
    need.check(225, 1000 * MB)
    message = (
        r"num_worlds is 226, which may need 1\.0 GB of memory \(4\.0 MB a world and 100\.0 MB for the objects\); "
        r"1\.0 GB are available, enough for 225 worlds\. Lower num_worlds, or free memory"
    )
    with pytest.raises(ValueError, match=message):
        need.check(226, 1000 * MB)


def test_worlds_count_with_what_they_put_aside_and_models_once_each() -> None:
    model = build_scene(thing(), PhysicsSettings())
    one, many = simulation_need(model, 1), simulation_need(model, 300)
    # three times a tenth of 4 MB, and the hundredth of it that positions and forces take
    assert 0.3 * model.narena <= one.world <= 0.4 * model.narena
    assert many.world == one.world
    assert many.shared == 300 * one.shared
    # a tenth of a megabyte, and Python's view of it
    assert 0.2 * MB < one.shared < 0.5 * MB


def test_a_grasp_fills_less_of_the_arena_than_is_counted() -> None:
    physics = MujocoCpuPhysics(4, num_threads=0)
    run_script(physics)  # the hand comes down, closes on the objects and is shaken with them
    used = [data.maxuse_arena / data.narena for data in physics._data if data is not None]
    assert len(used) == 4
    assert max(used) < ARENA_USE


def test_256_worlds_with_3127_objects_fit_into_two_gigabytes() -> None:
    need = simulation_need(build_scene(thing(), PhysicsSettings()), 3127)
    need.check(256, 2_000 * MB)


def test_memory_of_this_machine_is_found() -> None:
    assert 10 * MB < available_memory() < psutil.virtual_memory().total
