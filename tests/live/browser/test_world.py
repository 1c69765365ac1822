"""A visitor's world without a browser: the shipped policy on an object that it never saw."""

import io
from dataclasses import replace

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from envs.wrist.patterns import WristPatterns, generate_patterns
from live.browser.recordings import read_recording
from live.browser.ways import Way, Ways
from live.browser.world import START, SwitchedLog, World
from live.log import Step
from live.policies import load_control_policy
from live.poses import rotation_matrix
from live.states import State
from tests.learning import ROOT

NAME = "can_00106"


@pytest.fixture(scope="module")
def library() -> ObjectLibrary:
    return ObjectLibrary()


@pytest.fixture(scope="module")
def way(library: ObjectLibrary) -> Way:
    return Ways(load_grasp_set(ROOT / "data" / "grasps.npz"), library, NAME, 0.025, 0).next()


@pytest.fixture(scope="module")
def world() -> World:
    return World(load_hand("shadow"), load_control_policy(ROOT / "pretrained" / "residual_ppo.ckpt"), MujocoCpu())


def test_a_way_ends_lifted_with_the_object_in_the_middle_of_the_table(way: Way) -> None:
    np.testing.assert_allclose(way.object_pose_w[:2], 0.0, atol=1e-9)
    rise = way.wrist_pose_w[-1, 2] - way.wrist_pose_w[way.grasp_step, 2]
    assert rise == pytest.approx(0.25, abs=0.002)  # `MOVEMENT.rise`
    near = np.linalg.norm(way.wrist_pose_w[way.grasp_step, :3] - way.object_pose_w[:3])
    assert near < 0.2 <= np.linalg.norm(way.wrist_pose_w[0, :3] - way.wrist_pose_w[way.grasp_step, :3]) + 0.02


def test_a_way_goes_as_a_recorded_wrist_did_and_then_lifts(world: World, library: ObjectLibrary) -> None:
    grasps = load_grasp_set(ROOT / "data" / "grasps.npz")
    drawn = generate_patterns()
    even = WristPatterns(np.broadcast_to(np.linspace(0.0, 1.0, 102)[:, None], drawn.position.shape), 0.0 * drawn.turn)
    way = Ways(grasps, library, NAME, 0.025, 0, even).next()
    speeds = np.linalg.norm(np.diff(way.wrist_pose_w[: way.grasp_step + 1, :3], axis=0), axis=1) / 0.025
    assert np.median(speeds) == pytest.approx(np.mean(speeds), rel=0.05)  # generated ones speed up and slow down
    assert way.wrist_pose_w[-1, 2] - way.wrist_pose_w[way.grasp_step, 2] == pytest.approx(0.25)
    lifted = world.tries.num_lifted
    world.place(library.get(NAME), Ways(grasps, library, NAME, 0.025, 0, drawn).next())
    world.follow()
    while world.wrist.is_playing:
        world.step()
    assert world.tries.num_lifted == lifted + 1


def test_the_fingers_lift_the_object_when_the_wrist_goes_its_way(
    world: World, library: ObjectLibrary, way: Way
) -> None:
    world.place(library.get(NAME), way)
    world.record()
    lifted = world.tries.num_lifted
    world.follow()
    while world.wrist.is_playing:
        state = world.step()
    assert (world.tries.num_lifted, world.tries.last) == (lifted + 1, "success")
    assert world.targets is not None
    assert world.targets.state is State.HOLDING
    # dots lie between hand and object, arrows begin at the fingertips
    look, arrows = world.look(state), world.field_arrows(state)
    assert len(look.contacts_w) >= 2
    centre = look.object_pose_w[:3]
    assert np.linalg.norm(look.contacts_w - centre, axis=1).max() < np.linalg.norm(world.thing.extents)
    np.testing.assert_allclose(arrows[:, 0], look.tips_w, atol=0.01)  # coupled joints lag a little
    curves = world.curves()
    assert curves.a_s.max() > 0.9
    assert curves.r_sim.max() > 0.0
    # downloaded, brought again, and gone once more past the same object, wherever that stood meanwhile
    recording = read_recording(world.log.content(), world.hand, world.period_s)
    world.log.is_on = False
    moved_w = way.object_pose_w + np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    world.place(library.get(NAME), replace(way, object_pose_w=moved_w))
    world.replay(recording, world.thing)
    placed = world.way
    assert placed is not None
    np.testing.assert_array_equal(placed.object_pose_w, way.object_pose_w)
    rows = len(placed.wrist_pose_w)
    # the log sees the wrist at the beginning of a step; the hand's joints of the weld give in by a few mm
    np.testing.assert_allclose(placed.wrist_pose_w[:, :3], way.wrist_pose_w[:rows, :3], atol=0.03)
    assert rows > len(way.wrist_pose_w) - 3
    lifted = world.tries.num_lifted
    while world.wrist.is_playing:
        world.step()
    assert (world.tries.num_lifted, world.tries.last) == (lifted + 1, "success")


def test_with_nobody_at_the_fingers_the_object_stays(world: World, library: ObjectLibrary, way: Way) -> None:
    world.assistants.choose("off")
    lifted = world.tries.num_lifted
    world.follow()
    while world.wrist.is_playing:
        world.step()
    assert world.tries.num_lifted == lifted
    assert world.tries.last in {"never_touched", "let_go", "pushed_away", "pushed_over", "slipped_in_lift", "hit_table"}
    world.assistants.choose("ours")


def test_without_a_way_the_palm_looks_down_on_the_object(world: World, library: ObjectLibrary) -> None:
    world.place(library.get(NAME), None)
    state = world.step()
    palm_w = rotation_matrix(state.wrist_pose_w[0, 3:]) @ np.array([0.0, -1.0, 0.0])  # out of the palm
    np.testing.assert_allclose(palm_w, [0.0, 0.0, -1.0], atol=1e-3)
    assert world.way is None
    world.follow()
    assert not world.wrist.is_playing


def test_what_was_recorded_under_a_late_tracker_can_be_replayed(world: World, library: ObjectLibrary) -> None:
    world.place(library.get(NAME), None)
    world.latency_s = 0.1
    world.wrist.nudge(np.array([0.1, 0.0, 0.0]), np.zeros(3))
    world.step()
    world.record()
    np.testing.assert_array_equal(world.wrist.pose_w, START)  # begun anew, so that the object is where it was placed
    for _ in range(16):  # of these the wrist is seen in the last twelve
        world.step()
    world.latency_s, world.log.is_on = 0.0, False
    recording = read_recording(world.log.content(), world.hand, world.period_s)
    assert len(recording.wrist_pose_w) == 12
    world.replay(recording, world.thing)
    assert world.wrist.is_playing


def test_a_full_log_keeps_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.browser.world.MAX_RECORDED", 3)
    log, nothing = SwitchedLog(), np.zeros(7)
    log.restart()
    for number in range(5):
        assert log.is_full == (number >= 3)
        log.add(Step(float(number), nothing, nothing, nothing, nothing, nothing, nothing, "idle", "", 0.0))
    with np.load(io.BytesIO(log.content())) as content:
        assert content["time_s"].tolist() == [0.0, 1.0, 2.0]
    log.restart()
    assert not log.is_full


@pytest.mark.parametrize("level", [float("nan"), 1e9])
def test_a_level_that_is_none_is_refused_and_the_world_goes_on(
    world: World, library: ObjectLibrary, level: float
) -> None:
    world.place(library.get(NAME), None)
    with pytest.raises(ValueError, match=f"level is {level}"):
        world.level = level
    assert world.level == 1.0
    world.place(library.get(NAME), None)
    world.step()


def test_a_world_that_cannot_be_placed_leaves_the_one_before(
    world: World, library: ObjectLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.place(library.get(NAME), None)
    before = world.thing

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("a cloud has shape (5, 3)")

    with monkeypatch.context() as patched:
        patched.setattr("live.browser.world.AssistController.know_object", refuse)
        with pytest.raises(ValueError, match="a cloud has shape"):
            world.place(library.get("ball_00106"), None)
    assert world.thing is before
    world.step()
    assert world.targets is not None


def test_an_empty_world_says_so() -> None:
    empty = World(load_hand("shadow"), load_control_policy(ROOT / "pretrained" / "residual_ppo.ckpt"), MujocoCpu())
    with pytest.raises(RuntimeError, match="place an object first"):
        empty.step()
