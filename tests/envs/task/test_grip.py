"""A hand holds what it touches from two sides."""

import numpy as np
import pytest

from envs.hand.shadow import shadow_hand
from envs.task.grip import grips

HAND = shadow_hand()


@pytest.mark.parametrize(
    ("touching", "expected"),
    [
        ((), False),
        (("ffdistal", "mfmiddle"), False),
        (("thdistal", "palm"), False),
        (("thdistal", "ffdistal"), True),
        (("thhub", "lfmetacarpal"), True),
        (("palm", "rfproximal"), True),
    ],
)
def test_a_finger_and_the_thumb_or_the_palm_are_needed(touching: tuple[str, ...], expected: bool) -> None:
    links = np.zeros((2, len(HAND.links)), dtype=bool)
    links[1, HAND.link_indices(touching)] = True
    assert grips(HAND, links).tolist() == [False, expected]
