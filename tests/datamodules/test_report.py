"""The report of a grasp set."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from datamodules.grasps.grasp_set import GraspSet, save_grasp_set
from datamodules.report import main

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_the_report_compares_stored_grasps_with_what_does_not_look(
    tiny_grasps: GraspSet, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["report"])
    splits = [tiny_grasps.object_splits[index] for index in tiny_grasps.object_index]
    few = [row for row in range(len(splits)) if row in (0, len(splits) - 1) or splits[row] == "unseen_instances"]
    save_grasp_set(tiny_grasps.rows(np.array(few)), tmp_path / "few.npz")
    with caplog.at_level(logging.INFO):
        main(["--path", str(tmp_path / "few.npz"), "--output", str(tmp_path / "trials.json")])
    content = json.loads((tmp_path / "trials.json").read_text())
    assert set(content) == {"splits", "families", "types"}
    for measures in content["splits"].values():
        assert measures["grasp_success"]["mean"] == 1.0
        assert {
            f"{name}_success_collisions_{way}" for name in ("constant", "blind", "nearest") for way in ("on", "off")
        } <= set(measures)
    assert "grasp_success" in caplog.text
    assert set(content["families"]["unseen_families"]) == {"wine_glass"}


def test_a_missing_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["report"])
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist; make one with"):
        main(["--path", str(tmp_path / "none.npz")])
