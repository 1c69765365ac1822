"""Recorded patterns: cropping, normalising and resampling by hand calculation, and files that are refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.wrist.patterns import NUM_SAMPLES
from envs.wrist.recorded import PERIOD, POSITION_AXES, ROTATION_AXES, load_recorded_patterns
from envs.wrist.strokes import minimum_jerk

Array = NDArray[np.float64]
Recording = dict[str, Array]


def _save(path: Path, content: object) -> Path:
    array = np.empty((), dtype=object)
    array[()] = content
    np.save(path, array, allow_pickle=True)
    return path


def _recording(position: Array, rotation: Array | None = None) -> Recording:
    rotation = np.zeros_like(position) if rotation is None else rotation
    columns = [*position.T, *rotation.T]
    return dict(zip((*POSITION_AXES, *ROTATION_AXES), columns, strict=True))


def _reach(end: tuple[float, float, float], samples: int = 201) -> Recording:
    """Minimum jerk from (0.3, -0.2, 0.1) by ``end`` metres."""
    progress = minimum_jerk(np.linspace(0.0, 1.0, samples))[:, None]
    return _recording(np.array([0.3, -0.2, 0.1]) + progress * np.array(end))


def test_short_reach_is_kept_whole_and_resampled(tmp_path: Path) -> None:
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _reach((0.1, -0.05, 0.08))}))
    assert patterns.position.shape == (1, 102, 3)
    expected = minimum_jerk(np.linspace(0.0, 1.0, NUM_SAMPLES))[:, None] * np.ones(3)
    # linear interpolation between 201 samples
    np.testing.assert_allclose(patterns.position[0], expected, atol=1e-4)


def test_long_reach_is_cropped_to_its_last_part(tmp_path: Path) -> None:
    # 0.35 m along x at constant speed, 0.001 m a sample: the last 0.175 m are the last 176 samples, from f = 1/2 on
    ramp = np.linspace(0.0, 0.35, 351)
    position = np.stack([ramp, ramp * 0.0, np.zeros(351)], axis=1)
    turn = np.stack([np.linspace(0.0, 0.8, 351), np.zeros(351), np.linspace(0.4, 0.0, 351)], axis=1)
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _recording(position, turn)}))
    np.testing.assert_allclose(patterns.position[0, :, 0], np.linspace(0.0, 1.0, NUM_SAMPLES), atol=1e-9)
    # half of the turn happened before; one sample is 0.8 / 350
    np.testing.assert_allclose(patterns.turn, [[0.4, 0.0, -0.2]], atol=0.003)


def test_axis_that_does_not_move_follows_the_approach(tmp_path: Path) -> None:
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _reach((0.1, 0.0, 0.0))}))
    np.testing.assert_allclose(patterns.position[0, :, 1], patterns.position[0, :, 0], atol=1e-9)


def test_axis_that_turns_back_stays_bounded_and_ends_at_1(tmp_path: Path) -> None:
    f = np.linspace(0.0, 1.0, 201)
    # y swings out by 0.05 m and comes back to 0.001 m: divided by its own net way it would reach 50
    position = np.stack([0.1 * minimum_jerk(f), 0.05 * np.sin(np.pi * f) + 0.001 * f, 0.1 * minimum_jerk(f)], axis=1)
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _recording(position)}))
    assert patterns.position[0, 0].tolist() == [0.0, 0.0, 0.0]
    assert patterns.position[0, -1].tolist() == [1.0, 1.0, 1.0]
    # 1 from the swing and at most 1 from what is added
    assert patterns.position.max() < 2.0


def test_angles_that_wrap_are_unwrapped(tmp_path: Path) -> None:
    recording = _reach((0.1, 0.0, 0.1))
    yaw = np.linspace(3.0, 3.4, 201)
    recording["yaw_pos"] = np.where(yaw > np.pi, yaw - 2.0 * np.pi, yaw)
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": recording}))
    np.testing.assert_allclose(patterns.turn, [[0.0, 0.0, 0.4]], atol=1e-9)


def test_order_of_the_file_decides_the_split(tmp_path: Path) -> None:
    recordings = {f"{row}": _reach((0.1 + 0.001 * row, 0.0, 0.0)) for row in range(8)}
    for row, recording in enumerate(recordings.values()):
        recording["roll_pos"] = np.linspace(0.0, 0.1 * row, 201)
    patterns = load_recorded_patterns(_save(tmp_path / "traj.npy", recordings))
    np.testing.assert_allclose(patterns.split("train").turn[:, 0], 0.1 * np.arange(6), atol=1e-9)
    np.testing.assert_allclose(patterns.split("test").turn[:, 0], [0.6, 0.7], atol=1e-9)


def test_missing_axis_is_named(tmp_path: Path) -> None:
    recording = _reach((0.1, 0.0, 0.0))
    del recording["yaw_pos"], recording["z_pos"]
    path = _save(tmp_path / "traj.npy", {"20200709-subject-01": recording})
    with pytest.raises(
        ValueError, match=r"traj\.npy, recording '20200709-subject-01' lacks z_pos, yaw_pos; it has x_pos"
    ):
        load_recorded_patterns(path)


def test_nan_is_named_with_its_sample(tmp_path: Path) -> None:
    recording = _reach((0.1, 0.0, 0.0))
    recording["pitch_pos"][17] = np.nan
    with pytest.raises(ValueError, match="recording 'a', axis pitch_pos is not finite at sample 17"):
        load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": recording}))


def test_too_few_samples(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="recording 'a' has 6 samples, at least 10 are needed"):
        load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _reach((0.1, 0.0, 0.0), samples=6)}))


def test_too_few_samples_after_cropping(tmp_path: Path) -> None:
    # 0.1 m a sample: from 0.2 m before the end on there are 3
    position = np.linspace(0.0, 2.0, 21)[:, None] * [1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"has 3 samples in its last 0\.175 m, at least 10"):
        load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _recording(position)}))


@pytest.mark.parametrize("scale", [0.01, 1000.0])
def test_no_reach_or_not_in_metres(tmp_path: Path, scale: float) -> None:
    # 0.1 m in millimetres still has 10 samples in its last 0.175 only if they are dense
    end = 0.1 * scale
    position = np.concatenate([np.zeros((1, 3)), end - np.linspace(0.17, 0.0, 40)[:, None] * [1.0, 0.0, 0.0]])
    if scale < 1.0:
        position = np.linspace(0.0, end, 41)[:, None] * [1.0, 0.0, 0.0]
    with pytest.raises(
        ValueError, match=r"from where it starts, allowed 0\.01\.\.5\.0; positions are expected in metres"
    ):
        load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": _recording(position)}))


def test_unequal_lengths(tmp_path: Path) -> None:
    recording = _reach((0.1, 0.0, 0.0))
    recording["x_pos"] = recording["x_pos"][:-1]
    with pytest.raises(ValueError, match="recording 'a' has axes of 200 and 201 samples, expected one length"):
        load_recorded_patterns(_save(tmp_path / "traj.npy", {"a": recording}))


@pytest.mark.parametrize("values", ["left", 201 * [10**400]])
def test_axis_that_holds_no_numbers(values: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="recording 'a', axis x_pos holds no numbers"):
        load_recorded_patterns(_save(tmp_path / "t.npy", {"a": {**_reach((0.1, 0.0, 0.0)), "x_pos": values}}))


@pytest.mark.parametrize("period_s", [0, -1.0, np.inf, pytest.param(10**400, id="beyond"), "1"])
def test_time_between_samples_that_is_none(period_s: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recording 'a', period_s: .*, expected a positive number of seconds"):
        load_recorded_patterns(_save(tmp_path / "t.npy", {"a": {**_reach((0.1, 0.0, 0.0)), PERIOD: period_s}}))


def test_axis_that_is_no_row_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recording 'a', axis x_pos has shape \(3, 3\), expected one value a sample"):
        load_recorded_patterns(_save(tmp_path / "t.npy", {"a": {**_reach((0.1, 0.0, 0.0)), "x_pos": np.zeros((3, 3))}}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, expected a dict of recordings"),
        ({}, "holds a dict, expected a dict of recordings that is not empty"),
        ({"a": np.zeros(3)}, "recording 'a' is a ndarray, expected a dict of axes"),
    ],
)
def test_foreign_content(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_recorded_patterns(_save(tmp_path / "traj.npy", content))


def test_who_reads_no_recordings_does_not_wait_for_splines() -> None:
    script = "import sys, envs.wrist.recorded; print('scipy.interpolate' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"
