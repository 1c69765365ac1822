"""Hands by name."""

from collections.abc import Callable
from functools import lru_cache

from envs.hand.ability_hand import ability_hand
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand

HANDS: dict[str, Callable[[], Hand]] = {"shadow": shadow_hand, "ability": ability_hand}
"""What makes each hand that ships with the project."""


@lru_cache(maxsize=8)
def load_hand(name: str) -> Hand:
    """The hand of a name, the same object at every call.

    Raises:
        ValueError: unknown name; lists the known ones.
    """
    if name not in HANDS:
        raise ValueError(f"hand {name!r} is unknown; available: {', '.join(HANDS)}")
    return HANDS[name]()
