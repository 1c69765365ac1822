"""The grasp set's file: what goes in comes out, whole or not at all. Bad files: test_grasp_set_bad_files."""

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import ROW_FIELDS, concatenate, iterate_objects, join_rows
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.files import write_atomically
from envs.hand import registry
from envs.hand.registry import load_hand
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from tests.datamodules.grasps.examples import assert_same_grasps, made_up_set, two_objects
from tests.envs.hand.claw import write_claw
from tests.hands import needs_ability_hand
from tests.learning import ROOT

TWO_OBJECTS = two_objects()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "grasps.npz"
    save_grasp_set(TWO_OBJECTS, target)
    return target


# --- the set


def test_round_trip_keeps_every_bit(path: Path) -> None:
    loaded = load_grasp_set(path)
    assert_same_grasps(TWO_OBJECTS, loaded)
    assert loaded.provenance == {"seed": 7}


def test_an_empty_set_makes_the_round_trip(tmp_path: Path) -> None:
    empty = made_up_set(count=0)
    save_grasp_set(empty, tmp_path / "empty.npz")
    assert_same_grasps(empty, load_grasp_set(tmp_path / "empty.npz"))


def test_mean_joints_weigh_every_grasp_the_same() -> None:
    joints = np.zeros((5, 18), dtype=np.float32)
    joints[:, 2] = [0.1, 0.2, 0.3, 0.6, 0.8]
    found = replace(TWO_OBJECTS, joint_pos=joints).mean_joints()
    assert found[2] == pytest.approx(0.4)  # (0.1 + 0.2 + 0.3 + 0.6 + 0.8) / 5, whatever their objects
    assert not np.delete(found, 2).any()


def test_a_grasp_costs_few_bytes(tmp_path: Path) -> None:
    # 58 float32 numbers and some bytes: 6,000 grasps are to fit into 10 MB with a wide margin
    save_grasp_set(made_up_set(count=1000), tmp_path / "many.npz")
    assert (tmp_path / "many.npz").stat().st_size < 1000 * 250


def test_flags_of_easy_grasps_make_the_round_trip_and_go_with_their_rows(tmp_path: Path) -> None:
    flagged = replace(TWO_OBJECTS, is_easy=np.array([True, False, False, True, True]))
    save_grasp_set(flagged, tmp_path / "flagged.npz")
    loaded = load_grasp_set(tmp_path / "flagged.npz")
    assert_same_grasps(flagged, loaded)
    assert loaded.split("unseen_instances").is_easy.tolist() == [True, True]
    assert loaded.of_object("box_00000").is_easy.tolist() == [True, False, False]
    assert join_rows([loaded.rows(np.array([4])), loaded.rows(np.array([1]))]).is_easy.tolist() == [True, False]


def test_a_file_without_flags_of_easy_grasps_says_nothing_of_them(path: Path) -> None:
    with np.load(path) as archive:
        assert "is_easy" not in archive.files
    assert load_grasp_set(path).is_easy is None
    assert load_grasp_set(path).split("train").is_easy is None


def test_grasps_with_and_without_flags_are_not_put_together() -> None:
    flagged = replace(made_up_set(count=2), is_easy=np.array([True, False]))
    with pytest.raises(ValueError, match=r"those of 1 objects \('mug_00000' first\) lack it; .* datamodules.flag_easy"):
        concatenate([flagged, made_up_set("mug_00000")], {})
    with pytest.raises(ValueError, match="only some of the grasps have the field is_easy"):
        join_rows([made_up_set(), flagged])


def test_rows_of_one_object_are_joined_in_order() -> None:
    first, second = made_up_set(count=2), made_up_set(count=3, seed=1)
    both = join_rows([first, second])
    assert both.objects == first.objects
    assert_same_grasps(both.rows(np.arange(2)), first)
    np.testing.assert_array_equal(both.joint_pos[2:], second.joint_pos)


def test_rows_of_different_objects_are_not_joined() -> None:
    with pytest.raises(ValueError, match="use concatenate"):
        join_rows([made_up_set("box_00000"), made_up_set("can_00000")])


def test_split_and_object_select_their_grasps() -> None:
    unseen = TWO_OBJECTS.split("unseen_instances")
    assert len(unseen) == 2
    np.testing.assert_array_equal(unseen.joint_pos, TWO_OBJECTS.joint_pos[3:])
    box = TWO_OBJECTS.of_object("box_00000")
    np.testing.assert_array_equal(box.wrist_pose_o, TWO_OBJECTS.wrist_pose_o[:3])
    assert box.object_names() == ["box_00000"] * 3
    assert box.type_names() == [shadow_hand().type_names[index] for index in TWO_OBJECTS.type_index[:3]]


def test_iteration_gives_every_object_with_grasps() -> None:
    given = [(name, len(part)) for name, part in iterate_objects(TWO_OBJECTS)]
    assert given == [("box_00000", 3), ("mug_00015", 2)]
    assert [name for name, _ in iterate_objects(TWO_OBJECTS.rows(TWO_OBJECTS.object_index == 1))] == ["mug_00015"]


def test_unknown_split_lists_those_of_the_set() -> None:
    message = r"grasp set has no split 'unseen_families'; it has: train, unseen_instances"
    with pytest.raises(ValueError, match=message):
        TWO_OBJECTS.split("unseen_families")


def test_unknown_object() -> None:
    with pytest.raises(ValueError, match=r"does not know the object 'hook_00001'; it lists 2 objects"):
        TWO_OBJECTS.of_object("hook_00001")


def test_object_without_grasps() -> None:
    barren = concatenate([TWO_OBJECTS, made_up_set("pan_00003", "unseen_families", 0)], {})
    with pytest.raises(ValueError, match=r"no grasp of object 'pan_00003'; synthesis found none, choose another"):
        barren.of_object("pan_00003")


def test_concatenation_shifts_object_indices() -> None:
    assert TWO_OBJECTS.objects == ("box_00000", "mug_00015")
    assert TWO_OBJECTS.object_splits == ("train", "unseen_instances")
    assert TWO_OBJECTS.object_index.tolist() == [0, 0, 0, 1, 1]
    assert TWO_OBJECTS.object_index.dtype == np.int32


def test_an_object_in_two_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="object 'box_00000' stands in two parts; merge each object once"):
        concatenate([TWO_OBJECTS, made_up_set("box_00000")], {})


# --- writing


def test_writing_makes_missing_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    save_grasp_set(TWO_OBJECTS, tmp_path / "new" / "deep" / "grasps.npz")
    assert [path.name for path in (tmp_path / "new" / "deep").iterdir()] == ["grasps.npz"]


@pytest.mark.parametrize("broken", ["os.fsync", "os.replace"])
def test_a_failure_while_writing_leaves_the_old_file_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(OSError, match="no space left"):
        save_grasp_set(made_up_set(count=50), path)
    monkeypatch.undo()
    assert_same_grasps(TWO_OBJECTS, load_grasp_set(path))
    assert os.listdir(path.parent) == [path.name]


def test_an_interrupt_while_writing_leaves_the_old_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"half")
    assert_same_grasps(TWO_OBJECTS, load_grasp_set(path))
    assert os.listdir(path.parent) == [path.name]


# --- the hand


def test_a_set_of_a_hand_that_is_described_in_a_file_finds_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_claw(tmp_path)
    claw = load_hand(str(tmp_path / "claw.yaml"))
    joints = np.tile(claw.open_pose.astype(np.float32), (3, 1))
    links = np.zeros((3, len(claw.links)), dtype=bool)
    types = np.zeros(3, dtype=np.uint8)
    grasps = replace(made_up_set(), hand=claw, joint_pos=joints, preshape=joints, links=links, type_index=types)
    save_grasp_set(grasps, tmp_path / "claw.npz")
    assert load_grasp_set(tmp_path / "claw.npz").hand is claw
    monkeypatch.setattr(registry, "_READ", {})  # as in another process
    assert load_grasp_set(tmp_path / "claw.npz").hand is claw
    (tmp_path / "claw.yaml").unlink()
    registry._own.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"hand file .*claw\.yaml does not exist"):
        load_grasp_set(tmp_path / "claw.npz")


def test_grasps_of_two_hands_are_not_mixed() -> None:
    other = replace(shadow_hand(), name="other")
    with pytest.raises(ValueError, match="grasps of the hands other and shadow cannot stand in one set"):
        concatenate([made_up_set(), replace(made_up_set("mug_00015"), hand=other)], {})


def test_a_set_that_names_no_hand_is_of_the_shadow_hand(path: Path) -> None:
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    header = json.loads(content["header"].tobytes())
    for name in ("hand", "hand_file"):
        del header[name]
    content["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(path, **content)
    assert load_grasp_set(path).hand is shadow_hand()


def test_an_unknown_hand_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    save_grasp_set(replace(made_up_set(), hand=replace(shadow_hand(), name="shado")), path)
    with pytest.raises(ValueError, match="hand 'shado' is unknown; available: shadow, ability, or the path"):
        load_grasp_set(path)


SHIPPED_COUNTS = {"train": 15_492, "development": 1_499, "unseen_instances": 2_595, "unseen_families": 6_454}


def test_the_shipped_set_has_every_split_of_the_split_file_in_its_order() -> None:
    grasps, library = load_grasp_set(ROOT / "data" / "grasps.npz"), ObjectLibrary()
    assert grasps.splits == SPLITS
    assert {split: len(grasps.split(split)) for split in SPLITS} == SHIPPED_COUNTS
    assert grasps.objects == tuple(name for split in SPLITS for name in library.names(split))
    assert grasps.object_splits == tuple(split for split in SPLITS for _ in library.names(split))


def test_shipped_training_grasps_are_those_that_the_checkpoints_learnt_from() -> None:
    train = load_grasp_set(ROOT / "data" / "grasps.npz").split("train")
    digest = sha256()
    for name in ROW_FIELDS:
        digest.update(getattr(train, name).tobytes())
    digest.update("\n".join(train.object_names()).encode())
    assert digest.hexdigest()[:16] == "2804064967b3192f"  # of the set before other splits were exchanged


def test_shipped_test_and_development_grasps_come_as_they_are_and_say_which_are_easy() -> None:
    grasps = load_grasp_set(ROOT / "data" / "grasps.npz")
    for split in SPLITS[1:]:
        part = grasps.split(split)
        assert part.is_easy is not None
        easy_of_object = np.bincount(part.object_index, weights=part.is_easy)
        assert easy_of_object.max() > 2  # the filter leaves two of an object's five


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("small", SPLITS),
        pytest.param("ability", (SPLITS[0], *UNSEEN_SPLITS), marks=needs_ability_hand),
        ("third_party", UNSEEN_SPLITS[1:]),
    ],
)
def test_the_other_shipped_sets_have_these_splits(name: str, splits: tuple[str, ...]) -> None:
    grasps = load_grasp_set(ROOT / "data" / f"grasps_{name}.npz")
    assert grasps.splits == splits
    assert (grasps.is_easy is None) == (name == "ability")
