"""Recorded movements beside generated ones: numbers by hand, ranges that are found again, files and the command."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from envs.wrist.compare import main
from envs.wrist.fit import fit_ranges
from envs.wrist.movement_statistics import of_patterns, of_recordings, statistics_of
from envs.wrist.pattern_ranges import PatternRanges, load_ranges, save_ranges
from envs.wrist.patterns import DEFAULT_RANGES, NUM_SAMPLES, WristPatterns, generate_patterns
from envs.wrist.recorded import load_patterns
from envs.wrist.recording import Recordings, WristRecording
from envs.wrist.strokes import minimum_jerk
from tests.envs.wrist.recording_examples import way, write_dex_ycb, write_handover_sim

EPISODE_S = 1.25


def recorded(patterns: WristPatterns, length: float = 0.175) -> Recordings:
    """Recordings that move as patterns do, straight, an episode long."""
    step = EPISODE_S / (NUM_SAMPLES - 1)
    direction = np.array([-0.6, 0.48, -0.64])
    ways = (length * position * direction for position in patterns.position)
    turns = (np.linspace(0.0, 1.0, NUM_SAMPLES)[:, None] * turn for turn in patterns.turn)
    both = enumerate(zip(ways, turns, strict=True))
    return Recordings(tuple(WristRecording(f"{row}", moved, turned, step) for row, (moved, turned) in both))


def patterns_of(progress: np.ndarray) -> WristPatterns:
    """One pattern whose axes go alike."""
    return WristPatterns(np.tile(progress[None, :, None], (1, 1, 3)), np.full((1, 3), 0.5))


def test_numbers_of_one_stroke_by_hand() -> None:
    """Minimum jerk over the first 80 % of a second: the fastest is 1.875 times the mean, half-way."""
    progress = minimum_jerk(np.linspace(0.0, 1.0, NUM_SAMPLES) / 0.8)
    found = statistics_of(patterns_of(progress), np.array([1.0]))
    # smoothed by 20 ms, the peak of a stroke of 0.8 s falls by some per mille
    assert found.peak_speed == pytest.approx(1.875 * 0.175 / 0.8, rel=0.02)
    # 5 mm of 175 are left when 10 g^3 = 0.0286, g = 0.14 of the 0.8 s before the end
    assert found.arrival_s == pytest.approx(0.8 * (1.0 - 0.148), abs=0.02)
    assert found.peak_at == pytest.approx(0.4 / found.arrival_s, abs=0.02)
    assert found.sub_movements == 1
    np.testing.assert_allclose(found.turn_deg, np.rad2deg(0.5))


def test_a_pause_makes_two_sub_movements_and_a_tremor_none() -> None:
    time = np.linspace(0.0, 1.0, NUM_SAMPLES)
    paused = 0.7 * minimum_jerk(time / 0.4) + 0.3 * minimum_jerk((time - 0.5) / 0.4)
    assert statistics_of(patterns_of(paused), np.array([1.0])).sub_movements == 2
    shaking = minimum_jerk(time) + 0.002 * np.sin(2.0 * np.pi * 25.0 * time) * time * (1.0 - time)
    assert statistics_of(patterns_of(shaking - shaking[0]), np.array([1.0])).sub_movements == 1


def test_recordings_that_do_not_tell_their_times_have_no_speeds() -> None:
    read = recorded(generate_patterns(0, 4))
    untimed = Recordings(tuple(replace(each, period_s=None) for each in read.found))
    found = of_recordings(untimed)
    assert np.isnan(found.arrival_s).all()
    assert set(found.percentiles()) == {"peak_at", "sub_movements", "turn_deg"}
    assert set(found.distances(of_patterns(generate_patterns(0, 4)))) == {"peak_at", "sub_movements", "turn_deg"}


def test_generated_movements_are_like_themselves() -> None:
    """Written as recordings and read again, by the same numbers."""
    patterns = generate_patterns(0, 40)
    distances = of_recordings(recorded(patterns)).distances(of_patterns(patterns))
    assert max(distances.values()) < 0.15


def test_ranges_of_others_are_found_again() -> None:
    """Quick movements of single strokes with small turns, which the shipped generator does not make."""
    others = replace(
        DEFAULT_RANGES, arrival_steps=(8.0, 16.0), hesitation_share=0.0, correction_share=0.0, turn_shape=4.0,
        turn_scale=0.05,
    )  # fmt: skip
    read = recorded(generate_patterns(1, 60, others))
    measured = of_recordings(read)
    fitted = fit_ranges(read, measured)
    assert fitted.arrival_steps == pytest.approx((8.0, 16.0), abs=1.0)
    assert fitted.turn_shape * fitted.turn_scale == pytest.approx(0.2, rel=0.15)
    assert fitted.hesitation_share < 0.2
    assert fitted.reach == (0.175, 0.175)
    before = measured.distances(of_patterns(generate_patterns(0, 60)))
    after = measured.distances(of_patterns(generate_patterns(0, 60, fitted)))
    for name in ("arrival_s", "peak_speed", "turn_deg", "sub_movements"):
        assert after[name] < 0.6 * before[name], name


def test_ranges_are_read_as_they_were_written(tmp_path: Path) -> None:
    ranges = replace(DEFAULT_RANGES, reach=(0.2, 0.4), turn_scale=0.1)
    save_ranges(ranges, tmp_path / "ranges.json", {"recordings": "x"})
    assert load_ranges(tmp_path / "ranges.json") == ranges
    np.testing.assert_array_equal(
        load_patterns(tmp_path / "ranges.json").position, generate_patterns(ranges=ranges).position
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, r"ranges\.json is 'graspgf\.wrist_ranges' of version 2, expected"),
        ({"ranges": {"skev": [1.0, 2.0]}}, r"ranges\.json has unknown ranges skev; allowed: arrival_steps"),
        (
            {"ranges": {"skew": [2.0, 1.0]}},
            r"ranges\.json: skew is \(2\.0, 1\.0\) \(reversed: .*\), allowed within 1 to 4",
        ),
        ({"ranges": {"skew": 1.0}}, r"ranges\.json: skew is 1\.0, expected two numbers"),
        ({"ranges": {"turn_scale": "wide"}}, r"ranges\.json: turn_scale is 'wide', expected a number"),
        ({"ranges": {"turn_scale": float("nan")}}, r"ranges\.json: turn_scale is nan, allowed within"),
    ],
)
def test_bad_ranges_are_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    save_ranges(PatternRanges(), path, {})
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        load_ranges(path)


def test_the_command_prints_writes_and_fits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(4):
        write_handover_sim(tmp_path / "cache", number, way(0.001, number))
    (tmp_path / "cache" / "pose_003.npz").write_bytes(b"")
    options = [f"--{name}={tmp_path / file}" for name, file in
               (("picture", "seen.png"), ("output", "seen.json"), ("fit", "ranges.json"))]  # fmt: skip
    with caplog.at_level(logging.INFO):
        main([str(tmp_path / "cache"), *options])
    assert "1 of 4 recordings are left out, e.g. meta_003.json" in caplog.text
    assert "until arrival, s" in caplog.text
    found = json.loads((tmp_path / "seen.json").read_text())
    assert found["movements"] == {"recorded": 3, "generated": 200, "fitted": 200}
    assert set(found["distance"]) == {"generated", "fitted"}
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    assert len(load_patterns(tmp_path / "ranges.json")) == 200
    with pytest.raises(SystemExit, match=r"^error: .*none does not exist"):
        main([str(tmp_path / "none")])


@pytest.mark.parametrize("pair", [("fit", "output"), ("picture", "output"), ("fit", "picture")])
def test_two_outputs_of_one_name_are_refused(pair: tuple[str, str], tmp_path: Path) -> None:
    """The one would be written over by the other."""
    write_handover_sim(tmp_path / "cache", 0, way(0.001, 0))
    with pytest.raises(SystemExit, match=r"^error: output .*x\.json would overwrite .*x\.json"):
        main([str(tmp_path / "cache"), *(f"--{option}={tmp_path / 'x.json'}" for option in pair)])
    assert not (tmp_path / "x.json").exists()


def test_dex_ycb_is_compared_too(tmp_path: Path) -> None:
    for number in range(3):
        write_dex_ycb(tmp_path, f"{number}", way(0.04, number))
    main([str(tmp_path), f"--output={tmp_path / 'seen.json'}"])
    found = json.loads((tmp_path / "seen.json").read_text())
    # a reach of 0.8 s over some 0.3 m: its last 0.175 m take about half of that, and the hand rests 0.1 s
    low, _, _, _, high = found["percentiles"]["recorded"]["arrival_s"]
    assert 0.2 < low <= high < 0.8
