"""The synthesis command on its real path, in small: through main, killed, resumed, with one and two workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.synthesis.easy_grasps import easy_flags
from datamodules.synthesize import main
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.objects.library import ObjectLibrary
from tests.datamodules.grasps.examples import assert_same_grasps

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [f"--config={ROOT / 'configs' / name}" for name in ("synthesis.yaml", "smoke/synthesis.yaml")]
PATIENCE = 120.0
"""Seconds that a step of the other process may take before the test gives up."""


def _arguments(folder: Path, num_workers: int) -> list[str]:
    return [
        *CONFIGS, f"--output={folder / 'set.npz'}", f"--parts_dir={folder / 'parts'}", f"--num_workers={num_workers}",
    ]  # fmt: skip


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {PATIENCE} s")
        time.sleep(0.02)


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a synthesis with two workers that nobody disturbed."""
    folder = tmp_path_factory.mktemp("left_alone")
    main([*_arguments(folder, 2), f"--gallery={folder / 'gallery.png'}", f"--summary={folder / 'report.json'}"])
    return folder


@pytest.fixture(scope="module")
def made(left_alone: Path) -> GraspSet:
    return load_grasp_set(left_alone / "set.npz")


def test_the_smoke_overlay_makes_grasps_of_one_object_of_each_split(made: GraspSet) -> None:
    assert made.object_splits == SPLITS
    assert len(made) >= 3
    assert set(made.type_names()) <= {"wrap", "spherical"}
    for name in set(made.object_names()):
        assert made.object_names().count(name) <= 2  # the quota


def test_the_set_says_how_it_was_made(made: GraspSet) -> None:
    assert made.provenance["command"].startswith("python -m datamodules.synthesize")
    assert made.provenance["settings"]["quota"] == 2
    assert set(made.provenance["versions"]) == {"mujoco", "gymnasium-robotics", "numpy"}
    assert len(made.provenance["fingerprint"]) == 12


def test_every_grasp_says_whether_it_is_easy(left_alone: Path, made: GraspSet) -> None:
    assert made.is_easy is not None
    expected = easy_flags(made, ObjectLibrary(), np.array(made.provenance["easy"]["joint_pos"]))
    np.testing.assert_array_equal(made.is_easy, expected)
    report = json.loads((left_alone / "report.json").read_text())
    assert sum(split["easy"] for split in report["splits"].values()) == made.is_easy.sum()


def test_splits_are_made_again_beside_grasps_that_stay(left_alone: Path, made: GraspSet, tmp_path: Path) -> None:
    old = replace(made, is_easy=None, provenance={"of": "yesterday"})
    old = replace(old, joint_pos=(old.joint_pos * np.float32(0.99)))
    save_grasp_set(old, tmp_path / "old.npz")
    mean = old.split("train").joint_pos.astype(np.float64).mean(axis=0)
    main([
        *_arguments(left_alone, 1), f"--output={tmp_path / 'new.npz'}", f"--summary={tmp_path / 'new.json'}",
        "--splits=[development,unseen_families]",
        f"--keep={tmp_path / 'old.npz'}", f"--mean_of={tmp_path / 'old.npz'}",
    ])  # fmt: skip
    new = load_grasp_set(tmp_path / "new.npz")
    assert new.object_splits == ("train", "unseen_instances", "development", "unseen_families")
    for split in set(new.object_splits) & {made.object_splits[index] for index in made.object_index}:
        before = old if split in ("train", "unseen_instances") else made
        np.testing.assert_array_equal(new.split(split).joint_pos, before.split(split).joint_pos)
    np.testing.assert_array_equal(new.is_easy, easy_flags(new, ObjectLibrary(), mean))
    assert new.provenance["kept"] == ["train", "unseen_instances"]
    report = json.loads((tmp_path / "new.json").read_text())
    assert sum(split["grasps"] for split in report["splits"].values()) == len(new)
    assert report["trials_of"] == ["development", "unseen_families"]  # and of what was kept nothing is known
    again = [name for name, kind in zip(new.object_names(), new.type_names(), strict=True) if kind == "wrap"]
    fresh = [name for name in again if new.object_splits[new.objects.index(name)] in report["trials_of"]]
    assert report["trials"]["wrap"]["kept"] == len(fresh)
    assert new.provenance["of"] == {"of": "yesterday"}
    assert new.provenance["easy"]["joint_pos"] == mean.tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], SPLITS), (["--splits=[development]"], ("train", *UNSEEN_SPLITS, "development"))],
)
def test_the_overlay_of_the_other_splits_makes_these_beside_the_training_grasps(
    options: list[str], expected: tuple[str, ...], left_alone: Path, made: GraspSet, tmp_path: Path
) -> None:
    old = tmp_path / "old.npz"
    save_grasp_set(made, old)
    overlay = f"--config={ROOT / 'configs' / 'synthesis_tests.yaml'}"
    own = [overlay, CONFIGS[1], f"--mean_of={old}", f"--keep={old}", *options]
    main([CONFIGS[0], *own, *_arguments(left_alone, 1)[2:], f"--output={tmp_path / 'new.npz'}"])
    new = load_grasp_set(tmp_path / "new.npz")
    assert new.object_splits == expected
    assert new.is_easy is not None


def test_keeping_grasps_needs_splits_to_make(left_alone: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"keep is .*set.npz, but grasps of all splits are made; name with --splits"):
        main([*_arguments(tmp_path, 1), f"--keep={left_alone / 'set.npz'}"])


def other_names(made: GraspSet) -> GraspSet:
    return replace(made, objects=tuple(f"{name}9" for name in made.objects))


def other_splits(made: GraspSet) -> GraspSet:
    """The object of the development split is in the training split."""
    return replace(made, object_splits=tuple("train" if split in SPLITS[:2] else split for split in made.object_splits))


def other_shapes(made: GraspSet) -> GraspSet:
    assert made.shapes is not None
    return replace(made, shapes=made.shapes + np.int16(100))  # 2 mm


def other_hand(made: GraspSet) -> GraspSet:
    return replace(made, hand=replace(made.hand, name="mano"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_names, r"the object '\w+9' is in 'train', and the split file .* does not name it; give a set"),
        (other_splits, r"the object '\w+' is in 'train', and the split file .* has it in 'development'"),
        (other_shapes, r"objects have another shape or size now than when their grasps were made"),
        (other_hand, r"with grasps of the hand 'mano', and those of 'shadow' are made; give a set of that hand"),
    ],
)
def test_kept_grasps_that_cannot_stand_beside_the_new_ones_are_refused_before_the_work(
    change: Callable[[GraspSet], GraspSet],
    message: str,
    made: GraspSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = change(made)
    monkeypatch.setattr("datamodules.synthesize.load_grasp_set", lambda _: old)
    monkeypatch.setattr("datamodules.synthesize.run_job", lambda _: pytest.fail("the work has begun"))
    with pytest.raises(ValueError, match=message):
        main([*_arguments(tmp_path, 1), "--splits=[development,unseen_families]", f"--keep={tmp_path / 'old.npz'}"])


def test_mean_joints_without_a_limit_are_refused(left_alone: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mean_of is .*set.npz, but max_easy is null.*give --max_easy too"):
        main([*_arguments(tmp_path, 1), f"--mean_of={left_alone / 'set.npz'}", "--max_easy=null"])


def test_summary_counts_what_is_in_the_set(left_alone: Path, made: GraspSet) -> None:
    report = json.loads((left_alone / "report.json").read_text())
    assert sum(split["grasps"] for split in report["splits"].values()) == len(made)
    assert sum(split["reachable"] for split in report["splits"].values()) == made.is_reachable.sum()
    assert report["file_bytes"] == (left_alone / "set.npz").stat().st_size
    assert report["workers"] == 2
    for row in report["trials"].values():
        later = sum(number for cause, number in row["rejected"].items() if cause != "penetrates_at_start")
        assert row["tried"] == row["verified"] + later
    assert {name: row["kept"] for name, row in report["trials"].items()} == Counter(made.type_names())


def test_a_summary_never_overwrites_the_split_file(tmp_path: Path) -> None:
    split_file = tmp_path / "set.json"
    split_file.write_text('{"schema": "object_split", "version": 1, "splits": {"train": ["box_00000"]}}')
    with pytest.raises(ValueError, match=r"would overwrite the split file .*set.json; give another --output"):
        main([*_arguments(tmp_path, 1), f"--split_file={split_file}"])
    assert "object_split" in split_file.read_text()
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("given", ["--output={}/set.json", "--gallery={}/set.npz", "--gallery={}/set.json"])
def test_what_a_synthesis_writes_is_not_written_over_itself(given: str, tmp_path: Path) -> None:
    """A set named .json was replaced by its summary, after the work."""
    with pytest.raises(ValueError, match=r"would overwrite .*; name another file"):
        main([*_arguments(tmp_path, 1), given.format(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_a_limit_of_easy_grasps_without_a_quota_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"set 1 <= quota <= wanted, or leave out the limit"):
        main([*_arguments(tmp_path, 1), "--settings.quota=null"])
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--num_workers=0", "num_workers is 0, expected at least 1"),
        ("--max_objects=0", "max_objects is 0, expected at least 1"),
        ("--test_grasps_per_object=-3", "test_grasps_per_object is -3, expected at least 1"),
        ("--gallery=.", "output . is a folder; give the name of a file in it"),
    ],
)
def test_what_would_fail_after_the_synthesis_is_told_before_it(given: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        main([f"--output={tmp_path / 'set.npz'}", f"--parts_dir={tmp_path / 'parts'}", given])
    assert not (tmp_path / "parts").exists()


def test_gallery_is_a_picture_with_a_row_for_each_type(left_alone: Path, made: GraspSet) -> None:
    picture = imread(left_alone / "gallery.png")
    assert picture.ndim == 3
    assert min(picture.shape[:2]) > 200
    assert np.ptp(picture[..., :3]) > 0.5  # not blank


def _children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in listed.read_text().split()] if listed.is_file() else []


def _has_ended(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_killed_synthesis_goes_on_where_it_stood_and_ends_like_one_left_alone(
    left_alone: Path, made: GraspSet, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "datamodules.synthesize", *_arguments(tmp_path, 1)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as process:
        _wait_for(lambda: any((tmp_path / "parts").rglob("*.npz")), "the first part")
        workers = _children(process.pid)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    for worker in workers:  # no worker outlives the job
        _wait_for(lambda worker=worker: _has_ended(worker), f"the end of worker {worker}")  # type: ignore[misc]
    assert not (tmp_path / "set.npz").exists()
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*.npz")}
    assert parts

    main(_arguments(tmp_path, 1))
    resumed = load_grasp_set(tmp_path / "set.npz")
    assert_same_grasps(made, resumed)
    assert resumed.provenance["fingerprint"] == made.provenance["fingerprint"]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").rglob("*.npz")}
    assert {path.name for path in after} == {path.name for path in (left_alone / "parts").rglob("*.npz")}
    assert {path: after[path] for path in parts} == parts  # what was there was not made again


def test_a_second_run_of_a_finished_job_gives_the_same_set(left_alone: Path, made: GraspSet, tmp_path: Path) -> None:
    again = tmp_path / "again.npz"
    main([*_arguments(left_alone, 1), f"--output={again}", f"--summary={tmp_path / 'again.json'}"])
    assert_same_grasps(made, load_grasp_set(again))
    report = json.loads((tmp_path / "again.json").read_text())
    first = json.loads((left_alone / "report.json").read_text())
    assert report["trials"] == first["trials"]
    assert report["splits"] == first["splits"]


def test_shards_of_two_machines_make_the_same_set(made: GraspSet, tmp_path: Path) -> None:
    for shard in ("1/2", "2/2"):
        main([*_arguments(tmp_path, 1), f"--shard={shard}"])
        assert not (tmp_path / "set.npz").exists()
    main(_arguments(tmp_path, 1))
    assert_same_grasps(made, load_grasp_set(tmp_path / "set.npz"))


def test_the_larger_set_keeps_every_grasp_that_held(tmp_path: Path) -> None:
    overlay = f"--config={ROOT / 'configs' / 'synthesis_all.yaml'}"
    small = [
        "--summary=null",
        "--settings.wanted=9",
        "--settings.max_hands=48",
        f"--split_file={_few(tmp_path)}",
    ]
    main([CONFIGS[0], CONFIGS[1], overlay, *small, *_arguments(tmp_path, 1)[2:]])
    every = load_grasp_set(tmp_path / "set.npz")
    part = load_grasp_set(next((tmp_path / "parts").rglob("can_00000.npz")))
    verified = sum(count["verified"] for count in part.provenance["counts"].values())
    assert every.object_names().count("can_00000") == verified > 2


def _few(folder: Path) -> Path:
    path = folder / "split.json"
    splits = {"train": ["can_00000"], "unseen_instances": ["can_00001"], "unseen_families": ["ring_00000"]}
    path.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": splits}))
    return path


@pytest.mark.parametrize("shard", ["2", "1/2/3", "a/2", "-1/2"])
def test_a_malformed_shard_is_refused(tmp_path: Path, shard: str) -> None:
    with pytest.raises(ValueError, match="expected K/N with 1 <= K <= N, such as 1/2"):
        main([*_arguments(tmp_path, 1), f"--shard={shard}"])


@pytest.mark.parametrize(
    ("argument", "key"),
    [("--settings.quotta=3", "quotta"), ("--partsdir=x", "partsdir"), ("--settings.bank.jiter=0.1", "jiter")],
)
def test_a_misspelt_option_is_named(argument: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*CONFIGS, argument])
    assert ended.value.code == 2
    assert key in capsys.readouterr().err


def test_a_misspelt_key_of_a_config_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.yaml").write_text("settings:\n  trial:\n    shakke: 1.0\n")
    with pytest.raises(SystemExit) as ended:
        main([*CONFIGS, f"--config={tmp_path / 'own.yaml'}"])
    assert ended.value.code == 2
    assert "shakke" in capsys.readouterr().err


def test_an_unknown_grasp_type_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="grasp type 'hook' of the hand shadow is unknown; available: lateral"):
        main([*_arguments(tmp_path, 1), "--settings.types=[wrap, hook]"])
    assert not list(tmp_path.iterdir())


def test_a_missing_split_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.json does not exist"):
        main([*_arguments(tmp_path, 1), f"--split_file={tmp_path / 'nowhere.json'}"])


def test_an_interrupt_ends_the_command_with_the_shells_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("datamodules.synthesize.run_job", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(_arguments(tmp_path, 1))
    assert ended.value.code == 130
    assert not (tmp_path / "set.npz").exists()
