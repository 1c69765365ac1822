"""Arrays of recordings' files: no more memory than a recording takes."""

from pathlib import Path

import numpy as np
import pytest

from envs.wrist import recording_files
from envs.wrist.recording_files import read_poses

COLUMNS = {"pose_y": 6, "pose_m": 51}


def write(path: Path, num_frames: int) -> Path:
    np.savez_compressed(path, pose_y=np.zeros((2, 1, 6)), pose_m=np.zeros((num_frames, 1, 51)))
    return path


def test_arrays_that_would_unfold_to_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_files, "MAX_ARRAY_BYTES", 1_000_000)
    path = write(tmp_path / "pose.npz", 5000)  # 5000 x 51 x 8 bytes
    assert path.stat().st_size < 20_000
    with pytest.raises(
        ValueError, match=r"^pose\.npz, array pose_m: 2 MB, allowed up to 1; it is no recording, or one"
    ):
        read_poses(path, COLUMNS)


def test_arrays_within_the_limit_are_read(tmp_path: Path) -> None:
    found = read_poses(write(tmp_path / "pose.npz", 2), COLUMNS)
    assert {name: array.shape for name, array in found.items()} == {"pose_y": (2, 1, 6), "pose_m": (2, 1, 51)}


def test_an_array_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^pose\.npz lacks the array 'rest'; expected pose_y, rest"):
        read_poses(write(tmp_path / "pose.npz", 2), {"pose_y": 6, "rest": 1})
