"""Worlds of MJWarp on Warp's CPU device: the contract, and what only this backend has. Kernels compile at first."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.physics.base import PhysicsBackend
from envs.physics.mujoco_worlds import MujocoCpuPhysics
from tests.contracts.physics import PhysicsContract
from tests.contracts.physics_start import hovering_start, put, run_script

pytest.importorskip("mujoco_warp", reason="needs the extra mjwarp")

from envs.physics.mjwarp import room as room_module
from envs.physics.mjwarp.room import WarpRoom
from envs.physics.mjwarp.worlds import WarpPhysics
from envs.physics.model_cache import ModelCache
from envs.physics.settings import PhysicsSettings

HAND = shadow_hand()

ROOM = WarpRoom(max_pieces=4)
"""Of the objects of these tests: a box, a can and a ball have one piece each."""

_CACHE = ModelCache(HAND, PhysicsSettings())


def made(num_worlds: int, room: WarpRoom = ROOM, device: str = "cpu") -> WarpPhysics:
    return WarpPhysics(HAND, num_worlds, torch.device(device), _CACHE, room)


class TestWarpPhysics(PhysicsContract):
    def make(self, num_worlds: int) -> PhysicsBackend:
        return made(num_worlds)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
class TestWarpPhysicsOnAGpu(PhysicsContract):
    def make(self, num_worlds: int) -> PhysicsBackend:
        return made(num_worlds, device="cuda")


def test_state_and_contacts_are_tensors_on_the_device() -> None:
    physics = made(3)
    put(physics, hovering_start())
    state = physics.state()
    every = [getattr(state, name) for name in state.__dataclass_fields__]
    every += [physics.contact_links(), physics.table_links(), physics.initial_penetration(np.array([0, 1]))]
    assert all(isinstance(values, torch.Tensor) and values.device == physics.device for values in every)


def test_worlds_go_the_way_of_mujoco() -> None:
    warp, mujoco = run_script(made(3)), run_script(MujocoCpuPhysics(HAND, 3, num_threads=0))
    # half a second in which fingers close on objects that are shaken: float32, and another solver
    np.testing.assert_allclose(warp.joint_pos, mujoco.joint_pos, atol=0.05)
    np.testing.assert_allclose(warp.wrist_pose_w, mujoco.wrist_pose_w, atol=2e-3)
    np.testing.assert_allclose(warp.object_pose_w[:, :3], mujoco.object_pose_w[:, :3], atol=5e-3)


def test_a_world_without_room_for_its_constraints_counts_as_diverged() -> None:
    # the box touches the table at four corners: 12 rows
    physics, start = made(2, replace(ROOM, rows=9)), hovering_start(2)
    start.object_pose_w[1, 2] += 0.3  # nothing touches the can in the air
    put(physics, start)
    physics.step()
    np.testing.assert_array_equal(physics.state().host().is_diverged, [True, False])


def test_too_little_room_for_pairs_costs_all_that_moved_and_the_remedy_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room_module, "MIN_PAIRS", 1)
    monkeypatch.setattr(room_module, "MIN_HULL_PAIRS", 1)
    physics, start = made(3, replace(ROOM, pairs=1, hull_pairs=1)), hovering_start(3)
    start.object_pose_w[1, 2] += 0.3  # nothing touches the can in the air, the box touches the table at four corners
    put(physics, start)
    physics.step(np.array([True, True, False]))
    np.testing.assert_array_equal(physics.state().host().is_diverged, [True, True, False])
    with caplog.at_level(logging.WARNING, "envs.physics.mjwarp.worlds"):
        put(physics, start)
        assert physics.num_diverged == 2
    assert caplog.text.count("raise room.pairs of the physics, now 1 a world") == 1


def test_an_overlap_that_there_was_no_room_to_look_for_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MIN_PAIRS", 1)
    monkeypatch.setattr(room_module, "MIN_HULL_PAIRS", 1)
    physics, start = made(1, replace(ROOM, pairs=1, hull_pairs=1)), hovering_start(1)
    start.wrist_pose_w[0, 2] = 0.02  # the hand through the box
    put(physics, start)
    np.testing.assert_array_equal(physics.initial_penetration(np.array([0])).cpu(), [np.inf])


def test_an_object_of_too_many_pieces_is_refused_before_anything_changes() -> None:
    physics, start = made(2), hovering_start(2)
    put(physics, start)
    physics.step()
    before = physics.state().host()
    mug = make_object("mug", 0)
    with pytest.raises(
        ValueError, match=r"object 'mug_00000' cannot be simulated: it has 19 convex pieces, at most 4 fit; raise room"
    ):
        put(physics, replace(start, objects=[start.objects[0], mug]))
    np.testing.assert_array_equal(physics.state().host().object_pose_w, before.object_pose_w)


def test_objects_that_are_known_are_not_written_again() -> None:
    physics, start = made(3), hovering_start()
    put(physics, start)
    assert physics._engine is not None
    assert physics._engine.meshes.num_written == 3
    put(physics, start)
    put(physics, replace(start, objects=start.objects[1:] + start.objects[:1]))
    assert physics._engine.meshes.num_written == 3
