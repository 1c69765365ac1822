"""Rest poses are filled in by a command, also in files that have none yet."""

import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.settle import main
from tests.datamodules.grasps.examples import assert_same_grasps

pytestmark = pytest.mark.usefixtures("fast_objects")


def save_version_1(grasps: GraspSet, path: Path) -> None:
    """A file as it was before there were rest poses."""
    save_grasp_set(grasps, path)
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files if name != "rest_pose_w"}
    header = json.loads(content.pop("header").tobytes()) | {"version": 1}
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **content)


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["settle"])


@pytest.fixture
def old(tiny_grasps: GraspSet, tmp_path: Path) -> Path:
    path = tmp_path / "old.npz"
    save_version_1(tiny_grasps, path)
    return path


def test_a_set_of_version_1_is_upgraded_to_what_synthesis_gives(
    old: Path, tiny_grasps: GraspSet, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(
        ValueError, match=r"given 1, this code reads 2; upgrade .* python -m datamodules\.settle .*old\.npz"
    ):
        load_grasp_set(old)
    with caplog.at_level(logging.INFO):
        main([str(old)])
    upgraded = load_grasp_set(old)
    assert_same_grasps(tiny_grasps, upgraded)
    assert upgraded.provenance["made_for"] == "tests"
    assert upgraded.provenance["rest_poses"]["command"].startswith("python -m datamodules.settle")
    assert f"{len(tiny_grasps)} rest poses" in caplog.text


def test_settling_again_changes_nothing(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    wrong = replace(tiny_grasps, rest_pose_w=tiny_grasps.object_pose_w[::-1].copy())
    save_grasp_set(wrong, path)
    main([str(path)])
    assert_same_grasps(tiny_grasps, load_grasp_set(path))


def test_objects_rest_within_centimetres_of_the_grasp(tiny_grasps: GraspSet) -> None:
    moved_m = np.linalg.norm(tiny_grasps.rest_pose_w[:, :3] - tiny_grasps.object_pose_w[:, :3], axis=1)
    assert 1e-5 < moved_m.max() < 0.05


def test_an_interrupt_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.read_bytes()

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("datamodules.settle.rest_poses", interrupt)
    with pytest.raises(SystemExit, match="130"):
        main([str(old)])
    assert old.read_bytes() == before
    assert os.listdir(old.parent) == [old.name]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist; make one with"):
        main([str(tmp_path / "none.npz")])
