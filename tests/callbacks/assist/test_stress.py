"""The stress report runs the nominal policies along its axes, once, and writes what came of it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbacks.assist import evaluation as assist_evaluation
from callbacks.assist import stress as assist_stress
from callbacks.assist.evaluation import AssistEvaluation
from callbacks.assist.runs import EpisodeLimit
from callbacks.assist.stress import StressReport
from callbacks.assist.stress_axes import Setting, StressAxis, StressLevel
from callbacks.assist.trigger_choice import TriggerGrid
from datamodules.baselines.scripts import GoalOnArrival
from datamodules.grasps.module import GraspDataModule
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan
from envs.task.outcomes import CAUSES
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings
from envs.wrist.user_movement import UserMovement
from tests.callbacks.assistant import Assistant, Data
from tests.callbacks.conftest import Quiet
from tests.callbacks.outcomes import made_up_outcome

AXES = {
    "tracker": StressAxis([StressLevel(value, noise={"wrist_lost": value}) for value in (0.1, 0.5)], nominal=0),
    "passing_by": StressAxis(
        [StressLevel(2, movement={"pass_by_share": 1.0, "change_of_mind_share": 0.0})], unit="cm", kind="pass_by"
    ),
}


@pytest.fixture
def rollouts(tiny_path: Path, fast_objects: None) -> RolloutDataModule:
    movement = UserMovement(retry_share=0.0, pass_by_share=0.0, horizon_s=4.0)
    return Data(path=str(tiny_path), reachable_only=False, num_threads=0, task=TaskSettings(movement=movement))


def evaluation(**options: Any) -> AssistEvaluation:
    given: dict[str, Any] = {
        "plan": SpreadPlan(4), "splits": ["unseen_families"], "policies": ["ours", "primitive_triggered", "oracle"],
        "triggers": TriggerGrid([0.05], [1.0], [0.0]),
    }  # fmt: skip
    return AssistEvaluation(**(given | options))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Replaces the simulator: ours and the oracle take everything, but with half of the samples lost nothing.

    Lists policy and lost samples of each run.
    """
    noted: list[tuple[str, float]] = []

    class Runner:
        def __init__(self, on_batch: Any, noise: PerceptionNoise | None) -> None:
            self.on_batch = on_batch
            self.lost = 0.0 if noise is None else noise.wrist_lost

        def run(self, policy: Any, episodes: Any, frames: Any = None) -> Any:
            if frames is not None:
                frames.prepare(episodes.hand, len(episodes))
                frames.wrist_pose_w[..., 3] = frames.object_pose_w[..., 3] = 1.0  # poses at the origin
            noted.append((type(policy).__name__, self.lost))
            self.on_batch(len(episodes))
            takes = isinstance(policy, GoalOnArrival) and self.lost < 0.5
            outcome = made_up_outcome(["success" if takes else "never_touched"] * len(episodes))
            cause = np.where(outcome.is_success | episodes.is_grasp, outcome.cause, CAUSES.index("disturbed"))
            return replace(outcome, is_grasp=episodes.is_grasp, cause=cause)

    def make_runner(data: Any, num_worlds: int, on_batch: Any, setting: Setting | None = None) -> Runner:
        return Runner(on_batch, None if setting is None else setting.noise)

    for module in (assist_evaluation, assist_stress):
        monkeypatch.setattr(module, "make_runner", make_runner)
    return noted


def test_the_policies_of_the_evaluation_run_along_every_axis(
    rollouts: RolloutDataModule,
    quiet: Quiet,
    runs: list[tuple[str, float]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        quiet(evaluation(), StressReport(AXES, size=32)).test(Assistant(), rollouts, verbose=False)
    three = ["GoalOnArrival", "FixedStepClose", "GoalOnArrival"]
    assert [name for name, _ in runs] == three * 4  # nominally, at two levels, and passing by
    assert [lost for _, lost in runs] == [0.0] * 3 + [0.1] * 3 + [0.5] * 3 + [0.0] * 3
    report = json.loads((tmp_path / "stress.json").read_text())
    tracker = report["axes"]["tracker"]
    assert [level["policies"]["ours"]["success"]["mean"] for level in tracker["levels"]] == [1.0, 0.0]
    assert tracker["breaks_down"] == [0.5]
    assert tracker["verdict"] == "ahead"
    assert report["axes"]["passing_by"]["levels"][0]["policies"]["primitive_triggered"]["disturbed"]["mean"] == 1.0
    assert report["summary"]["ahead"] == ["tracker", "passing_by"]
    assert report["about"]["episodes"] == 4
    assert report["about"]["trigger"] == {"distance_m": 0.05, "slow_share": 1.0, "per_speed_s": 0.0}
    assert (tmp_path / "stress.png").stat().st_size > 0
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["stress_failures.png"]
    assert "tracker, 0.5 (breaks down)" in caplog.text
    assert "2 axes: ahead 2, behind 0, not decided 0, breaks down 1" in caplog.text


def test_a_killed_report_goes_on_where_it_stood(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, float]], tmp_path: Path
) -> None:
    def test(axes: Mapping[str, StressAxis], **options: Any) -> int:
        runs.clear()
        quiet(evaluation(**options), StressReport(axes, size=32)).test(Assistant(), rollouts, verbose=False)
        return len(runs)

    assert test({"tracker": AXES["tracker"]}) == 9
    assert test(AXES) == 3  # what was added
    first = (tmp_path / "stress.json").read_bytes()
    next((tmp_path / "episodes" / "unseen_families" / "stress" / "tracker_1").glob("oracle.npz")).unlink()
    assert test(AXES) == 1
    assert (tmp_path / "stress.json").read_bytes() == first
    harder = StressAxis([AXES["tracker"].levels[0], StressLevel(0.9, noise={"wrist_lost": 0.9})], nominal=0)
    assert test(AXES | {"tracker": harder}) == 3  # the level that is another one now
    assert test(AXES, resume=False) == 12


def test_levels_are_really_run(rollouts: RolloutDataModule, quiet: Quiet, tmp_path: Path) -> None:
    axes = {"speed": StressAxis([StressLevel(3, movement={"speed": 3.0})], nominal=1)}
    quiet(evaluation(plan=SpreadPlan(3)), StressReport(axes, size=32)).test(Assistant(), rollouts, verbose=False)
    report = json.loads((tmp_path / "stress.json").read_text())
    told = report["axes"]["speed"]["levels"][0]["policies"]
    for name in ("ours", "oracle"):  # here the same policy
        assert told[name]["success"]["mean"] > 0.0
        assert abs(told[name]["seconds_to_grip"]["median"]) < 1.0
    assert told["primitive_triggered"]["seconds_to_grip"] == {"median": None, "missing": 1.0}  # an open hand


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ["unseen_families", "unseen_instances"]}, "takes one split, one seed and no limits"),
        ({"seeds": (0, 1)}, r"the seeds \[0, 1\] and 0 limits; the stress report takes one"),
        ({"limits": {"oracle": EpisodeLimit(poses=1)}}, "and 1 limits; the stress report takes one split"),
        ({"policies": ["ours", "oracle"]}, "compares ours with primitive_triggered, of which primitive_triggered is"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(
    options: dict[str, Any],
    message: str,
    rollouts: RolloutDataModule,
    quiet: Quiet,
    runs: list[tuple[str, float]],
) -> None:
    with pytest.raises(ValueError, match=message):
        quiet(evaluation(**options), StressReport(AXES)).test(Assistant(), rollouts, verbose=False)
    assert runs == []


def test_a_senseless_level_is_refused_before_anything_runs(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, float]]
) -> None:
    axes = {"speed": StressAxis([StressLevel(99, movement={"speed": 99.0})])}
    with pytest.raises(ValueError, match="speed is 99"):
        quiet(evaluation(), StressReport(axes)).test(Assistant(), rollouts, verbose=False)
    assert runs == []


def test_other_data_is_refused(data: GraspDataModule, quiet: Quiet) -> None:
    with pytest.raises(TypeError, match=r"got GraspDataModule .*expected RolloutDataModule .*take it out"):
        quiet(evaluation(), StressReport(AXES)).test(Assistant(), data, verbose=False)


@pytest.mark.parametrize("options", [{"axes": {}}, {"num_failures": -1}, {"size": 4}])
def test_senseless_reports_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed are at least one axis, 0 failures and 16 pixels"):
        StressReport(**({"axes": AXES} | options))
