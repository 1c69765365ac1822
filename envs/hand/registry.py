"""Hands by name."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from envs.hand.hand import Hand
from envs.hand.own_hand import read_hand
from envs.hand.shadow import shadow_hand

HANDS: dict[str, Callable[[], Hand]] = {
    "shadow": shadow_hand,
    "ability": partial(read_hand, Path(__file__).with_name("ability.yaml")),
}
"""What makes each hand that ships with the project."""


_READ: dict[str, Hand] = {}
"""Hands of users' files by their names, the last one read of each."""


def load_hand(name: str) -> Hand:
    """The hand of a name, or of a user's file, the same object at every call.

    Args:
        name: a key of HANDS, the path of a YAML file (docs/own_hand.md), or the name of a hand whose file this process
            has read.
    Raises:
        FileNotFoundError: its file or the package that holds its model is missing; says how to get it.
        ValueError: unknown name; lists the known ones.
    """
    if name in HANDS:
        return _shipped(name)
    if name in _READ:
        return _READ[name]
    if Path(name).suffix not in (".yaml", ".yml"):
        raise ValueError(
            f"hand {name!r} is unknown; available: {', '.join(HANDS)}, or the path of a YAML file of yours"
        )
    return _own(str(Path(name).resolve()))


@lru_cache(maxsize=8)
def _shipped(name: str) -> Hand:
    return HANDS[name]()


@lru_cache(maxsize=8)
def _own(path: str) -> Hand:
    hand = read_hand(Path(path), path)
    if hand.name in HANDS:
        raise ValueError(f"hand file {path} is named {hand.name!r}, as a hand that ships; give it a name of its own")
    _READ[hand.name] = hand
    return hand
