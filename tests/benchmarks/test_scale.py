"""The sweep of training: what is asked for, what is not tried, what is tried again, and on which objects."""

import importlib
import json
import os
import signal
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.grasp_set import GraspSet, concatenate
from tests.datamodules.grasps.examples import made_up_set
from tests.learning import ROOT

CHOICE = {"backend": "mujoco", "worlds": 64, "objects": 10, "threads": 1, "ranks": 2, "rollouts": 3}
FAILED = {**CHOICE, "failed": "time", "limits": {"seconds": 60.0, "gigabytes": 4.0}}


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("scale")


@pytest.fixture(autouse=True)
def termination() -> Iterator[None]:
    """The commands' answer to SIGTERM does not outlive a test, and without one the test fails, not the run of tests."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("nothing answers SIGTERM"))
    yield
    signal.signal(signal.SIGTERM, before)


def asked_for(scale: Any, *options: str) -> list[tuple[Any, ...]]:
    lists = ["--worlds", "256", "64", "--objects", "0", "10", "--threads", "1", "--ranks", "1", "2"]
    found = scale.choices(scale.arguments([*lists, "--backends", "mujoco", "mujoco_warp", *options]))
    return [(each.backend, each.worlds, each.objects, each.threads, each.ranks) for each in found]


def test_a_star_varies_one_list_after_another(scale: Any) -> None:
    star = [(256, 0, 1, 1), (256, 0, 1, 2), (256, 10, 1, 1), (64, 0, 1, 1)]
    assert asked_for(scale, "--star") == [
        (backend, *values) for backend in ("mujoco", "mujoco_warp") for values in star
    ]


def test_without_a_star_every_combination_is_asked_for_once(scale: Any) -> None:
    every = asked_for(scale)
    assert len(every) == len(set(every)) == 2 * 2 * 2 * 1 * 2
    assert ("mujoco_warp", 64, 10, 1, 2) in every


def test_worlds_that_ranks_would_not_share_evenly_are_refused(scale: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for worlds, ranks in (("65", "2"), ("1", "2"), ("256", "3")):
        with pytest.raises(SystemExit):
            scale.arguments(["--worlds", worlds, "--ranks", ranks])
        assert f"--worlds {worlds} cannot be divided evenly among {ranks} ranks" in capsys.readouterr().err
    # of a star only what is measured counts: 65 worlds in one process, 64 in two
    lists = ["--worlds", "64", "65", "--ranks", "1", "2"]
    assert scale.arguments([*lists, "--star"]).worlds == [64, 65]
    with pytest.raises(SystemExit):
        scale.arguments(lists)


@pytest.mark.parametrize("failed", ["time", "memory", "killed"])
def test_more_worlds_than_too_many_are_not_tried(scale: Any, failed: str) -> None:
    row = {**FAILED, "worlds": 32, "failed": failed}
    skipped = scale.given_up(scale.Choice(**CHOICE), [{**CHOICE, "worlds": 16}, row], scale.Limits(60.0, 4.0))
    assert skipped == {"limits": row["limits"], "failed": failed, "error": "not tried: 32 worlds were too many"}


@pytest.mark.parametrize(
    "other",
    [
        {"worlds": 64},
        {"worlds": 128},
        {"failed": "error"},
        {"backend": "mujoco_warp"},
        {"objects": 0},
        {"threads": 2},
        {"ranks": 1},
        {"rollouts": 4},
        {"limits": {"seconds": 59.0, "gigabytes": 4.0}},
        {"limits": {"seconds": 60.0, "gigabytes": 3.9}},
    ],
)
def test_a_failure_of_something_else_keeps_nothing_from_being_tried(scale: Any, other: dict[str, Any]) -> None:
    rows = [{**FAILED, "worlds": 32, **other}]
    assert scale.given_up(scale.Choice(**CHOICE), rows, scale.Limits(60.0, 4.0)) is None


def test_a_failure_without_its_limits_keeps_nothing_from_being_tried(scale: Any) -> None:
    row = {name: value for name, value in FAILED.items() if name != "limits"}
    assert scale.given_up(scale.Choice(**CHOICE), [{**row, "worlds": 32}], scale.Limits(60.0, 4.0)) is None


def swept(scale: Any, monkeypatch: pytest.MonkeyPatch, path: Path, *options: str) -> list[int]:
    """The worlds that a sweep measures, all of which fail."""
    tried: list[int] = []

    def fails(choice: Any, given: Namespace) -> dict[str, Any]:
        tried.append(choice.worlds)
        return {"failed": "time", "limits": {"seconds": given.timeout, "gigabytes": given.memory}}

    monkeypatch.setattr(scale, "in_processes", fails)
    scale.main([*options, "--ranks", "1", "--memory", "4", "--output", str(path)])
    return tried


def test_what_failed_is_tried_again_when_told_so(scale: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    assert swept(scale, monkeypatch, path, "--worlds", "4", "8") == [4]
    assert swept(scale, monkeypatch, path, "--worlds", "4", "8") == []
    assert swept(scale, monkeypatch, path, "--worlds", "16") == []  # not tried: 4 were too many
    assert swept(scale, monkeypatch, path, "--worlds", "16", "32", "--retry") == [16]
    assert swept(scale, monkeypatch, path, "--worlds", "64", "--timeout", "7200") == [64]
    rows = json.loads(path.read_text())["choices"]
    assert sorted(row["worlds"] for row in rows) == [4, 8, 16, 32, 64]
    assert all(row["failed"] == "time" and row["limits"]["gigabytes"] == 4.0 for row in rows)


def test_rows_of_another_processor_are_refused(scale: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = importlib.import_module("_machine")
    monkeypatch.setattr(machine, "processor", lambda: "AMD EPYC")
    assert swept(scale, monkeypatch, tmp_path / "scale.json", "--worlds", "4") == [4]
    monkeypatch.setattr(machine, "processor", lambda: "Intel Xeon")
    with pytest.raises(SystemExit, match=r"scale\.json was measured with machine .*AMD EPYC.*, now it is .*Intel Xeon"):
        swept(scale, monkeypatch, tmp_path / "scale.json", "--worlds", "4")


def test_sigterm_ends_a_sweep_like_any_error(scale: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "in_processes", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as end:
        scale.main(["--ranks", "1"])
    assert end.value.code == 128 + 15


def six_objects() -> GraspSet:
    """Of training three, of which the last has no reachable grasp; one of each other split."""
    splits = ("train", "train", "train", "unseen_instances", "unseen_families", "development")
    sets = [made_up_set(f"box_{number:05}", split) for number, split in enumerate(splits)]
    grasps = concatenate(sets, provenance={})
    return replace(grasps, is_reachable=grasps.object_index != 2)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [0]), (2, [0, 1]), (3, [0, 3, 4]), (4, [0, 1, 3, 4]), (9, [0, 1, 3, 4])]
)
def test_objects_of_the_test_splits_fill_up(scale: Any, count: int, expected: list[int]) -> None:
    chosen = scale.with_objects(six_objects(), count)
    assert np.unique(chosen.object_index).tolist() == expected  # three of 0 1 3 4: places 0, 1.5 to 2, 3
    assert np.unique(chosen.split("train").object_index).tolist() == expected


@pytest.mark.parametrize(("asked", "present"), [(0, 2), (1, 1), (4, 4), (9, 4)])
def test_a_row_says_how_many_objects_there_were(
    scale: Any, monkeypatch: pytest.MonkeyPatch, asked: int, present: int
) -> None:
    built = Namespace(data=Namespace(grasps=six_objects()))
    monkeypatch.setattr(scale, "build", lambda *_: built)
    monkeypatch.setattr(scale, "train", lambda *_, **__: None)
    monkeypatch.setattr(scale, "told", lambda *_: {"rate": 1.0})
    found = scale.measure(scale.Choice(**{**CHOICE, "objects": asked, "threads": 0}), [])
    assert found == {"objects_present": present, "rate": 1.0}


def test_the_stand_in_behaves_whatever_the_environment_says(
    scale: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAKE_ISAACGYM", "no_import")
    script = (
        "import importlib.util, os; print(os.environ['FAKE_ISAACGYM'], importlib.util.find_spec('isaacgym').origin)"
    )
    out = subprocess.run([scale.stand_in(tmp_path), "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str(ROOT / "tests" / "fakes" / "isaacgym" / "__init__.py")
