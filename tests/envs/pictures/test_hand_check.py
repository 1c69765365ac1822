"""The command that checks a hand."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.hand.own_hand import read_hand
from envs.pictures.hand_check import HIGH, LOW, _links_that_move, hand_sheet, main
from tests.envs.hand.claw import HAND, write_claw


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    write_claw(tmp_path)
    return tmp_path / "claw.yaml"


def test_command_says_what_is_right_and_draws_the_hand(claw: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = claw.with_name("claw.png")
    with caplog.at_level(logging.INFO):
        main(["--hand", str(claw), "--output", str(picture), "--size", "48"])
    assert "ok    palm frame: fingertips of the open hand lie at (0, -3, 130) mm (mean)" in caplog.messages
    assert f"wrote {picture}" in caplog.messages
    # open, closed, and two joints: four pictures in a row
    assert Image.open(picture).width > 4 * 48


def test_command_ends_with_status_1_where_something_is_wrong(claw: Path, caplog: pytest.LogCaptureFixture) -> None:
    claw.write_text(HAND.replace("ratio: 0.9", "ratio: 1.2"))
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit, match="1"):
        main(["--hand", str(claw)])
    assert any(message.startswith("LOOK  q2: ") for message in caplog.messages)


def test_a_joint_moves_the_links_beyond_it(claw: Path) -> None:
    hand = read_hand(claw)
    assert _links_that_move(hand, np.array([0.0, 0.0]), np.array([1.0, 0.0])) == ["near", "far"]
    assert _links_that_move(hand, np.array([0.0, 0.0]), np.array([0.0, -1.0])) == ["stub"]


def test_both_ends_of_a_joint_s_range_are_drawn(claw: Path) -> None:
    image = hand_sheet(read_hand(claw), size=64).astype(np.float64) / 255.0

    def has_hue_of(colour: tuple[float, float, float]) -> bool:
        saturated = image - image.mean(axis=2, keepdims=True)
        wanted = np.array(colour) - np.mean(colour)
        likeness = (saturated @ wanted) / (np.linalg.norm(saturated, axis=2) + 1e-6) / np.linalg.norm(wanted)
        return bool(((likeness > 0.97) & (np.linalg.norm(saturated, axis=2) > 0.1)).sum() > 5)

    assert has_hue_of(LOW)
    assert has_hue_of(HIGH)
