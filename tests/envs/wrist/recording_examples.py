"""Small recordings in the published formats: one way of a wrist, told by each of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from envs.wrist.mano import HAND_IN_MANO, MIRROR, WRIST_IN_MODEL
from envs.wrist.strokes import minimum_jerk

Array = NDArray[np.float64]

TABLE_IN_CAMERA = np.vstack(
    [np.column_stack([Rotation.from_euler("xyz", [2.0, 0.3, -0.4]).as_matrix(), [0.1, -0.2, 0.9]]), [0, 0, 0, 1]]
)
"""T_ct of the camera that DexYCB's poses are told in."""


@dataclass(frozen=True)
class Way:
    """A right hand that reaches for an object, holds still for a moment and lifts it; T frames."""

    period_s: float
    wrist_w: Array  # (T, 3) m
    hand_w: Rotation  # hand base frame, T
    thing_w: Array  # (T, 3) m
    taken: int  # last frame in which the object is within 2 mm of where it stood

    @property
    def mano_w(self) -> Rotation:
        """MANO's wrist: R_wm = R_wh R_mh^T."""
        return self.hand_w * Rotation.from_matrix(HAND_IN_MANO).inv()


def way(period_s: float, seed: int = 0, reach_s: float = 0.8) -> Way:
    """A reach of about 0.3 m by minimum jerk, and a rise of 0.2 m in a second."""
    rng = np.random.default_rng(seed)
    time = np.arange(0.0, reach_s + 1.2, period_s)
    reached = minimum_jerk(time / reach_s)[:, None]
    risen = minimum_jerk((time - reach_s - 0.1) / 1.0)[:, None]
    thing = np.array([0.1, 0.05, 0.06]) + rng.uniform(-0.05, 0.05, 3)
    end = thing + np.array([-0.02, -0.05, 0.12])
    start = end + rng.uniform([-0.3, -0.2, 0.1], [-0.15, -0.1, 0.25])
    turns = Rotation.from_euler("xyz", [np.array([2.4, 0.3, -0.2]) + rng.uniform(-0.3, 0.3, 3), [2.8, 0.1, 0.2]])
    up = np.array([0.0, 0.0, 0.2])
    thing_w = thing + risen * up
    return Way(
        period_s,
        start + reached * (end - start) + risen * up,
        Slerp([0.0, 1.0], turns)(reached[:, 0]),
        thing_w,
        int(np.argmax(np.linalg.norm(thing_w - thing, axis=1) > 0.002)) - 1,
    )


def write_handover_sim(folder: Path, number: int, shown: Way, absent: int = 0, is_left: bool = False) -> Path:
    """``meta_NUMBER.json`` and ``pose_NUMBER.npz``; of the second of two objects, the hand absent at first."""
    folder.mkdir(parents=True, exist_ok=True)
    wrist_w, mano, thing_w = shown.wrist_w, shown.mano_w.as_matrix(), shown.thing_w
    if is_left:
        wrist_w, mano, thing_w = wrist_w @ MIRROR, MIRROR @ mano @ MIRROR, thing_w @ MIRROR
    count = len(wrist_w)
    pose_m = np.zeros((count, 1, 51))
    # the origin of the model, which the hand turns about its wrist
    pose_m[:, 0, :3] = wrist_w - mano @ (MIRROR @ WRIST_IN_MODEL if is_left else WRIST_IN_MODEL)
    pose_m[:, 0, 3:6] = Rotation.from_matrix(mano).as_euler("XYZ")
    pose_m[:, 0, 6:] = 0.1
    pose_m[:absent] = 0.0
    pose_y = np.zeros((count, 2, 6))
    pose_y[:, 0, :3] = [0.3, 0.3, 0.05]
    pose_y[:, 1, :3] = thing_w
    pose_y[:, 1, 3:] = [0.2, -0.1, 0.4]
    described = {"name": "one", "ycb_ids": [3, 5], "ycb_grasp_ind": 1, "mano_sides": ["left" if is_left else "right"]}
    meta = folder / f"meta_{number:03d}.json"
    meta.write_text(json.dumps({**described, "mano_betas": [[0.0] * 10]}))
    np.savez(folder / f"pose_{number:03d}.npz", pose_y=pose_y, pose_m=pose_m)
    return meta


def write_dex_ycb(root: Path, name: str, shown: Way, absent: int = 0, *, calibrated: bool = True) -> Path:
    """``meta.yml`` and ``pose.npz`` below ``root/subject-01/NAME``, and the calibration."""
    folder = root / "subject-01" / name
    folder.mkdir(parents=True, exist_ok=True)
    camera = TABLE_IN_CAMERA if calibrated else np.eye(4)
    turn, count = Rotation.from_matrix(camera[:3, :3]), len(shown.wrist_w)
    pose_m = np.full((count, 1, 51), 0.1)
    pose_m[:, 0, :3] = (turn * shown.mano_w).as_rotvec()
    pose_m[:, 0, 48:] = turn.apply(shown.wrist_w) + camera[:3, 3] - WRIST_IN_MODEL
    pose_m[:absent] = 0.0
    pose_y = np.zeros((count, 2, 7))
    pose_y[:, :, 3] = 1.0
    pose_y[:, 1, :4] = turn.as_quat()
    pose_y[:, 1, 4:] = turn.apply(shown.thing_w) + camera[:3, 3]
    described = {"ycb_ids": [3, 5], "ycb_grasp_ind": 1, "mano_sides": ["right"], "num_frames": count}
    if calibrated:
        described["extrinsics"] = "20200709"
        path = root / "calibration" / "extrinsics_20200709" / "extrinsics.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({"extrinsics": {"apriltag": camera[:3].ravel().tolist()}}))
    (folder / "meta.yml").write_text(yaml.safe_dump(described))
    np.savez(folder / "pose.npz", pose_y=pose_y, pose_m=pose_m)
    return folder / "meta.yml"
