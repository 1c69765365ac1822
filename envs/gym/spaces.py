"""Spaces of Gymnasium for the observation table and the hand's actions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.task.observations import POLICY_GROUPS, Observation, group_shape

MAX_LENGTH = 10.0
"""Metres to which positions and points are cut: an object that was thrown away is farther from everything."""

MAX_NORMALISED = 2.0
"""To which normalised joints are cut; their limits, at 1, are soft."""

_POSES = ("wrist_history", "wrist_past")


def observation_space(hand: Hand) -> spaces.Dict:
    """The groups that every policy may see (`envs.task.observations.POLICY_GROUPS`), float32, of one world."""
    return spaces.Dict({name: _box(name, group_shape(name, hand)) for name in POLICY_GROUPS})


def _box(name: str, shape: tuple[int, ...]) -> spaces.Box:
    high = np.full(shape, MAX_LENGTH if name == "points_h" else MAX_NORMALISED, dtype=np.float32)
    if name in _POSES:
        high[..., :3], high[..., 3:] = MAX_LENGTH, 1.0
    return spaces.Box(-high, high, dtype=np.float32)


def action_space(hand: Hand) -> spaces.Box:
    """One number a joint (J,): 1 closes it by as much as the task allows in a control step."""
    return spaces.Box(-1.0, 1.0, (hand.num_joints,), dtype=np.float32)


def as_arrays(observation: Observation, space: spaces.Dict) -> dict[str, NDArray[np.float32]]:
    """The groups of a space of one world, of E worlds: arrays (E, ...) of their own, cut to the bounds."""
    boxes: Mapping[str, Any] = space.spaces
    return {name: np.clip(observation[name].cpu().numpy(), box.low, box.high) for name, box in boxes.items()}
