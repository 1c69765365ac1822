"""Hands by name and by file."""

from pathlib import Path

import pytest

from envs.hand.registry import load_hand
from tests.envs.hand.claw import write_claw


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    write_claw(tmp_path)
    return tmp_path / "claw.yaml"


def test_a_hand_that_was_read_is_found_by_its_name(claw: Path) -> None:
    hand = load_hand(str(claw))
    assert load_hand("claw") is hand


def test_a_file_cannot_take_the_name_of_a_hand_that_ships(claw: Path) -> None:
    claw.write_text(claw.read_text().replace("name: claw", "name: shadow"))
    with pytest.raises(ValueError, match="is named 'shadow', as a hand that ships; give it a name of its own"):
        load_hand(str(claw))
