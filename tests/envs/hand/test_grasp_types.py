"""Grasp types and their pads."""

import mujoco
import numpy as np
import pytest

from envs.hand.grasp_types import Pad, standard_ranges, standard_types
from envs.hand.shadow import shadow_hand

HAND = shadow_hand()


def test_all_types_of_the_task_exist() -> None:
    assert set(HAND.type_names) == {
        "lateral", "wrap", "pinch_FF", "pinch_MF", "pinch_RF", "pinch_LF", "tripod", "precision", "spherical",
    }  # fmt: skip


@pytest.mark.parametrize("grasp_type", HAND.type_names)
def test_pads_lie_on_the_surface_of_their_links_collision_capsules(grasp_type: str) -> None:
    model = HAND.model()
    for pad in (HAND.thumb_pad, *HAND.grasp_type(grasp_type).opposing):
        geom = model.geom(HAND.element(f"C_{pad.link}"))
        assert geom.type[0] == mujoco.mjtGeom.mjGEOM_CAPSULE
        offset = np.array(pad.point) - geom.pos
        axis = np.zeros(3)
        mujoco.mju_rotVecQuat(axis, np.array([0.0, 0.0, 1.0]), geom.quat)
        assert abs(offset @ axis) <= geom.size[1]
        radial = offset - (offset @ axis) * axis
        np.testing.assert_allclose(np.linalg.norm(radial), geom.size[0], atol=1e-9)
        np.testing.assert_allclose(radial / geom.size[0], pad.normal, atol=1e-9)


def test_distal_pads_are_on_the_side_of_the_touch_sensors() -> None:
    # the model's touch sites mark the palmar side of the distal links, independently of the pads
    model = HAND.model()
    for pad in (HAND.thumb_pad, *HAND.grasp_type("spherical").opposing):
        touch = model.site(HAND.element(f"Tch_{pad.link.removesuffix('distal')}tip")).pos
        assert touch @ np.array(pad.normal) > 0.9 * np.linalg.norm(touch[:2])


def test_pinches_oppose_one_fingertip_and_wrap_all_middle_links() -> None:
    assert [pad.link for pad in HAND.grasp_type("pinch_RF").opposing] == ["rfdistal"]
    assert [pad.link for pad in HAND.grasp_type("wrap").opposing] == ["ffmiddle", "mfmiddle", "rfmiddle", "lfmiddle"]
    assert [pad.link for pad in HAND.grasp_type("lateral").opposing] == ["ffmiddle"]


def test_unknown_type_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="grasp type 'hook' of the hand shadow is unknown; available: lateral, wrap"):
        HAND.grasp_type("hook")


def _types(count: int) -> tuple[str, ...]:
    names = ("index", "middle", "ring", "little")[:count]
    pads = [Pad(name, (0.0, 0.0, 0.0), (0.0, -1.0, 0.0)) for name in names]
    return tuple(kind.name for kind in standard_types(names, pads, pads, pads[0]))


def test_hands_of_fewer_fingers_have_the_types_that_differ() -> None:
    assert _types(3) == ("lateral", "wrap", "pinch_index", "pinch_middle", "pinch_ring", "tripod", "spherical")
    assert _types(2) == ("lateral", "wrap", "pinch_index", "pinch_middle", "spherical")


def test_standard_ranges_lie_within_the_limits_and_close() -> None:
    ranges = standard_ranges(HAND.joints, HAND.fingers, HAND.limits, HAND.open_pose, HAND.closing)
    assert len(ranges.opened) == len(ranges.closed) == 2  # two joints of a finger flex
    assert all(high > 0 for _, high in ranges.opened)
    assert all(closed[0] > opened[1] for opened, closed in zip(ranges.opened, ranges.closed, strict=True))
    for joint, (low, high) in {**ranges.thumb_opened, **ranges.thumb_closed}.items():
        column = HAND.joints.index(joint)
        assert HAND.limits.low[column] <= low < high <= HAND.limits.high[column]
    # THJ1 and THJ0 flex towards their lower limits, and the others do not move
    assert list(ranges.thumb_closed) == ["THJ3", "THJ1", "THJ0"]
    assert ranges.thumb_closed["THJ0"][0] == HAND.limits.low[HAND.joints.index("THJ0")]
