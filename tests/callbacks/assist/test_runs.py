"""Which episodes a policy runs, of which splits, and what is kept of them."""

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tqdm import tqdm

from callbacks.assist import runs
from callbacks.assist.policies import ComparedPolicy
from callbacks.assist.report import OURS
from callbacks.assist.runs import EpisodeLimit, KeptEpisodes, SplitRuns, run_all, told_success
from callbacks.assist.stress_axes import Setting
from callbacks.store.result_files import ResultFiles
from datamodules.baselines.scripts import oracle
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings
from tests.assisting import made_up_targets, sampler
from tests.callbacks.outcomes import made_up_outcome

pytestmark = pytest.mark.usefixtures("fast_objects")


def planned(count: int = 2) -> list[Episodes]:
    """Three grasps of a can and two of a box, as many times as there are seeds."""
    return [sampler(seed=seed).of_rows(np.arange(5)) for seed in range(count)]


def test_a_limit_takes_some_poses_of_every_object() -> None:
    episodes = planned()
    first, second = EpisodeLimit(poses=1).rows(episodes)
    assert [len(first), len(second)] == [2, 2]
    assert set(episodes[0].object_index[first].tolist()) == {0, 1}
    two = EpisodeLimit(poses=2).rows(episodes)
    assert all(set(few) < set(more) for few, more in zip((first, second), two, strict=True))
    assert [rows.tolist() for rows in EpisodeLimit(poses=9).rows(episodes)] == [[0, 1, 2, 3, 4]] * 2


def test_which_pose_is_taken_differs_from_seed_to_seed() -> None:
    chosen = {tuple(rows.tolist()) for rows in EpisodeLimit(poses=1).rows(planned(8))}
    assert len(chosen) > 2


def test_a_limit_takes_some_seeds() -> None:
    assert [len(rows) for rows in EpisodeLimit(seeds=1).rows(planned(3))] == [5, 0, 0]


def test_rows_are_counted_through_all_seeds() -> None:
    runs = SplitRuns(made_up_targets(), planned())
    assert runs.limit("oracle", EpisodeLimit(poses=1)) == 4
    rows = runs.rows_of("oracle")
    assert rows.tolist() == sorted(rows.tolist())
    assert ((rows < 5).sum(), (rows >= 5).sum()) == (2, 2)
    runs.limit("ours", EpisodeLimit())
    assert runs.rows_of("ours").tolist() == list(range(10))
    labels = runs.labels()
    assert labels.seeds[rows].tolist() == [0, 0, 1, 1]
    assert sorted(labels.families[rows].tolist()) == ["box", "box", "can", "can"]


def test_pictures_are_of_the_episodes_that_the_policy_ran() -> None:
    runs = SplitRuns(made_up_targets(), planned())
    for limit, count in ((EpisodeLimit(), 5), (EpisodeLimit(poses=1), 2)):
        runs.limit("ours", limit)
        assert len(runs.pictured()) == count


@pytest.mark.parametrize("options", [{"poses": 0}, {"seeds": 0}])
def test_a_limit_of_nothing_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"a limit has (poses|seeds) 0; allowed are 1 and more, or null for all"):
        EpisodeLimit(**options)


class Killed(BaseException):
    """Stands for a signal."""


class Runner:
    """Ends an episode by its grasp; is killed after so many batches."""

    def __init__(self, lives: int = 1000) -> None:
        self.lives = lives
        self.sizes: list[int] = []

    def run(self, policy: Any, episodes: Episodes, *, frames: EpisodeFrames | None = None) -> EpisodeOutcome:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.sizes.append(len(episodes))
        outcome = made_up_outcome(["success" if row % 2 else "hit_table" for row in episodes.grasp_row])
        outcome.posture_rad[:] = episodes.wrist_pose_w[:, 0, 0]
        if frames is not None:
            frames.prepare(episodes.hand, len(episodes))
            frames.joint_pos[:] = outcome.posture_rad[None, :, None]
        return outcome


def kept(runner: Any, folder: Path, **made_of: Any) -> KeptEpisodes:
    return KeptEpisodes(cast(EpisodeRunner, runner), ResultFiles(folder, made_of), tqdm(disable=True))


POLICY = ComparedPolicy(oracle(), {"policy": "oracle"})


def test_a_runner_is_of_the_data_or_under_another_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(runs, "EpisodeRunner", lambda physics, **given: made.append({"physics": physics, **given}))
    data = SimpleNamespace(physics="p", num_threads=2, task=TaskSettings(), noise=PerceptionNoise(wrist_lost=0.2))
    other = Setting(TaskSettings(object_shift_m=0.02), None)
    for setting in (None, other):
        runs.make_runner(cast(Any, data), 8, print, setting)
    first, second = made
    assert (first["physics"], first["task"], first["noise"], first["num_worlds"]) == ("p", data.task, data.noise, 8)
    assert second == {**first, "task": other.task, "noise": None}


def test_a_killed_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    def run(kept: KeptEpisodes) -> SplitRuns:
        runs = SplitRuns(made_up_targets(), planned(3))
        runs.limit(OURS, EpisodeLimit())
        run_all(kept, {OURS: POLICY}, {"unseen": runs})
        return runs

    whole = run(kept(Runner(), tmp_path / "whole"))
    with pytest.raises(Killed):
        run(kept(Runner(lives=2), tmp_path / "killed"))
    second = Runner()
    again = kept(second, tmp_path / "killed")
    resumed = run(again)
    assert again.num_stored == 10
    assert second.sizes == [5]
    for one, other in zip(whole.outcomes[OURS], resumed.outcomes[OURS], strict=True):
        for item in fields(EpisodeOutcome):
            np.testing.assert_array_equal(getattr(one, item.name), getattr(other, item.name))
    np.testing.assert_array_equal(whole.frames.joint_pos, resumed.frames.joint_pos)
    np.testing.assert_array_equal(resumed.frames.joint_pos[1, :, 0], resumed.episodes[0].wrist_pose_w[:, 0, 0])


def test_what_decides_the_outcome_decides_whether_it_is_read(tmp_path: Path) -> None:
    (episodes,), (_, others) = planned(1), planned(2)
    kept(Runner(), tmp_path, friction=1.0).run("a", POLICY, episodes)
    kept(Runner(lives=0), tmp_path, friction=1.0).run("a", POLICY, episodes)
    for policy, wanted, friction, frames in (
        (ComparedPolicy(oracle(), {"policy": "another"}), episodes, 1.0, None),
        (POLICY, others, 1.0, None),
        (POLICY, episodes, 2.0, None),
        (POLICY, episodes, 1.0, EpisodeFrames((0,))),
    ):
        with pytest.raises(Killed):
            kept(Runner(lives=0), tmp_path, friction=friction).run("a", policy, wanted, frames)


def test_real_episodes_are_read_as_they_were(tmp_path: Path) -> None:
    episodes = sampler().of_rows(np.arange(5).repeat(2))
    runner = EpisodeRunner(num_worlds=4, num_threads=0)
    first = kept(runner, tmp_path).run("a", POLICY, episodes)
    second = kept(Runner(lives=0), tmp_path).run("a", POLICY, episodes)
    for item in fields(EpisodeOutcome):
        one, other = getattr(first, item.name), getattr(second, item.name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_the_success_that_a_test_tells_of_on_its_way_is_that_of_grasps() -> None:
    outcome = made_up_outcome(["success", "hit_table", "success", "success", "disturbed"])
    assert told_success(outcome) == "60.0 % of 5 grasps lifted"
    passing = replace(outcome, is_grasp=np.array([True, True, False, False, False]))
    assert told_success(passing) == "50.0 % of 2 grasps lifted, 3 movements past an object beside them"
    none = replace(outcome, is_grasp=np.zeros(5, dtype=bool))
    assert told_success(none) == "no grasps, 5 movements past an object beside them"
