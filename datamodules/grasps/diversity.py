"""How different grasps are, and the most different ones of an object (GraspGF App. A.2)."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

POSITION_SCALE = 0.05
"""Metres of wrist displacement that count as much as one radian of rotation or 1 rad of joint norm."""


def pairwise_distance(wrist_pose_o: NDArray[np.floating], joint_pos: NDArray[np.floating]) -> Array:
    """Distances between grasps (G, G): root of squared position / 5 cm, wrist angle (rad) and joint norm (rad)."""
    pose, joints = wrist_pose_o.astype(np.float64), joint_pos.astype(np.float64)
    position = np.linalg.norm(pose[:, None, :3] - pose[None, :, :3], axis=2) / POSITION_SCALE
    rotation = Rotation.from_quat(pose[:, 3:], scalar_first=True).as_quat()
    angle = 2.0 * np.arccos(np.abs(rotation @ rotation.T).clip(0.0, 1.0))
    joint = np.linalg.norm(joints[:, None] - joints[None], axis=2)
    return np.sqrt(position**2 + angle**2 + joint**2)


def most_diverse(wrist_pose_o: NDArray[np.floating], joint_pos: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Indices of at most ``count`` grasps chosen farthest first, from the one farthest off all others on average."""
    total = len(wrist_pose_o)
    if total <= count:
        return np.arange(total)
    distance = pairwise_distance(wrist_pose_o, joint_pos)
    chosen = [int(distance.mean(axis=1).argmax())]
    nearest = distance[chosen[0]].copy()
    while len(chosen) < count:
        nearest[chosen] = -1.0  # never again, not even among equal grasps
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return np.sort(np.array(chosen))
