"""A part of a grasp set is a grasp set of the objects asked for, and of no others."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import check_grasp_set, concatenate
from datamodules.subset import main, of_objects
from tests.datamodules.grasps.examples import assert_same_grasps, made_up_set

BOX, CAN, MUG = (
    made_up_set(name, "train", count=3, seed=seed) for seed, name in enumerate(("box_00000", "can_00001", "mug_00002"))
)
WHOLE = concatenate([BOX, CAN, MUG], {"seed": 7})


def test_objects_come_in_the_order_asked_for_with_their_own_grasps() -> None:
    part = of_objects(WHOLE, ["mug_00002", "box_00000"], ["unseen_families", "train"])
    check_grasp_set(part, "part")
    assert part.objects == ("mug_00002", "box_00000")
    assert part.object_splits == ("unseen_families", "train")
    assert part.object_names() == ["mug_00002"] * 3 + ["box_00000"] * 3
    np.testing.assert_array_equal(part.joint_pos, np.concatenate([MUG.joint_pos, BOX.joint_pos]))


def test_an_object_without_grasps_stays_listed() -> None:
    whole = concatenate([BOX, made_up_set("can_00001", count=0)], {})
    part = of_objects(whole, ["can_00001", "box_00000"], ["train", "train"])
    assert part.objects == ("can_00001", "box_00000")
    assert part.object_names() == ["box_00000"] * 3


def test_an_object_that_the_set_does_not_list_is_named() -> None:
    with pytest.raises(ValueError, match="does not list 1 of 2 objects, such as 'egg_00000'"):
        of_objects(WHOLE, ["box_00000", "egg_00000"], ["train", "train"])


def test_the_command_writes_the_objects_of_a_split_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["subset"])
    save_grasp_set(WHOLE, tmp_path / "whole.npz")
    splits = {"train": ["can_00001"], "unseen_instances": ["box_00000"], "unseen_families": ["ring_00000"]}
    splits["development"] = ["trowel_00000"]  # the set has none of these
    save_grasp_set(concatenate([WHOLE, made_up_set("ring_00000", count=1)], {}), tmp_path / "whole.npz")
    split_file = tmp_path / "split.json"
    split_file.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": splits}))
    main(
        ["--path", str(tmp_path / "whole.npz"), "--split_file", str(split_file), "--output", str(tmp_path / "part.npz")]
    )
    part = load_grasp_set(tmp_path / "part.npz")
    assert part.objects == ("can_00001", "box_00000", "ring_00000")
    assert part.object_splits == ("train", "unseen_instances", "unseen_families")
    assert_same_grasps(part.of_object("can_00001"), part.rows(np.arange(3)))
    np.testing.assert_array_equal(part.of_object("can_00001").wrist_pose_o, CAN.wrist_pose_o)
    assert part.provenance["of"] == {}


def test_the_set_that_is_read_stays(tmp_path: Path) -> None:
    path = tmp_path / "whole.npz"
    save_grasp_set(WHOLE, path)
    with pytest.raises(ValueError, match=r"would overwrite .*whole\.npz, which this command needs"):
        main(["--path", str(path), "--output", str(path), "--split_file", "small"])
    assert_same_grasps(load_grasp_set(path), WHOLE)
