"""The report of a grasp set."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from reports.grasp_set import evenly, main

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_the_report_compares_stored_grasps_with_what_does_not_look(
    tiny_grasps: GraspSet, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["grasp_set"])
    first_of_each_object = np.unique(tiny_grasps.object_index, return_index=True)[1]
    save_grasp_set(tiny_grasps.rows(first_of_each_object), tmp_path / "few.npz")
    with caplog.at_level(logging.INFO):
        main(["--path", str(tmp_path / "few.npz"), "--output", str(tmp_path / "trials.json"), "--num_episodes=2"])
    content = json.loads((tmp_path / "trials.json").read_text())
    assert set(content) == {"splits", "families", "types", "steps"}
    assert set(content["steps"]) == {"constant_success_moving", "blind_success_moving"}
    for measures in content["splits"].values():
        assert measures["grasp_success"]["mean"] == 1.0
        assert {
            f"{name}_success_collisions_{way}" for name in ("constant", "blind", "nearest") for way in ("on", "off")
        } <= set(measures)
        assert {f"{name}_success_moving" for name in ("grasp", "constant", "blind", "nearest")} <= set(measures)
        assert measures["grasp_success_moving"]["n"] == 2
    assert "grasp_success" in caplog.text
    assert set(content["families"]["unseen_families"]) == {"stapler", "wine_glass"}


def test_grasps_are_drawn_evenly(tiny_grasps: GraspSet) -> None:
    few = evenly(tiny_grasps, 3)
    assert len(few) == 3
    np.testing.assert_array_equal(few.joint_pos[[0, -1]], tiny_grasps.joint_pos[[0, -1]])
    assert len(evenly(tiny_grasps, 10_000)) == len(tiny_grasps)


def test_a_missing_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["grasp_set"])
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist; make one with"):
        main(["--path", str(tmp_path / "none.npz")])


def test_an_interrupt_ends_quietly_and_leaves_no_report(
    tiny_grasps: GraspSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    save_grasp_set(tiny_grasps, tmp_path / "set.npz")
    monkeypatch.setattr("reports.grasp_set.SetTrials", interrupt)
    with pytest.raises(SystemExit, match="130"):
        main(["--path", str(tmp_path / "set.npz"), "--output", str(tmp_path / "trials.json")])
    assert not (tmp_path / "trials.json").exists()
