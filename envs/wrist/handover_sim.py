"""Recordings in the cache of HandoverSim: ``meta_000.json`` and ``pose_000.npz``, 1 ms a frame.

``pose_y`` (T, objects, 6): position, m, and Euler angles; ``pose_m`` (T, hands, 51): the same of the wrist, and of
fifteen joints of MANO, which are not needed. Angles are about the moving axes x, y and z in turn (R = Rx Ry Rz). Rows
of zeros: not there.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.field_files import read_json
from envs.wrist.mano import HandScene, MovingPose, moving_pose, way_to_object
from envs.wrist.recording import WristRecording
from envs.wrist.recording_files import grasped_object, read_poses, sides_of

HANDOVER_SIM_FILES = "meta_*.json"
"""The descriptions of recordings."""

FRAME_S = 0.001
"""Seconds of a frame."""


def read_handover_sim(meta: Path) -> WristRecording:
    """The way of the wrist in one recording.

    Args:
        meta: its description, ``meta_000.json``.

    Raises:
        ValueError: damaged or incomplete files, or no hand that takes an object; see `way_to_object`.
    """
    content = read_json(meta, "get the file anew")
    poses = read_poses(meta.with_name(f"pose_{meta.stem.removeprefix('meta_')}.npz"), {"pose_y": 6, "pose_m": 51})
    objects, hands = poses["pose_y"], poses["pose_m"]
    taken = grasped_object(content, objects.shape[1])
    return way_to_object(
        HandScene(
            meta.stem,
            FRAME_S,
            [_moving(hands[:, hand, :6]) for hand in range(hands.shape[1])],
            sides_of(content, hands.shape[1]),
            _moving(objects[:, taken]),
        )
    )


def _moving(pose: NDArray[np.float64]) -> MovingPose:
    """Of positions and Euler angles (T, 6)."""
    is_seen = (pose != 0.0).any(axis=1)
    rotation = Rotation.from_euler("XYZ", pose[is_seen, 3:]) if is_seen.any() else None
    return moving_pose(pose[:, :3], rotation, is_seen)
