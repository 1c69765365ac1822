"""An evaluation that was killed goes on where it stood, and ends as if it had not been."""

import logging
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from callbacks.store.arrays import digest, module_digest
from callbacks.store.outcomes import OutcomeStore, episodes_digest, targets_digest
from callbacks.store.resume import PART_BATCHES, KnownPolicy, ResumableRunner
from datamodules.baselines.scripts import oracle
from datamodules.rollouts.runner import EpisodeFrames, EpisodeRunner
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from tests.assisting import made_up_targets, sampler
from tests.callbacks.outcomes import made_up_outcome
from tests.learning import tiny_module

pytestmark = pytest.mark.usefixtures("fast_objects")


class Killed(BaseException):
    """Stands for a signal."""


class Runner:
    """Ends an episode by its grasp; is killed after so many parts."""

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
            frames.prepare(len(episodes))
            frames.joint_pos[:] = outcome.posture_rad[None, :, None]
        return outcome


def resumable(runner: Runner, folder: Path, stored: list[int] | None = None, **options: Any) -> ResumableRunner:
    return ResumableRunner(
        cast(EpisodeRunner, runner), num_worlds=1, store=OutcomeStore(folder),
        on_stored=(stored if stored is not None else []).append, **options,
    )  # fmt: skip


@pytest.fixture
def episodes() -> Episodes:
    """20 episodes of two objects in turn: three parts of eight batches of one world."""
    return sampler().of_rows(np.array([0, 3, 1, 4, 2] * 4))


def same(one: EpisodeOutcome, other: EpisodeOutcome) -> bool:
    return all(np.array_equal(getattr(one, item.name), getattr(other, item.name)) for item in fields(EpisodeOutcome))


KNOWN = KnownPolicy(oracle(), "oracle")


def test_a_killed_run_goes_on_where_it_stood(episodes: Episodes, tmp_path: Path) -> None:
    whole = resumable(Runner(), tmp_path / "whole").run(KNOWN, episodes)
    np.testing.assert_array_equal(whole.posture_rad, episodes.wrist_pose_w[:, 0, 0])  # in their order
    with pytest.raises(Killed):
        resumable(Runner(lives=2), tmp_path / "killed").run(KNOWN, episodes)
    second, stored = Runner(), list[int]()
    runner = resumable(second, tmp_path / "killed", stored)
    resumed = runner.run(KNOWN, episodes)
    assert runner.num_stored == 2 * PART_BATCHES
    assert stored == [PART_BATCHES, PART_BATCHES]
    assert second.sizes == [20 - 2 * PART_BATCHES]
    assert same(resumed, whole)


def test_snapshots_are_kept_with_their_episodes(episodes: Episodes, tmp_path: Path) -> None:
    first, second = EpisodeFrames((0, 50)), EpisodeFrames((0, 50))
    resumable(Runner(), tmp_path).run(KNOWN, episodes, frames=first)
    resumable(Runner(lives=0), tmp_path).run(KNOWN, episodes, frames=second)
    np.testing.assert_array_equal(first.joint_pos, second.joint_pos)
    np.testing.assert_array_equal(second.joint_pos[1, :, 0], episodes.wrist_pose_w[:, 0, 0])


def test_episodes_without_the_wanted_snapshots_run_again(episodes: Episodes, tmp_path: Path) -> None:
    resumable(Runner(), tmp_path).run(KNOWN, episodes)
    again = Runner()
    resumable(again, tmp_path).run(KNOWN, episodes, frames=EpisodeFrames((0,)))
    assert sum(again.sizes) == len(episodes)


def test_what_decides_the_outcome_decides_the_file(episodes: Episodes, tmp_path: Path) -> None:
    resumable(Runner(), tmp_path, settings={"friction": 1.0}).run(KNOWN, episodes)
    other_policy, other_settings, other_episodes = Runner(), Runner(), Runner()
    settings = {"friction": 1.0}
    resumable(other_policy, tmp_path, settings=settings).run(KnownPolicy(oracle(), "another"), episodes)
    resumable(other_settings, tmp_path, settings={"friction": 2.0}).run(KNOWN, episodes)
    resumable(other_episodes, tmp_path, settings=settings).run(
        KNOWN, sampler(seed=1).of_rows(np.array([0, 3, 1, 4, 2] * 4))
    )
    for runner in (other_policy, other_settings, other_episodes):
        assert sum(runner.sizes) == len(episodes)
    resumable(Runner(lives=0), tmp_path, settings=settings).run(KNOWN, episodes)  # nothing is left to run


def test_policies_without_a_fingerprint_are_not_kept(episodes: Episodes, tmp_path: Path) -> None:
    resumable(Runner(), tmp_path).run(oracle(), episodes)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_run_again(episodes: Episodes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = resumable(Runner(), tmp_path).run(KNOWN, episodes)
    first, second, third = sorted(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:100])
    second.write_bytes(b"")
    third.write_bytes(b"no archive")
    again = Runner()
    with caplog.at_level(logging.WARNING):
        assert same(resumable(again, tmp_path).run(KNOWN, episodes), whole)
    assert sum(again.sizes) == len(episodes)
    assert caplog.text.count("cannot be read") == 3


def test_real_episodes_end_alike_in_parts_and_at_once(tmp_path: Path) -> None:
    episodes = sampler().of_rows(np.arange(5).repeat(2))
    runner = EpisodeRunner(num_worlds=1, num_threads=0)
    parted = ResumableRunner(runner, num_worlds=1, store=OutcomeStore(tmp_path)).run(KNOWN, episodes)
    assert len(list(tmp_path.iterdir())) == 2
    assert same(parted, runner.run(oracle(), episodes))


def test_digests_see_numbers_within_settings() -> None:
    class Settings:
        def __init__(self, value: float) -> None:
            self.weights = torch.tensor([value])
            self.limits = np.array([value])

    assert digest({"a": Settings(1.0)}) == digest({"a": Settings(1.0)})
    assert digest({"a": Settings(1.0)}) != digest({"a": Settings(2.0)})


def test_digests_tell_weights_settings_and_grasps_apart() -> None:
    assert module_digest(tiny_module()) == module_digest(tiny_module())
    assert module_digest(tiny_module()) != module_digest(tiny_module(learning_rate=2.0e-3))
    other = tiny_module()
    other.state_dict()["network.output.bias"].add_(1e-6)
    assert module_digest(other) != module_digest(tiny_module())
    assert targets_digest(made_up_targets()) == targets_digest(made_up_targets())
    assert targets_digest(made_up_targets()) != targets_digest(made_up_targets((2, 2)))
    assert episodes_digest(sampler().of_rows(np.array([0, 3]))) != episodes_digest(sampler().of_rows(np.array([1, 3])))
