"""Grasp types, their pads, and the prototype file."""

import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from datamodules.synthesis.grasp_types import (
    GRASP_TYPES,
    check_grasp_type,
    load_prototypes,
    opposing_pads,
    thumb_pad,
)

from envs.conventions import ACTUATED_JOINTS
from envs.hand.model import LINKS, bare_hand, element_name, joint_limits


def test_all_types_of_the_task_exist() -> None:
    assert set(GRASP_TYPES) == {
        "lateral", "wrap", "pinch_FF", "pinch_MF", "pinch_RF", "pinch_LF", "tripod", "precision", "spherical",
    }  # fmt: skip


@pytest.mark.parametrize("grasp_type", GRASP_TYPES)
def test_pads_lie_on_the_surface_of_their_links_collision_capsules(grasp_type: str) -> None:
    model = bare_hand()
    for pad in (thumb_pad(), *opposing_pads(grasp_type)):
        assert pad.link in LINKS
        geom = model.geom(element_name(f"C_{pad.link}"))
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
    model = bare_hand()
    for pad in (thumb_pad(), *opposing_pads("spherical")):
        touch = model.site(element_name(f"Tch_{pad.link.removesuffix('distal')}tip")).pos
        assert touch @ np.array(pad.normal) > 0.9 * np.linalg.norm(touch[:2])


def test_pinches_oppose_one_fingertip_and_wrap_all_middle_links() -> None:
    assert [pad.link for pad in opposing_pads("pinch_RF")] == ["rfdistal"]
    assert [pad.link for pad in opposing_pads("wrap")] == ["ffmiddle", "mfmiddle", "rfmiddle", "lfmiddle"]
    assert [pad.link for pad in opposing_pads("lateral")] == ["ffmiddle"]


def test_unknown_type_lists_the_known_ones() -> None:
    message = r"grasp type 'hook' is unknown; available: lateral, wrap, pinch_FF"
    with pytest.raises(ValueError, match=message):
        check_grasp_type("hook")
    with pytest.raises(ValueError, match=message):
        opposing_pads("hook")


def test_shipped_prototypes_cover_every_type_within_the_limits() -> None:
    prototypes, limits = load_prototypes(), joint_limits()
    assert set(prototypes) == set(GRASP_TYPES)
    for lines in prototypes.values():
        assert lines
        for line in lines:
            for joints in (line.open, line.closed):
                assert joints.shape == (18,)
                assert ((joints >= limits.low) & (joints <= limits.high)).all()


def _content() -> dict[str, Any]:
    line = {"open": [0.0] * 18, "closed": [0.1, *[0.2] * 12, 0.1, 0.1, 0.1, 0.1, -0.1], "verified": 4}
    return {"joint_order": list(ACTUATED_JOINTS), "types": {"wrap": [line]}}


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    (line,) = load_prototypes(_write(tmp_path / "own.json", _content()))["wrap"]
    assert line.verified == 4
    np.testing.assert_array_equal(line.closed[[0, 1, 17]], [0.1, 0.2, -0.1])


def test_another_joint_order_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["joint_order"].reverse()
    with pytest.raises(ValueError, match=r"own.json, field joint_order: expected \['FFJ3'.*reorder the columns"):
        load_prototypes(_write(tmp_path / "own.json", content))


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["types"]["hook"] = content["types"]["wrap"]
    with pytest.raises(ValueError, match="grasp type 'hook' is unknown"):
        load_prototypes(_write(tmp_path / "own.json", content))


def test_a_joint_too_few_is_refused(tmp_path: Path) -> None:
    content = _content()
    content["types"]["wrap"][0]["closed"].pop()
    with pytest.raises(ValueError, match=r"own.json: wrap\[0\].closed has 17 joints, expected 18"):
        load_prototypes(_write(tmp_path / "own.json", content))


@pytest.mark.parametrize("value", [2.0, -0.7, float("nan")])
def test_a_joint_beyond_its_limits_is_refused(tmp_path: Path, value: float) -> None:
    content = _content()
    content["types"]["wrap"][0]["open"][4] = value
    with pytest.raises(ValueError, match=r"own.json: wrap\[0\].open: joint MFJ2 is .* rad, allowed \[0.000, 1.571\]"):
        load_prototypes(_write(tmp_path / "own.json", content))
