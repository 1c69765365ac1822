"""Worlds of Isaac Gym through process, pipe and shared memory, by a stand-in: the contract, and what only they have."""

import logging
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.poses import absolute_pose
from envs.objects.builder import make_object
from envs.physics.base import PhysicsBackend
from envs.physics.isaacgym.factory import IsaacGym
from envs.physics.isaacgym.options import IsaacGymOptions
from envs.physics.isaacgym.process import WorkerProcess
from envs.physics.settings import PhysicsSettings
from envs.trials.lift import lift_test
from tests.contracts.physics import PhysicsContract
from tests.contracts.physics_start import HAND, Start, angle_between, assert_same, hovering_start, put
from tests.isaac_gym import write_interpreter
from tests.learning import ROOT


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with the stand-in."""
    return write_interpreter(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def isaac(python: str) -> IsaacGym:
    """A factory whose workers are given from test to test."""
    return IsaacGym(python=python)


class TestIsaacGymPhysics(PhysicsContract):
    @pytest.fixture(autouse=True)
    def _factory(self, isaac: IsaacGym) -> None:
        self.isaac = isaac

    def make(self, num_worlds: int) -> PhysicsBackend:
        return self.isaac.make(self.hand, num_worlds)


def test_fingers_along_x_turn_like_any_others(isaac: IsaacGym) -> None:
    # where two of the base joints turn about one axis
    start = hovering_start(1)
    along_x = Rotation.from_euler("y", 90.0, degrees=True)
    start.wrist_pose_w[0, 3:] = along_x.as_quat(scalar_first=True)
    physics = isaac.make(HAND, 1)
    put(physics, start)
    for step in range(-4, 5):  # away, and through it
        target = start.wrist_pose_w.copy()
        turn = Rotation.from_euler("zx", [0.04 * step, 0.02 * step])
        target[0, 3:] = (turn * along_x).as_quat(scalar_first=True)
        physics.set_wrist_targets(target)
        physics.step()
        wrist_w = physics.state().wrist_pose_w
        assert angle_between(wrist_w, target).max() < 5e-3
        np.testing.assert_allclose(wrist_w[:, :3], target[:, :3], atol=1e-3)  # the contract's tolerances


def test_a_world_that_stood_still_goes_on_from_where_it_was(isaac: IsaacGym) -> None:
    # the simulator moves all worlds; this one falls, so that it would be elsewhere
    start = hovering_start(2)
    start.object_pose_w[:, 0] += 0.5
    start.object_pose_w[:, 2] += 0.3
    rested, other = isaac.make(HAND, 2), isaac.make(HAND, 2)
    for physics in (rested, other):
        put(physics, start)
        physics.step()
    for _ in range(3):
        rested.step(np.array([True, False]))
    for physics in (rested, other):
        physics.step()
    assert_same(rested.state(), other.state(), [1])
    assert rested.state().object_pose_w[0, 2] < other.state().object_pose_w[0, 2] - 0.01


def test_angular_velocity_is_told_in_the_frame_of_the_object(isaac: IsaacGym) -> None:
    start = hovering_start(1)
    start.wrist_pose_w[0, 2] = 0.8
    turned = Rotation.from_euler("zx", [1.2, 0.6]) * Rotation.from_quat(start.object_pose_w[:, 3:], scalar_first=True)
    start.object_pose_w[0, :3] += np.array([0.3, 0.0, 0.05])
    start.object_pose_w[:, 3:] = turned.as_quat(scalar_first=True)
    physics = isaac.make(HAND, 1)
    put(physics, start)
    spins = 0
    for _ in range(8):  # the box falls on an edge and tumbles
        first = physics.state()
        physics.step()
        second = physics.state()
        before, after = (Rotation.from_quat(each.object_pose_w[0, 3:], scalar_first=True) for each in (first, second))
        turns = [
            first.object_velocity[0, 3:],
            (before.inv() * after).as_rotvec() / physics.settings.control_dt,
            second.object_velocity[0, 3:],
        ]
        axes = [turn / np.linalg.norm(turn) for turn in turns if np.linalg.norm(turn) > 1.0]  # rad/s
        if len(axes) == 3 and axes[0] @ axes[2] > 0.95:
            spins += 1
            assert axes[1] @ (axes[0] + axes[2]) > 2.0 * 0.95  # the axis about which it did turn
    assert spins >= 2


def test_stored_grasps_hold_what_they_lift(isaac: IsaacGym) -> None:
    # a stand-in whose contacts do not feel the stiff drives lets go of nearly all
    grasps = load_grasp_set(ROOT / "data" / "grasps_small.npz").of_object("can_00000")
    grasps = grasps.rows(np.arange(min(len(grasps), 4)))
    count, start_joints = len(grasps), HAND.clamp(grasps.preshape.astype(np.float64))
    object_w = grasps.object_pose_w.astype(np.float64)
    physics = isaac.make(HAND, count)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    physics.reset([make_object("can", 0)] * count, object_w, wrist_w, start_joints)
    for step in range(1, 31):
        closed = grasps.joint_pos + 0.3 * HAND.closing
        physics.set_joint_targets(start_joints + min(1.0, step / 20) * (closed - start_joints))
        physics.step()
    lifted = lift_test(physics).is_lifted
    assert lifted.mean() >= 0.5
    assert physics.contact_links()[lifted].sum(axis=1).min() >= 2


def test_worlds_are_built_anew_when_an_object_changes_and_only_then(
    isaac: IsaacGym, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []
    call = WorkerProcess.call

    def counted(self: WorkerProcess, command: str, **arguments: object) -> None:
        commands.append(command)
        call(self, command, **arguments)

    monkeypatch.setattr(WorkerProcess, "call", counted)
    physics, start = isaac.make(HAND, 3), hovering_start()
    put(physics, start)
    physics.step()
    put(physics, start)
    physics.step()
    one = Start(start.objects[:1], start.object_pose_w[:1], start.wrist_pose_w[:1], start.joint_pos[:1])
    for world in (0, 1, 2):  # the third of these three resets, too, waits for the step
        put(physics, one, np.array([world]))
    physics.step()
    assert commands == ["open", "build", "step", "step", "build", "step"]


def test_settings_reach_the_simulator(python: str) -> None:
    settings = PhysicsSettings.released()
    factory = IsaacGym(settings, IsaacGymOptions(substeps=2), python=python)
    physics, start = factory.make(HAND, 1), hovering_start(1)
    start.object_pose_w[:, 0] += 0.5
    start.object_pose_w[:, 2] += 0.3
    put(physics, start)
    physics.step()
    # g t after four steps of 1/120 s
    np.testing.assert_allclose(physics.state().object_velocity[0, 2], -9.81 / 30.0, rtol=1e-5)


@pytest.mark.parametrize(("friction", "moves"), [(0.2, True), (3.0, False)])
def test_friction_of_object_and_table_holds_against_a_push(python: str, friction: float, moves: bool) -> None:
    physics, start = IsaacGym(PhysicsSettings(friction=friction), python=python).make(HAND, 1), hovering_start(1)
    put(physics, start)
    physics.set_side_acceleration(np.array([[4.0, 0.0, 0.0]]))  # 0.4 g
    for _ in range(4):
        physics.step()
    # (4 - 0.2 * 9.81) m/s^2 for a tenth of a second: 10 mm
    moved = physics.state().object_pose_w[0, 0] - start.object_pose_w[0, 0]
    assert (moved > 0.005) == moves


def test_a_state_of_no_numbers_ends_its_world_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo, in the stand-in, writes MUJOCO_LOG.TXT where it runs
    physics, start = IsaacGym(python=write_interpreter(tmp_path, "nan")).make(HAND, 3), hovering_start()
    put(physics, start)
    before = physics.state()
    with caplog.at_level(logging.WARNING, logger="envs.physics"):
        physics.step()
    state = physics.state()
    np.testing.assert_array_equal(state.is_diverged, [False, False, True])
    np.testing.assert_array_equal(state.object_pose_w[2], before.object_pose_w[2])
    assert "world 2 diverged (object ball_00000); it ends as a failure" in caplog.text
    physics.set_wrist_targets(start.wrist_pose_w + np.array([0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0]))
    physics.step()
    risen = physics.state().wrist_pose_w[:, 2] - start.wrist_pose_w[:, 2]
    np.testing.assert_allclose(risen, [0.01, 0.01, 0.0], atol=1e-3)
    assert physics.num_diverged == 1
