"""Figure 10: when it is made, and when the kept one is taken."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from envs.pictures.view import Image
from reports.reproduce.blocks import Block
from reports.reproduce.execute import Runs
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.poses_picture import fig10
from reports.reproduce.results import Results
from reports.reproduce.runs import Run
from reports.reproduce.schedule import run_all
from reports.reproduce.selection import TABLES, select
from tests.reports.reproduce.plans import leave_output, made_up_plan, made_up_runs, write_plan

TEST = "test/ours/seed_0/main_paper"
OF_OURS = {
    "a_p": {"title": "a_p", "of": "ours", "policy": "primitive", "group": "ablation"},
    "a_p_a_s": {"title": "a_p * a_s", "of": "ours", "policy": "without_residual", "group": "reference"},
}


def run_with_episodes(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
    """Stands in for a command; a test keeps episodes."""
    leave_output(run, folder, lock, tick, cores)
    if run.name.startswith("test/"):
        (folder / "episodes").mkdir()


@dataclass
class Strips:
    """In place of episodes that are run again: pictures, each time others, whose columns are counted."""

    made: list[str] = field(default_factory=list)

    def __call__(self, folder: Path, results: Results, name: str) -> list[Image]:
        self.made.append(name)
        return [np.full((20, 30, 3), 7 * len(self.made), dtype=np.uint8)] * 2


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> Strips:
    found = Strips()
    monkeypatch.setattr("reports.reproduce.poses_picture._strips", found)
    return found


@dataclass
class Reproduction:
    """Finished runs of a made-up plan."""

    plan: Plan
    runs: Runs

    def fig10(self) -> Block:
        runs = Runs(self.runs.root, self.runs.runs, accept_code=True)
        return fig10(Results(self.plan, runs, select(self.plan, [], [], [])))

    def sheet(self) -> bytes:
        """What is drawn."""
        [figure] = self.fig10().pictures.values()
        return bytes(np.asarray(figure.axes[0].images[0].get_array()).tobytes())

    def forget(self, seed: int = 0) -> None:
        """Weights and episodes of a training seed go."""
        (self.runs.root / f"fit/ours/seed_{seed}/checkpoints/last.ckpt").unlink()
        shutil.rmtree(self.runs.root / TEST.replace("0", str(seed)) / "episodes")

    def change_code(self) -> None:
        """The test was run by another version of the code."""
        stamp = self.runs.root / TEST / "stamp.json"
        stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"code": {"code": "another"}}))


@pytest.fixture
def reproduction(tmp_path: Path) -> Reproduction:
    methods = made_up_plan(tmp_path)["methods"] | OF_OURS
    runs = made_up_runs(tmp_path, methods=methods, tables=["fig10"])
    assert run_all(runs, run_with_episodes) == {}
    return Reproduction(read_plan(write_plan(tmp_path, methods=methods, tables=["fig10"]), tuple(TABLES)), runs)


def test_once_made_it_outlives_weights_and_episodes(reproduction: Reproduction, strips: Strips) -> None:
    block, first = reproduction.fig10(), reproduction.sheet()
    assert strips.made == ["a_p", "a_p_a_s"]
    assert "paper task, training seed 0; left a_p, right a_p * a_s." in block.text
    told = json.loads((reproduction.runs.root / "figures/fig10_paper.json").read_text())
    assert {name: (of["test"], of["policy"]) for name, of in told["made_of"].items()} == {
        "a_p": (TEST, "primitive"), "a_p_a_s": (TEST, "without_residual"),
    }  # fmt: skip
    reproduction.forget()
    assert (reproduction.fig10().text, reproduction.sheet()) == (block.text, first)
    assert len(strips.made) == 2  # though seed 1 could be run again


def test_that_of_other_runs_is_made_anew_with_weights(reproduction: Reproduction, strips: Strips) -> None:
    first = reproduction.sheet()
    reproduction.change_code()
    second = reproduction.sheet()
    assert strips.made == ["a_p", "a_p_a_s"] * 2
    assert second != first
    reproduction.forget()
    assert reproduction.sheet() == second


def test_the_first_seed_with_weights_is_shown_and_stays(reproduction: Reproduction, strips: Strips) -> None:
    reproduction.forget()
    first = reproduction.sheet()
    assert "training seed 1; left a_p, right a_p * a_s." in reproduction.fig10().text
    reproduction.forget(seed=1)
    assert reproduction.sheet() == first
    assert len(strips.made) == 2


@pytest.mark.parametrize("gone", ["fit/ours/seed_0/checkpoints", f"{TEST}/episodes"])
def test_that_of_other_runs_is_not_shown_and_the_reason_is_told(
    reproduction: Reproduction, strips: Strips, gone: str
) -> None:
    first = reproduction.sheet()
    stamp = (reproduction.runs.root / TEST / "stamp.json").read_bytes()
    reproduction.change_code()
    reproduction.forget(seed=1)
    shutil.rmtree(reproduction.runs.root / gone)
    block = reproduction.fig10()
    assert block.pictures == {}
    assert (
        f"- Not shown: of `{TEST}`, `{TEST.replace('0', '1')}` checkpoint or episodes are gone, and no sheet"
        in block.text
    )
    assert f"Remove `{TEST}` and give the command again" in block.text
    (reproduction.runs.root / TEST / "stamp.json").write_bytes(stamp)
    assert reproduction.sheet() == first  # it was left as it was


def test_a_changed_policy_of_the_same_test_is_another_picture(reproduction: Reproduction, strips: Strips) -> None:
    reproduction.sheet()
    methods = made_up_plan(reproduction.runs.root.parent)["methods"] | OF_OURS
    methods["a_p"] = {**methods["a_p"], "policy": "oracle"}
    path = write_plan(reproduction.runs.root.parent, methods=methods, tables=["fig10"])
    Reproduction(read_plan(path, tuple(TABLES)), reproduction.runs).fig10()
    assert strips.made == ["a_p", "a_p_a_s"] * 2


def test_without_tests_there_is_nothing_to_show(reproduction: Reproduction, strips: Strips) -> None:
    for seed in "01":
        (reproduction.runs.root / TEST.replace("0", seed) / "done.json").unlink()
    assert reproduction.fig10().text == "- Not shown: no test of a_p or a_p * a_s on the paper task is done."
    assert not (reproduction.runs.root / "figures").exists()
