"""Episodes are run once, measured, and written to metrics.json."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks.assist import evaluation as assist_evaluation
from callbacks.assist.evaluation import AssistEvaluation, evaluation_of
from callbacks.assist.filmstrips import AssistFilmstrips
from callbacks.assist.measures import AssistMeasures
from callbacks.assist.policies import POLICIES
from callbacks.assist.report import OURS
from callbacks.assist.runs import EpisodeLimit
from callbacks.assist.trigger_choice import TriggerGrid
from datamodules.baselines.scripts import GoalOnArrival, stored_goals
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.module import GraspDataModule
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import EpisodePlan, PosesPlan, SpreadPlan
from datamodules.rollouts.policy import FingerPolicy
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings
from lightning_modules.checkpoints import leave_out_objects
from lightning_modules.followers import Denoiser, Follower, GapDenoiser
from tests.callbacks.assistant import Assistant, Data
from tests.callbacks.conftest import Quiet
from tests.callbacks.outcomes import made_up_outcome

HAND = shadow_hand()

SPLITS = ("unseen_instances", "unseen_families")

TWO = TriggerGrid([0.05, 0.1], [1.0], [0.0])
"""Two triggers to try."""


@pytest.fixture
def rollouts(tiny_path: Path, fast_objects: None) -> RolloutDataModule:
    return Data(path=str(tiny_path), reachable_only=False, num_threads=0)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Replaces the simulator: the oracle lifts everything, others nothing. Lists policy and episodes of each run."""
    noted: list[tuple[str, int]] = []

    class Runner:
        def __init__(self, on_batch: Any) -> None:
            self.on_batch = on_batch

        def run(self, policy: Any, episodes: Any, frames: Any = None) -> Any:
            if frames is not None:
                frames.prepare(episodes.hand, len(episodes))
                frames.wrist_pose_w[..., 3] = frames.object_pose_w[..., 3] = 1.0  # poses at the origin
            noted.append((type(policy).__name__, len(episodes)))
            self.on_batch(len(episodes))
            knows = isinstance(policy, GoalOnArrival) and policy.goals is stored_goals
            return made_up_outcome(["success" if knows else "never_touched"] * len(episodes))

    monkeypatch.setattr(assist_evaluation, "make_runner", lambda data, num_worlds, on_batch: Runner(on_batch))
    return noted


def test_validation_logs_three_groups_of_measures(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]]
) -> None:
    trainer = quiet(AssistMeasures(), AssistEvaluation(num_validation_episodes=4))
    trainer.validate(Assistant(), rollouts, verbose=False)
    assert runs == [("GoalOnArrival", 4), ("GoalOnArrival", 4)]  # once for all callbacks
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert set(logged) == {
        f"val/{name}/{split}"
        for name in ("success", "posture_rad", "translation_m", "translation_median_m", "rotation_cos")
        for split in SPLITS
    }
    assert logged["val/success/unseen_families"] == 1.0
    assert logged["val/posture_rad/unseen_families"] == 2.5  # 1, 2, 3, 4
    assert logged["val/translation_median_m/unseen_families"] == pytest.approx(1.01)  # lower of the middle two


@pytest.fixture
def developed(tiny_grasps: GraspSet, fast_objects: None, tmp_path: Path) -> RolloutDataModule:
    """One of its objects is for development."""
    splits = tuple("development" if split == "unseen_instances" else split for split in tiny_grasps.object_splits)
    save_grasp_set(replace(tiny_grasps, object_splits=splits), tmp_path / "developed.npz")
    return Data(path=str(tmp_path / "developed.npz"), reachable_only=False, num_threads=0)


def test_validation_is_on_development_objects_and_a_test_is_not(
    developed: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    trainer = quiet(AssistMeasures(), AssistEvaluation(plan=SpreadPlan(2), num_validation_episodes=4, policies=[OURS]))
    trainer.validate(Assistant(), developed, verbose=False)
    assert runs == [("GoalOnArrival", 4)]
    assert {name.rpartition("/")[2] for name in trainer.callback_metrics} == {"development"}
    trainer.test(Assistant(), developed, verbose=False)
    assert set(json.loads((tmp_path / "metrics.json").read_text())["splits"]) == {"unseen_families"}


def test_steps_and_thresholds_are_chosen_on_development_objects(
    developed: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"plan": SpreadPlan(2), "steps": (20, 30), "policies": ["scripted_close"]}
    for split, told in ((None, "the split development"), ("train", "training objects")):
        evaluation = AssistEvaluation(num_choice_episodes=3, choice_split=split, **options)
        quiet(evaluation).test(Assistant(), developed, verbose=False)
        about = json.loads((tmp_path / "metrics.json").read_text())["about"]
        assert about["best_steps"] == f"chosen on 3 episodes of {told}"


def test_fit_measures_every_few_epochs_only(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]]
) -> None:
    evaluation = AssistEvaluation(num_validation_episodes=2, every_n_epochs=2, splits=SPLITS[:1])
    quiet(evaluation, AssistMeasures(), max_epochs=4).fit(Assistant(), rollouts)
    assert runs == [("GoalOnArrival", 2)] * 2


def test_fit_without_measurements(rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]]) -> None:
    quiet(AssistEvaluation(every_n_epochs=0), AssistMeasures(), max_epochs=2).fit(Assistant(), rollouts)
    assert runs == []


def test_test_compares_all_policies_on_the_same_episodes(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    evaluation = AssistEvaluation(plan=SpreadPlan(5), num_choice_episodes=3, steps=(20, 30), triggers=TWO)
    logger = CSVLogger(tmp_path)
    trainer = quiet(AssistMeasures(), evaluation, logger=logger)
    trainer.test(Assistant(), rollouts, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    policies = [
        "ours", "primitive", "primitive_gated", "primitive_triggered", "scripted_close", "blind_close",
        "nearest_grasp", "oracle",
    ]  # fmt: skip
    assert runs[:8] == [("FixedStepClose", 3)] * 8  # three policies, two steps each, and two triggers
    assert len(runs) == 8 + 2 * len(policies)
    for split in SPLITS:
        assert list(report["splits"][split]) == policies
        assert report["splits"][split]["ours"]["success"]["mean"] == 1.0
        assert report["splits"][split]["primitive"]["success"]["mean"] == 0.0
        assert report["splits"][split]["oracle"]["posture_rad"]["n"] == 5
        assert report["margins"][split]["primitive"]["success"]["mean"] == 1.0
        assert report["causes"][split]["blind_close"]["never_touched"] == 5
    assert report["best_steps"]["primitive_gated"] == {"step": 20, "success": {"20": 0.0, "30": 0.0}}
    tried = [
        {"distance_m": distance, "slow_share": 1.0, "per_speed_s": 0.0, "success": 0.0} for distance in (0.1, 0.05)
    ]
    assert report["best_trigger"] == {**tried[0], "on_edge": ["distance_m"], "tried": tried}
    assert report["about"]["best_steps"] == "chosen on 3 episodes of training objects"
    assert report["about"]["plan"] == {"class": "SpreadPlan", "num_episodes": 5}
    assert report["about"]["seeds"] == [0]
    written = next(tmp_path.rglob("metrics.csv")).read_text()
    assert "test/success/unseen_families/nearest_grasp" in written
    assert "test/translation_median_m/unseen_instances/ours" in written


def test_grasps_that_say_whether_they_are_easy_are_told_apart(
    tiny_grasps: GraspSet, fast_objects: None, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    is_easy = np.arange(len(tiny_grasps)) % 2 == 0
    save_grasp_set(replace(tiny_grasps, is_easy=is_easy), tmp_path / "flagged.npz")
    data = Data(path=str(tmp_path / "flagged.npz"), reachable_only=False, num_threads=0)
    quiet(AssistEvaluation(plan=SpreadPlan(6), seeds=(0, 1), policies=[OURS])).test(Assistant(), data, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    for split in SPLITS:
        targets = data.targets(split)
        rows = np.concatenate([SpreadPlan(6).rows(targets, seed) for seed in (0, 1)])
        assert targets.is_easy is not None
        assert report["hard"][split][OURS]["success"]["n"] == int((~targets.is_easy[rows]).sum())
        assert report["splits"][split][OURS]["success"]["n"] == 12


def test_several_seeds_give_other_trajectories_of_the_same_grasps(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    evaluation = AssistEvaluation(plan=PosesPlan(2), seeds=(3, 4), policies=["ours"])
    trainer = quiet(evaluation)
    trainer.test(Assistant(), rollouts, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    run = evaluation.tested(trainer, trainer.lightning_module)["unseen_families"]  # type: ignore[index]
    first, second = run.episodes
    np.testing.assert_array_equal(first.grasp_row, second.grasp_row)
    assert np.abs(first.wrist_pose_w - second.wrist_pose_w).max() > 0.01
    assert report["over_seeds"]["unseen_families"]["ours"]["success"]["n"] == 2
    assert report["splits"]["unseen_families"]["ours"]["success"]["n"] == len(run) == 2 * len(first)
    assert set(report["families"]["unseen_families"]["ours"]) == {"stapler", "wine_glass"}


def test_policies_are_chosen_and_may_run_a_part(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    evaluation = AssistEvaluation(
        plan=PosesPlan(2), seeds=(3, 4), policies=["oracle", "ours"], splits=SPLITS[1:],
        limits={"oracle": EpisodeLimit(poses=1, seeds=1)},
    )  # fmt: skip
    quiet(AssistMeasures(), AssistFilmstrips(num_failures=1, num_successes=1, size=32), evaluation).test(
        Assistant(), rollouts, verbose=False
    )
    assert [count for _, count in runs] == [4, 4, 2]  # two objects; no steps are chosen
    report = json.loads((tmp_path / "metrics.json").read_text())
    rows = report["splits"]["unseen_families"]
    assert {name: row["success"]["n"] for name, row in rows.items()} == {"ours": 8, "oracle": 2}
    assert set(report["adaptability"]["unseen_families"]) == {"ours"}
    assert report["about"]["limits"] == {"oracle": {"poses": 1, "seeds": 1}}
    assert report["about"]["objects"] == {"unseen_families": 2}


def test_a_second_test_runs_nothing_again(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    def test(module: Assistant, **options: Any) -> list[tuple[str, int]]:
        runs.clear()
        evaluation = AssistEvaluation(
            plan=SpreadPlan(5), num_choice_episodes=3, steps=(20, 30), triggers=TWO, **options
        )
        quiet(evaluation).test(module, rollouts, verbose=False)
        return list(runs)

    assert len(test(Assistant())) == 8 + 2 * 8
    first = (tmp_path / "metrics.json").read_bytes()
    (tmp_path / "metrics.json").unlink()
    assert test(Assistant()) == []
    assert (tmp_path / "metrics.json").read_bytes() == first
    assert len(test(Assistant(), resume=False)) == 8 + 2 * 8
    names = {str(file.relative_to(tmp_path / "episodes")) for file in tmp_path.rglob("*.npz")}
    assert {"unseen_families/ours_0.npz", "unseen_instances/oracle_0.npz", "choice/blind_close_30.npz"} <= names
    assert {"unseen_families/primitive_triggered_0.npz", "choice/primitive_triggered_0.1_1_0.npz"} <= names
    with np.load(tmp_path / "episodes" / "labels" / "unseen_families.npz") as labels:  # what the episodes were
        assert labels["rows_ours"].tolist() == list(range(5))
        assert len(labels["groups"]) == len(labels["families"]) == len(labels["seeds"]) == 5
    trained = Assistant()
    trained.weight.data += 1.0
    assert len(test(trained)) == 2 + 2 + 2 * 4  # the learnt ones only
    assert len(test(trained, num_worlds=64)) == 8 + 2 * 8


class Followed(Assistant):
    """Built in Python: its saved hyper-parameters lack the follower, which is an object."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self.save_hyperparameters()
        leave_out_objects(self, ("follower",))


def test_episodes_of_another_follower_are_run_again(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]]
) -> None:
    def test(follower: Follower) -> int:
        runs.clear()
        evaluation = AssistEvaluation(plan=SpreadPlan(5), policies=["ours", "oracle"], splits=SPLITS[:1])
        quiet(evaluation).test(Followed(follower), rollouts, verbose=False)
        return len(runs)

    assert test(GapDenoiser()) == 2
    assert test(GapDenoiser()) == 0
    assert test(GapDenoiser(t_far=0.5)) == 1  # what the oracle did stays
    assert test(Denoiser(t=0.5)) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"noise": PerceptionNoise(wrist_position_m=0.01)},
        {"physics": MujocoCpu(PhysicsSettings(friction=0.5))},
        {"task": TaskSettings(episode_steps=40)},
    ],
    ids=str,
)
def test_another_perception_physics_or_task_is_refused_where_results_are_kept(
    options: dict[str, Any],
    tiny_path: Path,
    fast_objects: None,
    quiet: Quiet,
    runs: list[tuple[str, int]],
    tmp_path: Path,
) -> None:
    def test(**given: Any) -> int:
        runs.clear()
        data = Data(path=str(tiny_path), reachable_only=False, num_threads=0, **given)
        evaluation = AssistEvaluation(plan=SpreadPlan(5), policies=["ours", "oracle"], splits=SPLITS[:1])
        quiet(evaluation).test(Assistant(), data, verbose=False)
        return len(runs)

    assert test() == 2
    [name] = options
    with pytest.raises(ValueError, match=rf"holds the results of another test, .*: {name}\b.* is .*, theirs was "):
        test(**options)
    assert runs == []
    assert test() == 0


def test_two_plans_in_one_folder_are_not_mixed_and_one_may_grow(
    rollouts: RolloutDataModule, quiet: Quiet, runs: list[tuple[str, int]], tmp_path: Path
) -> None:
    def test(plan: EpisodePlan, policies: list[str], splits: Sequence[str] = SPLITS[:1], **options: Any) -> int:
        runs.clear()
        quiet(AssistEvaluation(plan=plan, policies=policies, splits=splits, **options)).test(
            Assistant(), rollouts, verbose=False
        )
        return len(runs)

    def kept() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert test(SpreadPlan(2), ["ours", "oracle"]) == 2
    before = kept()
    with pytest.raises(ValueError, match=r"plan\.num_episodes is 3, theirs was 2\. Give another --trainer\.default_ro"):
        test(SpreadPlan(3), ["ours"])
    assert runs == []
    assert kept() == before
    assert test(SpreadPlan(2), ["ours", "oracle", "blind_close"], fixed_steps={"blind_close": 20}) == 1
    assert test(SpreadPlan(2), ["ours", "oracle"], SPLITS) == 2
    assert test(SpreadPlan(2), ["ours", "oracle"], SPLITS, seeds=(0, 1)) == 4


def test_a_killed_test_of_other_weights_leaves_no_numbers_of_the_first(
    rollouts: RolloutDataModule,
    quiet: Quiet,
    runs: list[tuple[str, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def test(module: Assistant) -> None:
        quiet(AssistEvaluation(plan=SpreadPlan(2), policies=["ours"])).test(module, rollouts, verbose=False)

    test(Assistant())
    assert (tmp_path / "metrics.json").exists()
    make_runner = assist_evaluation.make_runner

    def killed_in_the_second_split(*given: Any) -> Any:
        runner = make_runner(*given)
        run = runner.run

        def run_once(*episodes: Any, **options: Any) -> Any:
            if runs:
                raise KeyboardInterrupt
            return run(*episodes, **options)

        monkeypatch.setattr(runner, "run", run_once)
        return runner

    monkeypatch.setattr(assist_evaluation, "make_runner", killed_in_the_second_split)
    runs.clear()
    trained = Assistant()
    trained.weight.data += 1.0
    with pytest.raises(SystemExit):  # of Lightning, upon the interrupt
        test(trained)
    assert len(runs) == 1
    assert not (tmp_path / "metrics.json").exists()


def test_sets_without_training_objects_borrow_those_of_another(
    tiny_grasps: GraspSet,
    tiny_path: Path,
    fast_objects: None,
    quiet: Quiet,
    runs: list[tuple[str, int]],
    tmp_path: Path,
) -> None:
    third = tmp_path / "third.npz"
    save_grasp_set(tiny_grasps.split("unseen_families"), third)
    data = Data(path=str(third), reachable_only=False, num_threads=0)
    one = TriggerGrid([0.05], [1.0], [0.0])
    options: dict[str, Any] = {"plan": PosesPlan(1), "num_choice_episodes": 3, "steps": (20,), "triggers": one}
    quiet(AssistEvaluation(training_path=str(tiny_path), **options)).test(Assistant(), data, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert list(report["splits"]) == ["unseen_families"]
    assert set(report["splits"]["unseen_families"]) == set(POLICIES)
    assert [count for _, count in runs] == [3, 3, 3] + [2] * 8
    # the primitive's steps and thresholds are chosen without training grasps
    own: dict[str, Any] = {**options, "triggers": TWO, "choice_split": "unseen_families", "resume": False}
    runs.clear()
    quiet(AssistEvaluation(policies=["primitive_gated", "primitive_triggered"], **own)).test(
        Assistant(), data, verbose=False
    )
    assert [count for _, count in runs] == [3, 3, 3, 2, 2]
    # without, they have to be done without
    few = AssistEvaluation(policies=["ours", "oracle"], **options)
    quiet(few).test(Assistant(), data, verbose=False)
    with pytest.raises(ValueError, match="grasp set has no split 'train'; it has: unseen_families"):
        quiet(AssistEvaluation(**options)).test(Assistant(), data, verbose=False)


def test_steps_and_thresholds_may_be_chosen_on_another_split(
    rollouts: RolloutDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen_on: list[str] = []

    class Runner:
        def run(self, policy: Any, episodes: Any, frames: Any = None) -> Any:
            chosen_on.extend(thing.name for thing in episodes.grasp_objects)
            return made_up_outcome(["success"] * len(episodes))

    monkeypatch.setattr(assist_evaluation, "make_runner", lambda data, num_worlds, on_batch: Runner())
    evaluation = AssistEvaluation(
        plan=SpreadPlan(1), num_choice_episodes=4, choice_split="unseen_instances", steps=(20,), triggers=TWO,
        policies=["primitive_triggered", "scripted_close"], splits=SPLITS[1:], resume=False,
    )  # fmt: skip
    quiet(evaluation).test(Assistant(), rollouts, verbose=False)
    split = rollouts.targets("unseen_instances")
    assert set(chosen_on[: 4 * 3]) == {thing.name for thing in split.grasp_objects}
    about = json.loads((tmp_path / "metrics.json").read_text())["about"]
    assert about["best_steps"] == "chosen on 4 episodes of the split unseen_instances"


def test_episodes_really_run(rollouts: RolloutDataModule, quiet: Quiet, tmp_path: Path) -> None:
    evaluation = AssistEvaluation(
        plan=SpreadPlan(3), splits=SPLITS[1:], num_choice_episodes=2, steps=(25,), triggers=TWO
    )
    trainer = quiet(evaluation)
    trainer.test(Assistant(), rollouts, verbose=False)
    rows = json.loads((tmp_path / "metrics.json").read_text())["splits"]["unseen_families"]
    assert rows["ours"] == rows["oracle"]  # here the same policy
    assert rows["ours"]["posture_rad"]["mean"] < rows["primitive"]["posture_rad"]["mean"]
    assert rows["primitive"]["success"]["mean"] == 0.0
    run = evaluation.tested(trainer, trainer.lightning_module)["unseen_families"]  # type: ignore[index]
    np.testing.assert_array_equal(run.frames.joint_pos[-2], run.outcome(OURS).joint_pos)


def test_the_task_decides_how_long_episodes_are(tiny_path: Path, fast_objects: None, quiet: Quiet) -> None:
    task = TaskSettings(episode_steps=30)
    data = Data(path=str(tiny_path), reachable_only=False, num_threads=0, task=task)
    evaluation = AssistEvaluation(plan=SpreadPlan(2), splits=SPLITS[1:], policies=[OURS])
    trainer = quiet(evaluation)
    trainer.test(Assistant(), data, verbose=False)
    run = evaluation.tested(trainer, trainer.lightning_module)["unseen_families"]  # type: ignore[index]
    assert run.episodes[0].num_steps.tolist() == [30, 30]
    assert run.frames.steps == (0, 12, 18, 24, 30)
    np.testing.assert_array_equal(run.frames.joint_pos[-2], run.outcome(OURS).joint_pos)


def test_a_test_ends_when_the_process_is_told_to(rollouts: RolloutDataModule, quiet: Quiet, tmp_path: Path) -> None:
    class Ended(Assistant):
        def policy(self) -> FingerPolicy:
            signal.raise_signal(signal.SIGTERM)
            return super().policy()

    with pytest.raises(SIGTERMException):
        quiet(AssistEvaluation(plan=SpreadPlan(1), policies=[OURS])).test(Ended(), rollouts, verbose=False)
    assert not (tmp_path / "metrics.json").exists()


def test_measures_without_episodes_say_what_is_missing(rollouts: RolloutDataModule, quiet: Quiet) -> None:
    with pytest.raises(RuntimeError, match=r"no callback runs the episodes.*AssistEvaluation"):
        quiet(AssistMeasures()).validate(Assistant(), rollouts, verbose=False)


def test_other_data_is_refused(data: GraspDataModule, quiet: Quiet) -> None:
    with pytest.raises(TypeError, match="AssistEvaluation got GraspDataModule and Assistant, expected RolloutData"):
        quiet(AssistEvaluation()).test(Assistant(), data, verbose=False)


def test_the_callback_is_found_anywhere_in_the_list(quiet: Quiet) -> None:
    evaluation = AssistEvaluation()
    assert evaluation_of(quiet(AssistMeasures(), evaluation)) is evaluation


@pytest.mark.parametrize(
    "options", [{"splits": ("test",)}, {"splits": ()}, {"seeds": ()}, {"steps": ()}, {"choice_split": "test"}]
)
def test_senseless_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give at least one of each, splits among train, development, unseen_inst"):
        AssistEvaluation(**options)


@pytest.mark.parametrize("options", [{"policies": ["us"]}, {"limits": {"us": None}}, {"fixed_steps": {"us": 1}}])
def test_unknown_policies_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"policies are \['us'\]; give some of ours, primitive"):
        AssistEvaluation(**options)


def test_training_grasps_of_another_hand_are_refused(
    rollouts: RolloutDataModule, tiny_path: Path, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(rollouts), "hand", replace(shadow_hand(), name="another"), raising=False)
    trainer = quiet(AssistEvaluation(plan=PosesPlan(1), training_path=str(tiny_path), steps=(20,)))
    with pytest.raises(ValueError, match="is of the hand shadow, the tested grasps of the hand another; scripts and"):
        trainer.test(Assistant(), rollouts, verbose=False)
