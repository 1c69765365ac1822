"""The hands that contract tests run with."""

import pytest

from envs.hand.registry import HANDS, load_hand


def _loaded(name: str) -> object:
    try:
        return load_hand(name)
    except FileNotFoundError as error:
        return pytest.param(None, marks=pytest.mark.skip(reason=str(error)))


each_hand = pytest.mark.parametrize("hand", [_loaded(name) for name in HANDS], ids=list(HANDS))
"""Runs a test with every hand that ships; one whose package is not installed is skipped, and says so."""
