"""Recorded wrists given to the conversion: one file of movements, or the command that is right."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.convert import main
from datamodules.formats.recordings import recordings_of
from envs.wrist.recorded import load_patterns, load_recordings, save_recordings
from tests.envs.wrist.recording_examples import way, write_dex_ycb, write_handover_sim


def handover_sim(folder: Path) -> Path:
    for number in range(3):
        write_handover_sim(folder / f"part_{number % 2}", number // 2, way(0.001, number))
    (folder / "part_0" / "pose_001.npz").write_bytes(b"")
    return folder


def dex_ycb(folder: Path) -> Path:
    for number in range(2):
        write_dex_ycb(folder, f"{number}", way(0.04, number))
    return folder


@pytest.mark.parametrize(
    ("write", "name", "period_s"), [(handover_sim, "handoversim", 0.005), (dex_ycb, "dexycb", 0.005)]
)
@pytest.mark.parametrize("is_named", [True, False])
def test_wrists_become_a_file_that_gives_the_same_patterns(
    write: Callable[[Path], Path], name: str, period_s: float, is_named: bool, tmp_path: Path
) -> None:
    source, output = write(tmp_path / "source"), tmp_path / "wrists.npy"
    main([str(source), "--output", str(output), *(["--format", name] if is_named else [])])
    wanted, found = load_patterns(source), load_patterns(output)
    assert len(found) == 2
    np.testing.assert_array_equal(found.position, wanted.position)
    np.testing.assert_allclose(found.turn, wanted.turn, atol=1e-12)
    assert [each.period_s for each in load_recordings(output).found] == [period_s] * 2


def test_recordings_go_by_the_paths_of_their_files(tmp_path: Path) -> None:
    source, output = handover_sim(tmp_path / "source"), tmp_path / "wrists.npy"
    main([str(source), "--output", str(output)])
    assert [each.name for each in load_recordings(output).found] == ["part_0/meta_000.json", "part_1/meta_000.json"]


def test_recordings_of_one_name_are_all_kept(tmp_path: Path) -> None:
    [one] = load_recordings(write_dex_ycb(tmp_path / "source", "one", way(0.04)).parent).found
    save_recordings([one, one], tmp_path / "wrists.npy")
    assert [each.name for each in load_recordings(tmp_path / "wrists.npy").found] == ["meta.yml", "meta.yml (1)"]


def test_what_is_left_out_is_counted_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = handover_sim(tmp_path / "source")
    shown = way(0.001)
    still = replace(shown, wrist_w=np.tile(shown.wrist_w[shown.taken], (len(shown.wrist_w), 1)))
    for part in ("part_2", "part_3"):  # read, but no reach to make a pattern of
        write_handover_sim(source / part, 0, still)
    with caplog.at_level("INFO"):
        main([str(source), "--output", str(tmp_path / "wrists.npy")])
    assert "left_out: 3" in caplog.text.splitlines()[-1]
    listed = json.loads((tmp_path / "wrists_rejected.json").read_text())
    assert list(listed) == ["part_0/meta_001.json", "part_2/meta_000.json", "part_3/meta_000.json"]
    assert "pose_001.npz cannot be read" in listed["part_0/meta_001.json"]
    assert "m from where it starts, allowed 0.01" in listed["part_3/meta_000.json"]


@pytest.mark.parametrize("options", [[], ["--format", "dexycb"], ["--split_file", "out.json"]])
def test_a_file_of_wrists_needs_no_conversion(options: list[str], tmp_path: Path) -> None:
    source = tmp_path / "human_traj_200_all.npy"
    [one] = load_recordings(write_dex_ycb(tmp_path / "source", "one", way(0.04)).parent).found
    save_recordings([one], source)
    output = tmp_path / ("out.npy" if "--format" in options else "out.npz")
    with pytest.raises(SystemExit, match=r"need no conversion: give it as --data\.init_args\.patterns"):
        main([str(source), "--output", str(output), *options])
    assert not output.exists()


def test_the_command_of_grasps_is_told_which_one_is_right(tmp_path: Path) -> None:
    source = dex_ycb(tmp_path / "source")
    right = f"python -m datamodules.convert {source} --format dexycb --output {tmp_path / 'out.npy'}"
    for more in ([], ["--format", "dexycb"], ["--split", "train"]):
        with pytest.raises(SystemExit, match=re.escape(right)) as ended:
            main([str(source), "--output", str(tmp_path / "out.npz"), "--split_file", "out.json", *more])
        assert "--split_file" in str(ended.value)
    assert list(tmp_path.iterdir()) == [source]


def test_another_format_than_the_named_one_is_told(tmp_path: Path) -> None:
    source, output = dex_ycb(tmp_path / "source"), tmp_path / "wrists.npy"
    with pytest.raises(SystemExit, match=r"holds recordings of dexycb, --format is handoversim \(meta_000\.json"):
        main([str(source), "--output", str(output), "--format", "handoversim"])
    with pytest.raises(SystemExit, match=r"none does not exist"):
        main([str(tmp_path / "none"), "--output", str(output), "--format", "dexycb"])


def test_sources_of_grasps_are_none(unidexgrasp: Callable[..., Path]) -> None:
    source = unidexgrasp()
    write_dex_ycb(source, "beside", way(0.04))
    assert recordings_of(source, None) is None
    assert recordings_of(source, "dexycb") == "dexycb"
    assert recordings_of(source, "unidexgrasp") is None


def test_grasps_need_a_split_file(unidexgrasp: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--split_file is not given"):
        main([str(unidexgrasp()), "--output", str(tmp_path / "out.npz")])
