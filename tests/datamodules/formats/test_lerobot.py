"""Datasets in LeRobot's layout; that their package reads them was tried by hand (docs/gymnasium.md)."""

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.formats import lerobot
from datamodules.formats.lerobot import write_lerobot
from datamodules.rollouts.recording import RecordedEpisode, state_names
from tests.assisting import HAND

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra lerobot; the extra dev has it")

WIDTH = len(state_names(HAND))


def episode(length: int, task: str, is_success: bool = False) -> RecordedEpisode:
    """Numbers that tell frames and columns apart."""
    numbers = np.arange(length)[:, None] + 0.01 * np.arange(WIDTH)
    reward = np.zeros(length)
    reward[-1] = is_success
    return RecordedEpisode(task, numbers, numbers[:, :7], numbers[:, :18] / 10.0, reward, is_success)


def test_every_frame_is_found_by_the_columns_that_lead_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lerobot, "EPISODES_A_FILE", 2)
    given = [episode(3, "lift the mug"), episode(2, "lift the box", True), episode(4, "lift the mug")]
    assert write_lerobot(given, tmp_path / "set", HAND, 40) == 3
    info = json.loads((tmp_path / "set" / "meta" / "info.json").read_text())
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"], info["fps"]) == (3, 9, 2, 40)
    assert info["features"]["action"]["names"] == list(HAND.joints)
    rows = pq.read_table(tmp_path / "set" / "meta" / "episodes").to_pylist()
    assert [row["data/file_index"] for row in rows] == [0, 0, 1]
    frames = [frame for file in (0, 1) for frame in read(tmp_path / "set", file)]
    assert [frame["index"] for frame in frames] == list(range(9))
    tasks = pq.read_table(tmp_path / "set" / "meta" / "tasks.parquet").to_pydict()
    for row, expected in zip(rows, given, strict=True):
        own = frames[row["dataset_from_index"] : row["dataset_to_index"]]
        assert len(own) == row["length"] == len(expected)
        for number, frame in enumerate(own):
            np.testing.assert_allclose(frame["observation.state"], expected.state[number], rtol=1e-6)
            np.testing.assert_allclose(frame["action"], expected.action[number], rtol=1e-6)
            assert frame["timestamp"] == pytest.approx(number / 40)
            assert frame["next.done"] is (number == len(own) - 1)
            assert frame["next.success"] is (frame["next.done"] and expected.is_success)
            assert tasks["task"][frame["task_index"]] == expected.task == row["tasks"][0]
    stats = json.loads((tmp_path / "set" / "meta" / "stats.json").read_text())
    states = np.concatenate([each.state for each in given])
    np.testing.assert_allclose(stats["observation.state"]["mean"], states.mean(axis=0), rtol=1e-6)
    assert stats["next.reward"]["max"] == [1.0]


def read(folder: Path, file: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "data" / "chunk-000" / f"file-{file:03d}.parquet").to_pylist()
    return rows


def test_a_dataset_is_whole_or_absent(tmp_path: Path) -> None:
    def broken() -> Any:
        yield episode(3, "lift the mug")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_lerobot(broken(), tmp_path / "set", HAND, 40)
    with pytest.raises(ValueError, match="there are no episodes to write"):
        write_lerobot([], tmp_path / "set", HAND, 40)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "set").mkdir()
    with pytest.raises(FileExistsError, match="set exists; datasets are not written over"):
        write_lerobot([episode(3, "lift the mug")], tmp_path / "set", HAND, 40)


def test_a_missing_pyarrow_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name=name)
        return whole(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"install the extra: pip install -e '.\[lerobot\]'"):
        write_lerobot([episode(3, "lift the mug")], tmp_path / "set", HAND, 40)
