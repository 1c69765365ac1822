"""Recordings of DexYCB as they are handed out: ``meta.yml`` and ``pose.npz`` in a folder each, 40 ms a frame.

``pose_y`` (T, objects, 7): quaternion xyzw and position, m; ``pose_m`` (T, hands, 51): rotation vector of the wrist,
45 numbers of the fingers, which are not needed, and the translation of MANO's model, from which its wrist lies away by
WRIST_IN_MODEL, however the hand is turned. Rows of zeros, of objects also of no turn and no way: not there. Poses are
in the frame of a camera; ``calibration/extrinsics_*/extrinsics.yml`` beside the subjects takes them to a frame on the
table.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.field_files import read_yaml
from envs.wrist.mano import HandScene, MovingPose, moving_pose, way_to_object, wrist_in_model
from envs.wrist.recording import WristRecording
from envs.wrist.recording_files import grasped_object, read_poses, sides_of

Array = NDArray[np.float64]

_REMEDY = "get the file anew"

DEX_YCB_FILES = "meta.yml"
"""The description of a recording."""

FRAME_S = 0.04
"""Seconds of a frame."""

_NO_POSE = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def read_dex_ycb(meta: Path) -> WristRecording:
    """The way of the wrist in one recording.

    Args:
        meta: its description, ``meta.yml``.

    Raises:
        ValueError: damaged or incomplete files, or no hand that takes an object; see `way_to_object`.
    """
    content = read_yaml(meta, _REMEDY)
    poses = read_poses(meta.with_name("pose.npz"), {"pose_y": 7, "pose_m": 51})
    objects, hands = poses["pose_y"], poses["pose_m"]
    taken, sides = grasped_object(content, objects.shape[1]), sides_of(content, hands.shape[1])
    table = _table_of(meta, content)
    wrists = [_wrist(hands[:, hand], side, table) for hand, side in enumerate(sides)]
    name = "/".join(meta.parent.parts[-2:])
    return way_to_object(HandScene(name, FRAME_S, wrists, sides, _thing(objects[:, taken], table)))


def _table_of(meta: Path, content: dict[str, Any]) -> Array:
    """T_wc (4, 4) from the camera's frame to that on the table; the former itself where no calibration is there."""
    named = content.get("extrinsics")
    found = (up / "calibration" / f"extrinsics_{named}" / "extrinsics.yml" for up in meta.parents)
    path = next((each for each in found if named is not None and each.is_file()), None)
    if path is None:
        return np.eye(4)
    extrinsics = read_yaml(path, _REMEDY).get("extrinsics")
    numbers = extrinsics.get("apriltag") if isinstance(extrinsics, dict) else None
    try:
        rows = np.asarray(numbers, dtype=np.float64).reshape(3, 4)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path.name} has no extrinsics.apriltag of 12 numbers; {_REMEDY}") from error
    camera_from_table = np.vstack([rows, [0.0, 0.0, 0.0, 1.0]])
    return np.linalg.inv(camera_from_table)


def _thing(pose: Array, table: Array) -> MovingPose:
    """Of quaternions xyzw and positions (T, 7) in the camera's frame."""
    is_seen = (pose != 0.0).any(axis=1) & (pose != _NO_POSE).any(axis=1)
    rotation = Rotation.from_quat(pose[is_seen, :4]) if is_seen.any() else None
    return _on_table(pose[:, 4:], rotation, is_seen, table)


def _wrist(pose: Array, side: str, table: Array) -> MovingPose:
    """Of rotation vectors, fingers and translations (T, 51) in the camera's frame."""
    is_seen = (pose != 0.0).any(axis=1)
    rotation = Rotation.from_rotvec(pose[is_seen, :3]) if is_seen.any() else None
    return _on_table(pose[:, 48:] + wrist_in_model(side), rotation, is_seen, table)


def _on_table(position: Array, rotation: Rotation | None, is_seen: NDArray[np.bool_], table: Array) -> MovingPose:
    turned = None if rotation is None else Rotation.from_matrix(table[:3, :3]) * rotation
    return moving_pose(position @ table[:3, :3].T + table[:3, 3], turned, is_seen)
