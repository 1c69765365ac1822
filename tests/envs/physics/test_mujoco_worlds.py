"""Worlds of MuJoCo on the CPU: the contract, and what only this backend has."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.physics import mujoco_worlds
from envs.physics.base import PhysicsBackend
from envs.physics.mujoco_worlds import HISTORY, MAX_SPARE, MujocoCpuPhysics
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_world_model
from tests.contracts.physics import PhysicsContract
from tests.contracts.physics_start import assert_same, hovering_start, put, run_script
from tests.hands import ABILITY_HAND, needs_ability_hand

HAND = shadow_hand()


class TestMujocoCpuPhysics(PhysicsContract):
    def make(self, num_worlds: int) -> PhysicsBackend:
        return MujocoCpuPhysics(self.hand, num_worlds, num_threads=0)


@needs_ability_hand
class TestMujocoCpuPhysicsWithTheAbilityHand(TestMujocoCpuPhysics):
    hand = ABILITY_HAND


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MuJoCo writes MUJOCO_LOG.TXT where it runs."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_states_are_the_same_whatever_the_number_of_threads(num_threads: int) -> None:
    alone = run_script(MujocoCpuPhysics(HAND, 5, num_threads=0))
    assert_same(alone, run_script(MujocoCpuPhysics(HAND, 5, num_threads=num_threads)), [0, 1, 2, 3, 4])


def test_a_world_gives_the_same_states_alone_and_among_others() -> None:
    alone, among = (
        run_script(MujocoCpuPhysics(HAND, 1, num_threads=0)),
        run_script(MujocoCpuPhysics(HAND, 3, num_threads=0)),
    )
    assert_same(alone, among, [0])


def test_objects_that_come_back_to_a_world_find_it_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[mujoco.MjModel] = []

    def counted(model: mujoco.MjModel, make: Any = mujoco.MjData) -> mujoco.MjData:
        made.append(model)
        return make(model)

    monkeypatch.setattr(mujoco, "MjData", counted)
    monkeypatch.setattr(mujoco_worlds, "MAX_SPARE", 2)  # room for all of them
    physics = MujocoCpuPhysics(HAND, 3, num_threads=0)
    expected = run_script(physics)
    start = hovering_start()
    turned = replace(
        start, objects=start.objects[1:] + start.objects[:1], object_pose_w=np.roll(start.object_pose_w, -1, 0)
    )
    for _ in range(4):
        put(physics, turned)
        physics.step()
        assert_same(expected, run_script(physics), [0, 1, 2])
    # two data of each object at most: one came back while another world still held its own
    assert len(made) <= 6


def test_no_more_data_are_put_aside_than_there_are_worlds() -> None:
    physics, start = MujocoCpuPhysics(HAND, 1, num_threads=0), hovering_start()
    for index in (0, 1, 2, 0, 1, 2):
        one = slice(index, index + 1)
        physics.reset(start.objects[one], start.object_pose_w[one], start.wrist_pose_w[one], start.joint_pos[one])
        assert len(physics._spare) <= MAX_SPARE == 1


def _break(physics: MujocoCpuPhysics, world: int, field: str, value: float) -> None:
    """Write a bad number into MuJoCo's own data of a world's object."""
    data = physics._data[world]
    assert data is not None
    if field == "qpos":
        data.qpos[physics._addresses.object_pos.start] = value
    else:
        data.qvel[physics._addresses.object_vel.start] = value


@pytest.mark.parametrize("steps_before", [0, 1, 3])
@pytest.mark.parametrize(("field", "value"), [("qpos", np.nan), ("qvel", np.inf), ("qvel", 1e12)])
def test_a_bad_number_is_found_even_in_the_first_step(
    steps_before: int, field: str, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    physics, start = MujocoCpuPhysics(HAND, 3, num_threads=0), hovering_start()
    put(physics, start)
    for _ in range(steps_before):
        physics.step()
    before = physics.state()
    _break(physics, 1, field, value)
    with caplog.at_level(logging.WARNING, logger="envs.physics"):
        physics.step()
    after = physics.state()
    np.testing.assert_array_equal(after.is_diverged, [False, True, False])
    np.testing.assert_array_equal(after.object_pose_w[1], before.object_pose_w[1])
    assert "world 1 diverged (object can_00000); it ends as a failure" in caplog.text


def test_an_object_faster_than_the_bound_is_found_before_it_is_far() -> None:
    physics, start = MujocoCpuPhysics(HAND, 2, num_threads=0), hovering_start(2)
    put(physics, start)
    # 25 ms of 700 and 900 m/s^2 upwards: 17.5 and 22.5 m/s after less than 0.3 m; the bound is 20 m/s
    physics.set_side_acceleration(np.array([[0.0, 0.0, 700.0], [0.0, 0.0, 900.0]]))
    physics.step()
    np.testing.assert_array_equal(physics.state().is_diverged, [False, True])


def test_diverged_worlds_are_counted_once_each() -> None:
    physics, start = MujocoCpuPhysics(HAND, 3, num_threads=0), hovering_start()
    for expected in (2, 4):  # resets heal, the count goes on
        put(physics, start)
        _break(physics, 0, "qpos", np.nan)
        _break(physics, 2, "qpos", np.nan)
        for _ in range(3):
            physics.step()
        assert physics.num_diverged == expected


def test_dump_of_a_diverged_world_holds_its_last_states_oldest_first(tmp_path: Path) -> None:
    physics, start = MujocoCpuPhysics(HAND, 2, num_threads=0, dump_dir=tmp_path / "dumps"), hovering_start(2)
    put(physics, start)
    heights = []
    for step in range(HISTORY + 4):
        wrist_w = start.wrist_pose_w.copy()
        wrist_w[:, 2] += 0.002 * (step + 1)
        heights.append(physics.state().wrist_pose_w[1, 2])
        physics.set_wrist_targets(wrist_w)
        if step == HISTORY + 3:
            _break(physics, 1, "qpos", np.nan)
        physics.step()
    (path,) = (tmp_path / "dumps").iterdir()
    assert path.name == "diverged_00001_can_00000.npz"
    with np.load(path, allow_pickle=False) as dump:
        base = physics._addresses.base_pos.start
        np.testing.assert_array_equal(dump["qpos"][:, base + 2], heights[-HISTORY:])
        assert np.isfinite(dump["qvel"]).all()
        assert dump["qvel"].shape[0] == HISTORY
        assert str(dump["object"]) == "can_00000"


def test_without_a_dump_folder_nothing_is_written(tmp_path: Path) -> None:
    physics = MujocoCpuPhysics(HAND, 1, num_threads=0)
    put(physics, hovering_start(1))
    _break(physics, 0, "qvel", 1e6)
    physics.step()
    assert physics.num_diverged == 1
    assert not list(tmp_path.rglob("*.npz"))


def test_settings_reach_the_model() -> None:
    settings = PhysicsSettings(timestep=0.0025, friction=0.7, impratio=2.0, base_mass=3.0)
    model = build_world_model(HAND, hovering_start(1).objects[0], settings)
    assert model.opt.timestep == 0.0025
    assert model.opt.impratio == 2.0
    np.testing.assert_array_equal(model.geom_friction[:, 0], 0.7)
    assert model.body("hand/robot0:palm").mass == 3.0


def test_a_control_step_takes_as_long_as_the_settings_say() -> None:
    start = hovering_start(1)
    start.object_pose_w[:, 0] += 0.5  # not under the hand
    start.object_pose_w[:, 2] += 0.5
    fallen = []
    for settings in (PhysicsSettings(), PhysicsSettings(steps_per_control=10), PhysicsSettings(timestep=0.01)):
        physics = MujocoCpuPhysics(HAND, 1, settings, num_threads=0)
        put(physics, start)
        physics.step()
        fallen.append(-physics.state().object_velocity[0, 2] / 9.81)
    # g t
    np.testing.assert_allclose(fallen, [0.025, 0.05, 0.05], rtol=1e-6)


def test_the_wrist_arrives_with_other_control_periods_too() -> None:
    start = hovering_start(1)
    target = start.wrist_pose_w + np.array([0.01, 0.0, -0.01, 0.0, 0.0, 0.0, 0.0])
    physics = MujocoCpuPhysics(HAND, 1, PhysicsSettings(steps_per_control=2), num_threads=0)
    put(physics, start)
    physics.set_wrist_targets(target)
    physics.step()
    np.testing.assert_allclose(physics.state().wrist_pose_w, target, atol=1e-3)
