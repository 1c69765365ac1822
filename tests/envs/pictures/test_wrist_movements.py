"""The picture of wrist movements shows every kind, with the settings that it is given."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from envs.pictures.wrist_movements import main, movements_picture
from envs.wrist.user_movement import UserMovement


def _coloured(image: np.ndarray) -> np.ndarray:
    """Pixels (H, W) that are neither paper nor grey."""
    return np.ptp(image.astype(int), axis=2) > 60


def test_every_kind_has_curves_in_both_columns() -> None:
    ink = _coloured(movements_picture(UserMovement(), samples=2))
    height, width = ink.shape
    for row in range(3):
        for column in range(2):
            part = ink[row * height // 3 : (row + 1) * height // 3, column * width // 2 : (column + 1) * width // 2]
            assert part.sum() > 500


def test_settings_and_seed_decide_what_is_drawn() -> None:
    first = movements_picture(UserMovement(), samples=1)
    np.testing.assert_array_equal(first, movements_picture(UserMovement(pass_by_share=0.5), samples=1))
    assert (first != movements_picture(UserMovement(), samples=1, seed=1)).any()
    assert (first != movements_picture(UserMovement(tremor=0.01), samples=1)).any()


def test_command_writes_the_picture_and_refuses_none(tmp_path: Path) -> None:
    output = tmp_path / "movements.png"
    main(["--output", str(output), "--samples", "1", "--movement.speed", "2.0"])
    with PillowImage.open(output) as image:
        assert _coloured(np.asarray(image.convert("RGB"))).sum() > 3000
    with pytest.raises(ValueError, match="samples is 0, expected at least 1"):
        movements_picture(UserMovement(), samples=0)
