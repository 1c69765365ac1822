"""Samples of a user's movements to the grasps of the tests, and what is measured of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.conventions import CONTROL_DT
from envs.hand.shadow import shadow_hand
from envs.wrist.movement import WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from tests.envs.wrist.grasp_poses import some_grasps

Array = NDArray[np.float64]

HAND = shadow_hand()
GRASP, CHANGE, PASS = range(3)
ONLY_GRASPS: dict[str, Any] = {"pass_by_share": 0.0, "change_of_mind_share": 0.0}
STILL: dict[str, Any] = {"tremor": 0.0}
PLAIN: dict[str, Any] = {
    **ONLY_GRASPS, **STILL, "hesitation_share": 0.0, "stop_share": 0.0, "overshoot_share": 0.0,
}  # fmt: skip


def other_grasps(angle_deg: float = 40.0, raised: float = 0.05) -> Array:
    """Those of the tests, turned about the vertical through the fingertips, and a little higher (m)."""
    final_w, tips_w = some_grasps()
    turn = Rotation.from_euler("z", angle_deg, degrees=True)
    position = tips_w + turn.apply(final_w[:, :3] - tips_w) + [0.0, 0.0, raised]
    quat = (turn * Rotation.from_quat(final_w[:, 3:], scalar_first=True)).as_quat(scalar_first=True)
    return np.concatenate([position, quat], axis=1)


def sample(*, seed: int = 0, **settings: Any) -> WristMovements:
    final_w, tips_w = some_grasps()
    more: dict[str, Any] = {"period_s": CONTROL_DT, "patterns": generate_patterns(), "mix": False}
    rng = np.random.default_rng(seed)
    return UserMovement(**settings).sample(HAND, final_w, tips_w, other_grasps(), rng=rng, **more)


def distance_of(moved: WristMovements) -> Array:
    """From the final position (K, T + 1), m."""
    return np.linalg.norm(moved.pose_w[..., :3] - some_grasps()[0][:, None, :3], axis=2)


def speed_of(moved: WristMovements) -> Array:
    return np.linalg.norm(np.diff(moved.pose_w[..., :3], axis=1), axis=2) / CONTROL_DT


def between(first: NDArray[np.int64], last: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    step = np.arange(length)
    return (step >= first[:, None]) & (step <= last[:, None])
