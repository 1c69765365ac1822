"""When a hand holds an object, told from what touches it."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand


def grips(hand: Hand, object_links: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether hands hold what they touch (E,) bool: the thumb or the palm does, and at least one other finger.

    Two sides are the least that can hold; how hard they press is not asked.

    Args:
        hand: the hand; its last finger is the thumb.
        object_links: links that touch the object (E, L) bool.
    """
    is_finger = np.isin(np.arange(len(hand.links)), _finger_links(hand))
    return np.logical_and(object_links[:, is_finger].any(axis=1), object_links[:, ~is_finger].any(axis=1))


@lru_cache(maxsize=8)
def _finger_links(hand: Hand) -> list[int]:
    """Links of all fingers but the thumb."""
    return hand.link_indices([link for finger in hand.fingers[:-1] for link in hand.links_of(finger)])
