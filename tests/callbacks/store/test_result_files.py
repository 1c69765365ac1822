"""Results that say what they were made of."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbacks.store.result_files import ResultFiles

MADE_OF: dict[str, Any] = {"seed": 3, "grasps": np.arange(2), "steps": (0, 50), "gap": 0.1}


def test_arrays_come_back_while_what_they_are_made_of_is_the_same(tmp_path: Path) -> None:
    ResultFiles(tmp_path, {"code": "a"}).save("unseen/ours_0", {"x": np.arange(3)}, MADE_OF)
    assert sorted(path.name for path in (tmp_path / "unseen").iterdir()) == ["ours_0.json", "ours_0.npz"]
    found = ResultFiles(tmp_path, {"code": "a"}).load("unseen/ours_0", MADE_OF)
    assert found is not None
    np.testing.assert_array_equal(found["x"], np.arange(3))
    manifest = json.loads((tmp_path / "unseen" / "ours_0.json").read_text())
    assert (manifest["code"], manifest["seed"], manifest["steps"]) == ("a", 3, [0, 50])


def test_what_changed_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ResultFiles(tmp_path, {"code": "a"}).save("x", {"x": np.arange(3)}, MADE_OF)
    with caplog.at_level(logging.INFO):
        assert ResultFiles(tmp_path, {"code": "b"}).load("x", {**MADE_OF, "grasps": np.arange(3)}) is None
    assert "was made with another code, grasps and is made again" in caplog.text


def test_a_name_with_dots_is_whole(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save("t=0.1", {"x": np.arange(1)}, {})
    files.save("t=0.2", {"x": np.arange(2)}, {})
    found = files.load("t=0.1", {})
    assert found is not None
    assert len(found["x"]) == 1


def test_arrays_that_were_killed_before_their_manifest_are_absent(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save("x", {"x": np.arange(3)}, MADE_OF)
    (tmp_path / "x.json").unlink()
    assert files.load("x", MADE_OF) is None


@pytest.mark.parametrize(
    ("name", "content"), [("x.npz", b""), ("x.npz", b"no archive"), ("x.json", b"{"), ("x.json", b"[1]")]
)
def test_a_damaged_file_is_absent(name: str, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = ResultFiles(tmp_path)
    files.save("x", {"x": np.arange(3)}, MADE_OF)
    (tmp_path / name).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert files.load("x", MADE_OF) is None
    assert "cannot be read" in caplog.text
    files.save("x", {"x": np.arange(3)}, MADE_OF)
    assert files.load("x", MADE_OF) is not None


def test_what_tells_of_replaced_results_goes_with_them(tmp_path: Path) -> None:
    summary = tmp_path / "metrics.json"
    files = ResultFiles(tmp_path / "episodes", {"code": "a"}, [summary, tmp_path / "stress.json"])
    summary.write_text("{}")
    files.save("ours_0", {"x": np.arange(3)}, MADE_OF)
    files.save("oracle_0", {"x": np.arange(3)}, MADE_OF)  # one more
    files.save("ours_0", {"x": np.arange(3)}, MADE_OF)  # the same again
    assert summary.exists()
    files.save("ours_0", {"x": np.arange(3)}, {**MADE_OF, "seed": 4})
    assert not summary.exists()
