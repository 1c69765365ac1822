"""What is said about a hand: hands that ship are fine, and each mistake in a file is told."""

from pathlib import Path

import numpy as np
import pytest

from envs.hand.check import Remark, check_hand
from envs.hand.hand import Hand
from envs.hand.own_hand import read_hand
from envs.hand.shadow import shadow_hand
from tests.envs.hand.claw import HAND, write_claw
from tests.hands import each_hand


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    write_claw(tmp_path)
    return tmp_path / "claw.yaml"


def wrong(hand: Hand) -> dict[str, str]:
    return {remark.subject: remark.text for remark in check_hand(hand) if not remark.is_fine}


def changed(claw: Path, old: str, new: str) -> Hand:
    assert old in HAND
    claw.write_text(HAND.replace(old, new))
    return read_hand(claw)


@each_hand
def test_hands_that_ship_are_fine(hand: Hand) -> None:
    assert wrong(hand) == {}


@each_hand
def test_every_closing_joint_coupled_joint_and_grasp_type_is_looked_at(hand: Hand) -> None:
    subjects = {remark.subject for remark in check_hand(hand)}
    closing = {name for name, sign in zip(hand.joints, hand.closing, strict=True) if sign}
    assert subjects >= {"palm frame", "open pose", *closing, *hand.coupled.names, *hand.type_names}


def test_a_made_up_hand_is_fine(claw: Path) -> None:
    assert wrong(read_hand(claw)) == {}


def test_base_that_is_not_turned_is_told(claw: Path) -> None:
    # without it the fingers point along y
    hand = changed(claw, "base_quat: [0.7071067811865476, 0.7071067811865476, 0.0, 0.0]\n", "")
    assert "z has to run along the fingers: base_quat" in wrong(hand)["palm frame"]


def test_wrong_sign_of_closing_is_told(claw: Path) -> None:
    claw.write_text(HAND.replace("closing: {q1: 1", "closing: {q1: -1") + "limits: {q1: [-1.0, 2.0]}\n")
    assert "away from the grasp centre: sign in closing?" in wrong(read_hand(claw))["q1"]


def test_coupled_joint_that_leaves_its_range_is_told(claw: Path) -> None:
    # 1.2 * 2 + 0.1 = 2.5, allowed 2
    hand = changed(claw, "ratio: 0.9", "ratio: 1.2")
    assert wrong(hand)["q2"].startswith("runs from 0.100 to 2.500 rad over the range of q1, allowed 0.000 to 2.000")


def test_links_that_overlap_in_the_open_pose_are_told(claw: Path) -> None:
    claw.write_text(HAND + "capsules: [{link: stub, start: [0, 0.04, 0], end: [0, 0.06, -0.06], radius: 0.01}]\n")
    assert "these links overlap: near and stub" in wrong(read_hand(claw))["open pose"]


def test_inertia_of_something_larger_is_told(claw: Path) -> None:
    # `near` would have 9 kg m^2, which MuJoCo refuses; 1 kg m^2 with 10 g it takes
    model = claw.with_name("claw.urdf")
    model.write_text(model.read_text().replace('izz="9"', 'izz="1"'))
    hand = changed(claw, "inertia_from_shapes: true\n", "")
    assert "of 10.0 g it has the inertia of a ring of 10000 mm radius" in wrong(hand)["near"]


def test_pads_that_face_away_are_told(claw: Path) -> None:
    pad = "pad: {link: stub, point: [0.0, 0.04, -0.006], normal: [0.0, 0.0, -1.0]}"
    hand = changed(claw, pad, pad.replace("[0.0, 0.0, -1.0]", "[1.0, 0.0, 0.0]"))
    assert wrong(hand)["pinch_finger"] == "the pads never face one another: look at their normals"


def test_remarks_on_widths_are_those_of_facing_pads() -> None:
    (remark,) = (remark for remark in check_hand(shadow_hand()) if remark.subject == "pinch_FF")
    assert isinstance(remark, Remark)
    low, high = (float(word) for word in remark.text.removesuffix(" mm").split() if word.isdigit())
    assert 0.0 <= low < 40.0 < high
    assert np.isfinite(high)
