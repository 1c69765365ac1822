"""Recordings of HandoverSim and DexYCB: the wrist's way to the object, cut where the object moves, as a palm's."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from envs.wrist.dex_ycb import read_dex_ycb
from envs.wrist.handover_sim import read_handover_sim
from envs.wrist.mano import HAND_IN_MANO, PERIOD_S
from envs.wrist.recorded import load_recorded_patterns, load_recordings
from envs.wrist.recording import WristRecording
from tests.envs.wrist.recording_examples import Way, way, write_dex_ycb, write_handover_sim


def test_the_transform_takes_manos_axes_to_the_palms() -> None:
    """MANO's right hand: fingers along -x, palm towards -y, thumb towards +z; ours: z, -y and x."""
    np.testing.assert_array_equal(HAND_IN_MANO @ [0, 0, 1], [-1, 0, 0])
    np.testing.assert_array_equal(HAND_IN_MANO @ [0, -1, 0], [0, -1, 0])
    np.testing.assert_array_equal(HAND_IN_MANO @ [1, 0, 0], [0, 0, 1])
    assert np.linalg.det(HAND_IN_MANO) == pytest.approx(1.0)


def assert_is_the_way(recording: WristRecording, shown: Way, first: int, tolerance_m: float) -> None:
    """Positions and turns from frame ``first`` until the object moves, every 5 ms, counted from the end."""
    length = (shown.taken - first) * shown.period_s
    assert recording.period_s == PERIOD_S
    assert len(recording.position_w) == int(length / PERIOD_S + 1e-6) + 1
    np.testing.assert_allclose(recording.position_w[-1], shown.wrist_w[shown.taken], atol=1e-9)
    expected = Rotation.from_euler("xyz", recording.angles[-1])
    assert (expected.inv() * shown.hand_w[shown.taken]).magnitude() < 1e-6
    time = (np.arange(len(recording.position_w)) - len(recording.position_w) + 1) * PERIOD_S
    known = (np.arange(len(shown.wrist_w)) - shown.taken) * shown.period_s
    for axis in range(3):
        between = np.interp(time, known, shown.wrist_w[:, axis])
        np.testing.assert_allclose(recording.position_w[:, axis], between, atol=tolerance_m)


def test_handover_sim_is_read_from_when_the_hand_is_seen_until_the_object_moves(tmp_path: Path) -> None:
    shown = way(0.001)
    assert_is_the_way(read_handover_sim(write_handover_sim(tmp_path, 7, shown, absent=120)), shown, 120, 1e-4)


def test_a_left_hand_does_what_a_right_one_does_in_a_mirror(tmp_path: Path) -> None:
    shown = way(0.001)
    left = read_handover_sim(write_handover_sim(tmp_path, 8, shown, is_left=True))
    assert_is_the_way(left, shown, 0, 1e-4)


def test_dex_ycb_is_read_in_the_frame_of_the_table(tmp_path: Path) -> None:
    shown = way(0.04)
    # between frames of 40 ms a straight line misses a curve by up to h^2 / 8 * 6 m/s^2
    assert_is_the_way(read_dex_ycb(write_dex_ycb(tmp_path, "a", shown, absent=2)), shown, 2, 1.5e-3)


def test_an_object_without_a_pose_is_not_there(tmp_path: Path) -> None:
    """Zeros, or neither a turn nor a way."""
    shown = way(0.04, seed=1)
    paths = [write_dex_ycb(tmp_path / name, "a", shown).with_name("pose.npz") for name in "ab"]
    for path, absent in zip(paths, (0.0, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), strict=True):
        poses = dict(np.load(path))
        poses["pose_y"][:3, 1] = absent
        np.savez(path, **poses)
    zeros, identity = (read_dex_ycb(path.with_name("meta.yml")) for path in paths)
    np.testing.assert_array_equal(zeros.position_w, identity.position_w)


def test_without_calibration_the_cameras_frame_is_taken(tmp_path: Path) -> None:
    shown = way(0.04)
    assert_is_the_way(read_dex_ycb(write_dex_ycb(tmp_path, "a", shown, calibrated=False)), shown, 0, 1.5e-3)


@pytest.mark.parametrize("numbers", [None, 11 * [1.0], 12 * ["a"], 12 * [{}], 12 * [10**400]])
def test_a_calibration_of_no_numbers_costs_its_own_recordings_alone(numbers: object, tmp_path: Path) -> None:
    meta = write_dex_ycb(tmp_path, "one", way(0.04))
    [path] = tmp_path.glob("calibration/*/extrinsics.yml")
    path.write_text(json.dumps({"extrinsics": {"apriltag": numbers}}))
    with pytest.raises(
        ValueError, match=r"extrinsics\.yml has no extrinsics\.apriltag of 12 numbers; get the file anew"
    ):
        read_dex_ycb(meta)


def test_both_formats_make_the_same_patterns(tmp_path: Path) -> None:
    for seed in range(3):
        write_handover_sim(tmp_path / "handover", seed, way(0.001, seed))
        write_dex_ycb(tmp_path / "dex", f"{seed}", way(0.04, seed))
    handover, dex = (load_recorded_patterns(tmp_path / name) for name in ("handover", "dex"))
    assert handover.position.shape == (3, 102, 3)
    # a way of some 0.6 s ends up to a frame of 40 ms earlier: 7 % of its time, at about 1.5 of its mean speed
    np.testing.assert_allclose(dex.position, handover.position, atol=0.1)
    np.testing.assert_allclose(dex.turn, handover.turn, atol=0.03)


def still(meta: Path) -> None:
    pose = dict(np.load(meta.with_name("pose_000.npz")))
    pose["pose_y"][:] = pose["pose_y"][0]
    np.savez(meta.with_name("pose_000.npz"), **pose)


def far(meta: Path) -> None:
    pose = dict(np.load(meta.with_name("pose_000.npz")))
    pose["pose_m"][:, :, :3] *= 1000.0
    np.savez(meta.with_name("pose_000.npz"), **pose)


def late(meta: Path) -> None:
    pose = dict(np.load(meta.with_name("pose_000.npz")))
    pose["pose_m"][: way(0.001).taken - 1] = 0.0
    np.savez(meta.with_name("pose_000.npz"), **pose)


def other(meta: Path, **fields: object) -> None:
    meta.write_text(json.dumps(json.loads(meta.read_text()) | fields))


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (os.environ["BOMB"],)


def pickled(meta: Path) -> None:
    np.savez(meta.with_name("pose_000.npz"), pose_y=np.array([Bomb()], dtype=object), pose_m=np.zeros((1, 1, 51)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (still, r"the object never moves 5 mm or 5 degrees for 0\.1 s: it is not taken"),
        (far, r"no hand is within 0\.3 m of the object when it moves \(the nearest is \d+\.\d\d m away\)"),
        (late, r"2 frames show the hand on its way, at least 4 are needed"),
        (lambda meta: other(meta, ycb_grasp_ind=2), r"ycb_grasp_ind is 2, expected one of 0\.\.1"),
        (lambda meta: other(meta, ycb_grasp_ind=True), r"ycb_grasp_ind is True, expected one of 0\.\.1"),
        (lambda meta: other(meta, mano_sides=[[]]), r"mano_sides is \[\[\]\], expected right or left for"),
        (lambda meta: other(meta, mano_sides=["both"]), r"mano_sides is \['both'\], expected right or left for"),
        (lambda meta: meta.with_name("pose_000.npz").unlink(), r"pose_000\.npz is not beside it"),
        (lambda meta: meta.with_name("pose_000.npz").write_bytes(b"PK"), r"pose_000\.npz cannot be read"),
        (lambda meta: meta.write_text("{"), r"meta_000\.json is no JSON"),
        (lambda meta: np.savez(meta.with_name("pose_000.npz"), pose_y=np.zeros((4, 1, 6))), r"lacks the array .*_m"),
        (pickled, r"pose_000\.npz cannot be read \(Object arrays cannot be loaded"),
    ],
)  # fmt: skip
def test_recordings_that_cannot_be_used_are_told_and_left_out(
    spoil: Callable[[Path], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path / "ran"))
    folder = tmp_path / "cache"
    spoil(write_handover_sim(folder, 0, way(0.001)))
    with pytest.raises(ValueError, match=rf"none of the 1 recordings of .*; e\.g\. meta_000\.json: .*{message}"):
        load_recordings(folder)
    write_handover_sim(folder, 1, way(0.001, 1))
    read = load_recordings(folder)
    assert [each.name for each in read.found] == ["meta_001.json"]
    assert list(read.rejected) == ["meta_000.json"]
    assert not (tmp_path / "ran").exists()


def test_a_folder_of_neither_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no recordings: neither meta_\*\.json .* nor meta\.yml"):
        load_recordings(tmp_path)
