"""Grasps for tests of wrist movements, without objects."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.hand.shadow import shadow_hand
from envs.wrist.clearance import open_hand_height

Array = NDArray[np.float64]

COUNT = 600


def some_grasps(count: int = COUNT, seed: int = 0) -> tuple[Array, Array]:
    """Hands (count) that point down or sideways, fingertips in front of the wrist, some close to the table."""
    rng = np.random.default_rng(seed)
    # the fingers point along the hand's z axis: turn it up to 100 degrees away from straight down
    tilt = Rotation.from_euler("x", np.pi) * Rotation.from_euler("x", rng.uniform(-1.75, 1.75, count)[:, None])
    rotation = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi, count)[:, None]) * tilt
    rotation = rotation * Rotation.from_euler("z", rng.uniform(-np.pi, np.pi, count)[:, None])
    position = np.column_stack([rng.uniform(-0.6, 0.6, (count, 2)), np.full(count, 0.5)])
    final_w = np.concatenate([position, rotation.as_quat(scalar_first=True)], axis=1)
    # from 3 cm in the table, as an open hand is where a closed one fits, to 20 cm above; the wrist itself above it
    final_w[:, 2] = np.maximum(0.5 - open_hand_height(shadow_hand(), final_w) + rng.uniform(-0.03, 0.2, count), 0.05)
    return final_w, final_w[:, :3] + 0.15 * rotation.apply([0.0, -0.3, 0.95])
