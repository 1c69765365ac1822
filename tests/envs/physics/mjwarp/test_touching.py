"""Contacts of MJWarp by hand; those of real worlds are in the contract."""

import torch

from envs.physics.mjwarp.touching import WarpContacts, part_of_geoms
from envs.physics.world_model import OBJECT_PART, TABLE_PART

# the table, two geoms of the palm, one of the fourth finger link, two pieces of the object
PARTS = part_of_geoms(torch.tensor([TABLE_PART, 0, 0, 4]), 6)
NUM_LINKS = 5


def contacts(*found: tuple[int, int, int, float], room: int = 8) -> WarpContacts:
    """Of (geom, geom, world, distance); what is left of the room holds old numbers."""
    geoms = torch.full((room, 2), 3, dtype=torch.int32)
    geoms[:, 1] = 5
    world, distance = torch.ones(room, dtype=torch.int32), torch.full((room,), -9.0)
    for row, (one, other, where, depth) in enumerate(found):
        geoms[row] = torch.tensor([one, other])
        world[row], distance[row] = where, depth
    is_contact = torch.arange(room) < len(found)
    return WarpContacts.gather((geoms, world, distance, is_contact), PARTS, 3, NUM_LINKS)


def test_links_are_told_apart_by_world_and_by_what_they_touch() -> None:
    # world 0: the object on the table; 2: a finger on the object from either side of a pair, the palm on the table
    found = contacts((0, 5, 0, 0.0), (4, 3, 2, 0.0), (3, 5, 2, 0.0), (2, 0, 2, 0.0), (1, 3, 2, 0.0))
    assert found.links_on(OBJECT_PART).nonzero().tolist() == [[2, 4]]
    assert found.links_on(TABLE_PART).nonzero().tolist() == [[2, 0]]


def test_what_earlier_steps_left_behind_is_no_contact() -> None:
    assert not contacts().links_on(OBJECT_PART).any()
    assert contacts().hand_depth().tolist() == [0.0, 0.0, 0.0]


def test_depth_is_of_the_hand_with_object_or_table() -> None:
    # the object in the table, two links in one another: neither counts; the deepest of two does
    found = contacts((0, 5, 0, -0.5), (1, 3, 0, -0.4), (3, 5, 1, -0.01), (0, 2, 1, -0.02), (3, 4, 2, 0.001))
    torch.testing.assert_close(found.hand_depth(), torch.tensor([0.0, 0.02, 0.0]))
