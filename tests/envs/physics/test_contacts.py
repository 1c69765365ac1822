"""Contacts by hand; those of real worlds are in the contract (tests/contracts/physics.py)."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from envs.physics.contacts import Contacts
from envs.physics.world_model import OBJECT_PART, TABLE_PART

NUM_LINKS = 23

PART_OF_GEOM = np.array([TABLE_PART, 0, 0, 4])
"""The table, two geoms of the palm, one of the fourth finger link; geoms from 4 on are pieces of the object."""


def world(*pairs: tuple[int, int]) -> Any:
    return SimpleNamespace(
        ncon=len(pairs), contact=SimpleNamespace(geom=np.array(pairs, dtype=np.int64).reshape(-1, 2))
    )


def test_links_are_told_apart_by_world_and_by_what_they_touch() -> None:
    # the object lies on the table; a finger touches the object from either side of a pair; palm and finger meet
    worlds = [world((0, 5)), None, world((5, 3), (2, 0)), world(), world((1, 3), (3, 4))]
    contacts = Contacts.gather(worlds, PART_OF_GEOM, NUM_LINKS)
    on_object, on_table = contacts.links_on(OBJECT_PART), contacts.links_on(TABLE_PART)
    assert on_object.shape == on_table.shape == (5, NUM_LINKS)
    assert list(zip(*np.nonzero(on_object), strict=True)) == [(2, 4), (4, 4)]
    assert list(zip(*np.nonzero(on_table), strict=True)) == [(2, 0)]


def test_worlds_without_contacts_touch_nothing() -> None:
    contacts = Contacts.gather([None, world()], PART_OF_GEOM, NUM_LINKS)
    assert contacts.links_on(OBJECT_PART).shape == (2, NUM_LINKS)
    assert not contacts.links_on(OBJECT_PART).any()
