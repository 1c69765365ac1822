"""Easy grasps of an existing set are told by a command, which writes the flags into its file."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.flag_easy import main
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.synthesis.easy_grasps import easy_flags, mean_joints
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from tests.datamodules.grasps.examples import assert_same_grasps

pytestmark = pytest.mark.usefixtures("fast_objects")


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["flag_easy"])


def test_flags_are_added_and_all_else_stays(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    save_grasp_set(tiny_grasps, path)
    main([str(path)])
    flagged = load_grasp_set(path)
    mean = mean_joints(tiny_grasps, shadow_hand())
    np.testing.assert_array_equal(flagged.is_easy, easy_flags(tiny_grasps, ObjectLibrary(), mean))
    assert_same_grasps(replace(flagged, is_easy=None), tiny_grasps)
    assert flagged.provenance["made_for"] == "tests"
    assert flagged.provenance["is_easy"]["joint_pos"] == mean.tolist()


def test_the_mean_may_be_that_of_another_set(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    tested, trained = tmp_path / "tested.npz", tmp_path / "trained.npz"
    save_grasp_set(tiny_grasps.split("unseen_families"), tested)
    save_grasp_set(tiny_grasps, trained)
    with pytest.raises(ValueError, match=r"no split 'train'; it has: unseen_families"):
        main([str(tested)])
    main([str(tested), "--mean_of", str(trained)])
    expected = mean_joints(tiny_grasps, shadow_hand())
    assert load_grasp_set(tested).provenance["is_easy"]["joint_pos"] == expected.tolist()


def test_an_interrupt_leaves_the_file_as_it_was(
    tiny_grasps: GraspSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.npz"
    save_grasp_set(tiny_grasps, path)
    before = path.read_bytes()

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("datamodules.flag_easy.easy_flags", interrupt)
    with pytest.raises(SystemExit, match="130"):
        main([str(path)])
    assert path.read_bytes() == before
