"""Grasps tried again on what their objects are now."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules import reverify
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import concatenate
from datamodules.reverify import main
from envs.objects.shapes import shape_digests
from tests.datamodules.grasps.examples import good_grasps, made_up_set, thing

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_what_still_holds_is_kept_with_the_present_shapes(tmp_path: Path) -> None:
    """Grasps of a can whose shape is told to have changed, and of a mug that stayed."""
    can = replace(good_grasps().grasps, shapes=np.zeros((1, 15), dtype=np.int16), is_easy=None)
    mug = replace(made_up_set("mug_00000"), shapes=shape_digests([thing("mug", 0)]))
    save_grasp_set(concatenate([can, mug], {"seed": 7}), tmp_path / "old.npz")
    main([str(tmp_path / "old.npz"), "--output", str(tmp_path / "new.npz"), "--split_file", "small"])
    made = load_grasp_set(tmp_path / "new.npz")
    assert made.objects == ("can_00000", "mug_00000")
    np.testing.assert_array_equal(made.shapes, shape_digests([thing(), thing("mug", 0)]))  # type: ignore[arg-type]
    for name in mug.row_fields:
        if name != "object_index":
            np.testing.assert_array_equal(getattr(made.of_object("mug_00000"), name), getattr(mug, name))
    kept = made.of_object("can_00000")
    # the same can: most of what was verified once holds again
    assert len(can) / 2 <= len(kept) <= len(can)
    types = set(can.type_index.tolist())
    assert set(kept.type_index.tolist()) <= types
    assert made.provenance["tried"] == len(can)
    assert made.provenance["of"] == {"seed": 7}


def test_a_changed_object_without_grasps_is_listed_beside_one_whose_flags_are_kept(tmp_path: Path) -> None:
    """Nothing has to be tried again, so what is known of easy grasps stays."""
    can = replace(
        made_up_set("can_00000", count=0), shapes=np.zeros((1, 15), dtype=np.int16), is_easy=np.zeros(0, dtype=bool)
    )
    mug = replace(
        made_up_set("mug_00000"), shapes=shape_digests([thing("mug", 0)]), is_easy=np.array([True, False, True])
    )
    save_grasp_set(concatenate([can, mug], {}), tmp_path / "old.npz")
    main([str(tmp_path / "old.npz"), "--output", str(tmp_path / "new.npz"), "--split_file", "small"])
    made = load_grasp_set(tmp_path / "new.npz")
    assert made.objects == ("can_00000", "mug_00000")
    assert made.is_easy is not None
    np.testing.assert_array_equal(made.is_easy, [True, False, True])


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(reverify, "_tried_again", fail)
    save_grasp_set(replace(made_up_set("can_00000"), shapes=None), tmp_path / "old.npz")
    with pytest.raises(SystemExit, match="is a folder; give the name of a file in it"):
        main([str(tmp_path / "old.npz"), "--output", str(tmp_path), "--split_file", "small"])


def test_grasps_of_another_object_are_rejected_with_their_causes(tmp_path: Path) -> None:
    """A pyramid in the place of the can: nothing is where the fingers close."""
    pyramid = replace(good_grasps().grasps, objects=("pyramid_00000",), shapes=None)
    save_grasp_set(pyramid, tmp_path / "old.npz")
    main([str(tmp_path / "old.npz"), "--output", str(tmp_path / "new.npz"), "--split_file", "full"])
    made = load_grasp_set(tmp_path / "new.npz")
    assert len(made) < len(pyramid)
    assert sum(made.provenance["rejected"].values()) == len(pyramid) - len(made)
    assert made.shapes is not None


def test_without_an_output_the_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no output is given; add --output FILE"):
        main([str(tmp_path / "old.npz")])
