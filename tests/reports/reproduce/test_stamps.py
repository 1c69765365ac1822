"""What runs were made of."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from reports.reproduce import stamps as module
from reports.reproduce.runs import Run
from reports.reproduce.stamps import (
    Stamp,
    State,
    merged_settings,
    minutes_of,
    read_stamp,
    stamp_of,
    state_of,
    write_done,
    write_stamp,
)


def made_up_run(folder: Path, *, options: tuple[str, ...] = (), seed: int = 0, needs: tuple[str, ...] = ()) -> Run:
    """A training with a grasp set."""
    (folder / "set.npz").write_bytes(b"grasps")
    base = {"model": {"init_args": {"gamma": 0.99}}, "data": {"init_args": {"path": str(folder / "set.npz")}}}
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    return Run("fit/a/seed_0", "m", "fit", (str(folder / "base.yaml"),), options, needs, "out", "", seed, 1.0)


@pytest.fixture(autouse=True)
def fresh_digests() -> None:
    module._file_digest.cache_clear()


def kept_in(folder: Path, stamp: Stamp) -> Path:
    """A finished run."""
    write_stamp(folder, stamp)
    (folder / "out").write_text("weights")
    write_done(folder, 1.0)
    return folder


def test_a_run_is_missing_then_begun_then_done(tmp_path: Path) -> None:
    run, folder = made_up_run(tmp_path), tmp_path / "run"
    stamp = stamp_of(run, {}, [])
    assert state_of(run, stamp, folder) is State.MISSING
    write_stamp(folder, stamp)
    assert state_of(run, stamp, folder) is State.BEGUN
    write_done(folder, 1.0)
    assert state_of(run, stamp, folder) is State.SPENT  # what it should have left is not there
    (folder / "out").touch()
    assert state_of(run, stamp, folder) is State.DONE


def test_a_folder_without_a_stamp_is_of_something_else(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").touch()  # of a process that was killed before it began
    assert state_of(run, stamp_of(run, {}, []), tmp_path / "run") is State.MISSING
    (tmp_path / "run" / "out").touch()
    assert state_of(run, stamp_of(run, {}, []), tmp_path / "run") is State.OTHER


def differences(before: Stamp, now: Stamp) -> list[str]:
    return now.differences(json.loads(json.dumps(vars(before))))


def test_a_changed_setting_is_named_with_both_values(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    before = stamp_of(run, {}, [])
    now = stamp_of(replace(run, options=("--model.init_args.gamma", "0.9")), {}, [])
    assert differences(before, before) == []
    assert differences(before, now) == ["model.init_args.gamma was 0.99, is 0.9"]
    assert now.identity != before.identity


def test_another_seed_set_code_or_run_before_is_named(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    before = stamp_of(run, {}, [])
    assert differences(before, replace(before, seed=1)) == ["seed was 0, is 1"]
    assert differences(before, replace(before, code={**before.code, "code": "other"}))[0].startswith("code.code was ")
    assert differences(before, replace(before, needs={"step/e": "1"})) == ["needs.step/e was not set, is 1"]
    (tmp_path / "set.npz").write_bytes(b"other grasps")
    module._file_digest.cache_clear()
    [told] = differences(before, stamp_of(run, {}, []))
    assert told.startswith(f"files.{tmp_path}/set.npz was ")


def test_code_counts_unless_it_is_accepted(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    stamp = stamp_of(run, {}, [])
    folder = kept_in(tmp_path / "run", replace(stamp, code={"code": "of before"}))
    assert state_of(run, stamp, folder) is State.OTHER
    assert state_of(run, stamp, folder, with_code=False) is State.DONE


def test_what_a_run_needs_decides_its_identity(tmp_path: Path) -> None:
    first = stamp_of(made_up_run(tmp_path), {}, [])
    second = stamp_of(made_up_run(tmp_path, seed=1), {}, [])
    run = made_up_run(tmp_path, needs=("fit/b",))
    one, other = (stamp_of(run, {"fit/b": each}, []).identity for each in (first, second))
    assert one != other


def test_the_module_of_a_step_counts(tmp_path: Path) -> None:
    config = str(tmp_path / "any.yaml")
    Path(config).write_text("data: {}\n")
    one, other = (
        stamp_of(Run("step/a", module, "", (config,), (), (), "out", "", 0, 1.0), {}, [])
        for module in ("mine.first", "mine.second")
    )
    assert other.differences(vars(one)) == ["module was mine.first, is mine.second"]


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, options=("--model.init_args.primitive", "nowhere/gf.ckpt"))
    with pytest.raises(FileNotFoundError, match=r"fit/a/seed_0 names files that are not there: nowhere/gf\.ckpt"):
        stamp_of(run, {}, [])
    assert "nowhere/gf.ckpt" not in stamp_of(run, {}, ["nowhere/gf.ckpt"]).files  # a run of the plan makes it


def test_the_code_of_a_class_of_ones_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_method_of_mine.py").write_text("class Mine: ...\n")
    run = made_up_run(tmp_path, options=("--model.class_path", "a_method_of_mine.Mine"))
    before = stamp_of(run, {}, [])
    (tmp_path / "a_method_of_mine.py").write_text("class Mine: better = True\n")
    module._file_digest.cache_clear()
    [told] = differences(before, stamp_of(run, {}, []))
    assert told.startswith(f"files.{tmp_path}/a_method_of_mine.py was ")


@pytest.mark.parametrize("content", ["[1]", "{", "5", '{"minutes": null}', "{}"])
def test_damaged_notes_of_a_run_are_as_good_as_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text(content)
    (tmp_path / "stamp.json").write_text(content)
    assert minutes_of(tmp_path) is None
    assert not read_stamp(tmp_path) or content.startswith('{"')


def test_a_configuration_without_settings_is_named(tmp_path: Path) -> None:
    for content, found in (("", "is empty"), ("- a", "holds a list"), ("a: 1\na: 2", ": key 'a' stands in line 1 and")):
        (tmp_path / "a.yaml").write_text(content)
        with pytest.raises(ValueError, match=rf"a\.yaml ?{found}"):
            merged_settings([str(tmp_path / "a.yaml")], [])


def test_settings_are_merged_as_the_command_line_does(tmp_path: Path) -> None:
    base = {
        "model": {"noise": {"class_path": "A", "init_args": {"std": 1}}, "gamma": 0.9},
        "trainer": {"callbacks": [{"class_path": "B"}, {"class_path": "C"}], "default_root_dir": "runs/x"},
    }
    above = {"model": {"noise": {"class_path": "D", "init_args": {"rate": 2}}}}
    for name, content in (("a", base), ("b", above)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    found = merged_settings(
        [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")],
        ["--trainer.callbacks.init_args.seeds", "[3]", "--data.init_args.noise.point_m=0.1"],
    )
    assert found == {
        "model": {"noise": {"class_path": "D", "init_args": {"rate": 2}}, "gamma": 0.9},
        "trainer": {"callbacks": [{"class_path": "B"}, {"class_path": "C", "init_args": {"seeds": [3]}}]},
        "data": {"init_args": {"noise": {"point_m": 0.1}}},
    }
