"""Levels have the nominal grasps, and movements that differ in what the level changes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from callbacks.assist.stress_axes import Setting, StressAxis, StressLevel
from callbacks.assist.stress_runs import FRAME_STEPS, plan_levels
from envs.task.episodes import Episodes, EpisodeSampler
from envs.task.settings import TaskSettings
from envs.wrist.movement import KINDS
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement
from tests.assisting import made_up_targets

pytestmark = pytest.mark.usefixtures("fast_objects")

NOMINAL = Setting(TaskSettings(movement=UserMovement(retry_share=0.0, pass_by_share=0.4)), None)


@pytest.fixture
def episodes_of() -> Callable[[Setting], Episodes]:
    """Forty episodes of made-up grasps under a setting."""
    targets, patterns = made_up_targets(), generate_patterns().split("train")

    def found(setting: Setting) -> Episodes:
        sampler = EpisodeSampler(targets, patterns, mix=False, seed=0, task=setting.task)
        return sampler.of_rows(np.arange(40) % 5)

    return found


def from_object(episodes: Episodes) -> np.ndarray:
    """Where wrists start, seen from the object (E, 3)."""
    return np.asarray(episodes.wrist_pose_w[:, 0, :3] - episodes.object_pose_w[:, :3])


def test_levels_keep_grasps_kinds_and_starts(episodes_of: Callable[[Setting], Episodes]) -> None:
    axes = {
        "speed": StressAxis([StressLevel(2, movement={"speed": 2.0})]),
        "noise": StressAxis([StressLevel(2, noise={"point_m": 0.002})]),
    }
    nominal = episodes_of(NOMINAL)
    runs = plan_levels(axes, NOMINAL, episodes_of)
    fast, noisy = (runs[name][0].told.episodes for name in axes)
    for level in (fast, noisy):
        np.testing.assert_array_equal(level.grasp_row, nominal.grasp_row)
        np.testing.assert_array_equal(level.kind, nominal.kind)
        np.testing.assert_allclose(from_object(level), from_object(nominal), atol=2e-3)  # apart from tremor
    np.testing.assert_array_equal(noisy.wrist_pose_w, nominal.wrist_pose_w)
    assert fast.num_steps.mean() < 0.8 * nominal.num_steps.mean()
    assert runs["speed"][0].title == "speed, 2"
    assert runs["speed"][0].frames.steps[:2] == (0, FRAME_STEPS)


def test_an_axis_of_one_kind_has_these_episodes_alone(episodes_of: Callable[[Setting], Episodes]) -> None:
    runs = plan_levels({"by": StressAxis([StressLevel(2)], kind="pass_by")}, NOMINAL, episodes_of)
    kinds = runs["by"][0].told.episodes.kind
    assert 0 < len(kinds) < 40
    assert set(kinds.tolist()) == {KINDS.index("pass_by")}
    none = replace(NOMINAL, task=TaskSettings(movement=UserMovement(pass_by_share=0.0)))
    with pytest.raises(ValueError, match="axis by, level 2: none of 40 episodes is of the kind pass_by; raise its sha"):
        plan_levels({"by": StressAxis([StressLevel(2)], kind="pass_by")}, none, episodes_of)
