"""Recordings in the cache of HandoverSim: ``meta_000.json`` and ``pose_000.npz``, 1 ms a frame.

``pose_y`` (T, objects, 6): position, m, and Euler angles; ``pose_m`` (T, hands, 51): the same of MANO's model, and
angles of its fifteen joints, which are not needed. The model's origin turns with the hand, and the wrist lies away from
it by WRIST_IN_MODEL. Angles are about the moving axes x, y and z in turn (R = Rx Ry Rz). Rows of zeros: not there.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.field_files import read_json
from envs.wrist.mano import HandScene, MovingPose, moving_pose, way_to_object, wrist_in_model
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
    taken, sides = grasped_object(content, objects.shape[1]), sides_of(content, hands.shape[1])
    return way_to_object(
        HandScene(
            meta.stem,
            FRAME_S,
            [_moving(hands[:, hand, :6], wrist_in_model(side)) for hand, side in enumerate(sides)],
            sides,
            _moving(objects[:, taken], np.zeros(3)),
        )
    )


def _moving(pose: NDArray[np.float64], point: NDArray[np.float64]) -> MovingPose:
    """Of positions and Euler angles (T, 6); where a ``point`` (3,) of what moves so is."""
    is_seen, position = (pose != 0.0).any(axis=1), pose[:, :3].copy()
    rotation = Rotation.from_euler("XYZ", pose[is_seen, 3:]) if is_seen.any() else None
    if rotation is not None:
        position[is_seen] += rotation.apply(point)
    return moving_pose(position, rotation, is_seen)
