"""Recorded wrists given to the conversion: one file of movements, or the command that is right."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datamodules.convert import main
from datamodules.formats.recordings import recordings_of
from envs.wrist.recorded import load_patterns, load_recordings
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


def test_recordings_of_one_name_are_all_kept(tmp_path: Path) -> None:
    main([str(handover_sim(tmp_path / "source")), "--output", str(tmp_path / "wrists.npy")])
    assert [each.name for each in load_recordings(tmp_path / "wrists.npy").found] == ["meta_000", "meta_000 (1)"]


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
