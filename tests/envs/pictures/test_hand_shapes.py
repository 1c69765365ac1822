"""Collision shapes of a hand as meshes."""

import mujoco
import numpy as np
import pytest

from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.pictures.hand_shapes import _mesh, shaped_hand
from tests.hands import each_hand

GREY = (0.5, 0.5, 0.5)


@each_hand
def test_shapes_reach_to_the_fingertips(hand: Hand) -> None:
    mesh = shaped_hand(hand, hand.open_pose, dict.fromkeys(hand.links, GREY))
    top = mesh.corners[..., 2].max()
    assert 0.15 < top < 0.25
    np.testing.assert_allclose(mesh.colours, 0.5)


def test_links_without_a_colour_are_left_out() -> None:
    hand = shadow_hand()
    tip = shaped_hand(hand, hand.open_pose, {"ffdistal": GREY})
    assert 0.0 < np.ptp(tip.corners[..., 2]) < 0.05
    with pytest.raises(ValueError, match="none of the links ffknuckle of the hand shadow has a collision shape"):
        shaped_hand(hand, hand.open_pose, {"ffknuckle": GREY})


@pytest.mark.parametrize(
    ("kind", "size", "extents"),
    [
        ("CAPSULE", [0.01, 0.02, 0.0], [0.02, 0.02, 0.06]),
        ("CYLINDER", [0.01, 0.02, 0.0], [0.02, 0.02, 0.04]),
        ("BOX", [0.01, 0.02, 0.03], [0.02, 0.04, 0.06]),
        ("SPHERE", [0.01, 0.0, 0.0], [0.02, 0.02, 0.02]),
        ("ELLIPSOID", [0.01, 0.02, 0.03], [0.02, 0.04, 0.06]),
    ],
)
def test_shapes_have_their_sizes(kind: str, size: list[float], extents: list[float]) -> None:
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(type=getattr(mujoco.mjtGeom, f"mjGEOM_{kind}"), size=size)
    mesh = _mesh(spec.compile(), 0)
    np.testing.assert_allclose(mesh.extents, extents, rtol=0.03)


def test_shape_that_cannot_be_drawn_is_named() -> None:
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    with pytest.raises(ValueError, match="type mjGEOM_PLANE cannot be drawn"):
        _mesh(spec.compile(), 0)
