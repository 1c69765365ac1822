"""The hands that contract tests run with."""

import pytest

from envs.hand.hand import Hand
from envs.hand.registry import HANDS, load_hand
from envs.hand.shadow import shadow_hand


def _loaded(name: str) -> tuple[Hand | None, str]:
    """The hand; None where its package is not installed, and what to do about it."""
    try:
        return load_hand(name), ""
    except FileNotFoundError as error:
        return None, str(error)


_HANDS = {name: _loaded(name) for name in HANDS}

each_hand = pytest.mark.parametrize(
    "hand",
    [pytest.param(hand, marks=pytest.mark.skipif(hand is None, reason=why)) for hand, why in _HANDS.values()],
    ids=list(HANDS),
)
"""Runs a test with every hand that ships; one whose package is not installed is skipped, and says so."""

ABILITY_HAND: Hand = _HANDS["ability"][0] or shadow_hand()
"""For tests under `needs_ability_hand`; where they are skipped, some hand."""

needs_ability_hand = pytest.mark.skipif(_HANDS["ability"][0] is None, reason=_HANDS["ability"][1])
