"""A visitor's world without a browser: the shipped policy on an object that it never saw."""

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from live.browser.ways import Way, Ways
from live.browser.world import World
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


def test_the_fingers_lift_the_object_when_the_wrist_goes_its_way(
    world: World, library: ObjectLibrary, way: Way
) -> None:
    world.place(library.get(NAME), way)
    world.follow()
    world.log.restart()
    while world.wrist.is_playing:
        state = world.step()
    assert (world.tries.num_lifted, world.tries.last) == (1, "success")
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
    recorded = world.log.wrist_path()
    np.testing.assert_allclose(recorded[:, :3], way.wrist_pose_w[: len(recorded), :3], atol=0.03)


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
    world.log.restart()
    for _ in range(6):  # of these the wrist is seen in the last two
        world.step()
    world.latency_s, world.log.is_on = 0.0, False
    path_w = world.log.wrist_path()
    assert len(path_w) == 2
    world.wrist.play(path_w)
    assert world.wrist.is_playing


def test_an_empty_world_says_so() -> None:
    empty = World(load_hand("shadow"), load_control_policy(ROOT / "pretrained" / "residual_ppo.ckpt"), MujocoCpu())
    with pytest.raises(RuntimeError, match="place an object first"):
        empty.step()
