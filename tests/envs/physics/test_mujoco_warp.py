"""The factory of MJWarp: its contract, its place in a configuration, and the memory that worlds take."""

import pytest
from jsonargparse import ArgumentParser

from envs.hand.shadow import shadow_hand
from envs.physics.base import PhysicsFactory
from envs.physics.mjwarp.room import WarpRoom
from envs.physics.mujoco_warp import MujocoWarp, world_bytes
from envs.physics.settings import PhysicsSettings
from tests.contracts.physics_factory import PhysicsFactoryContract
from tests.contracts.physics_start import hovering_start, put

pytest.importorskip("mujoco_warp", reason="needs the extra mjwarp")

HAND = shadow_hand()
ROOM = WarpRoom(max_pieces=4)


class TestMujocoWarp(PhysicsFactoryContract):
    def factory(self, settings: PhysicsSettings) -> PhysicsFactory:
        return MujocoWarp(settings, device="cpu", room=ROOM)


def test_a_configuration_chooses_it_by_its_class_path() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--physics", type=PhysicsFactory | None, default=None)
    args = [
        "--physics=envs.physics.mujoco_warp.MujocoWarp",
        "--physics.settings.friction=0.5",
        "--physics.device=cpu",
        "--physics.room.max_pieces=7",
    ]
    given = parser.instantiate(parser.parse_args(args)).physics
    assert given == MujocoWarp(PhysicsSettings(friction=0.5), device="cpu", room=WarpRoom(max_pieces=7))


def test_room_for_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="max_models is 0, expected at least 1"):
        MujocoWarp(max_models=0)


def test_worlds_of_a_factory_share_models() -> None:
    factory = MujocoWarp(device="cpu", room=ROOM)
    for _ in range(2):
        put(factory.make(HAND, 3), hovering_start())
    assert factory.cache(HAND).num_compiled == 3


def test_a_world_takes_no_more_memory_than_is_counted() -> None:
    import warp

    from envs.physics.mjwarp.engine import WarpEngine, widest_model
    from envs.physics.mjwarp.library import chosen_device

    room, worlds = WarpRoom(), 64
    base = widest_model(HAND, hovering_start(1).objects[0], PhysicsSettings(), room.max_pieces)
    engine = WarpEngine(base, worlds, room, chosen_device("cpu"))
    held = [engine.model, engine.model.opt, engine.data, engine.data.contact, engine.data.efc]
    arrays = {id(each): each for thing in held for each in vars(thing).values() if isinstance(each, warp.array)}
    taken = sum(each.capacity for each in arrays.values())
    assert 0.3 * worlds * world_bytes(room, base.nv) < taken < worlds * world_bytes(room, base.nv)
