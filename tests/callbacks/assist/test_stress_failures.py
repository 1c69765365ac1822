"""The failures that are shown are the telling ones."""

import numpy as np
import pytest

from callbacks.assist.stress_axes import Setting
from callbacks.assist.stress_failures import failure_sheet, failure_strip, worst_episodes, worst_level
from callbacks.assist.stress_report import LevelOutcomes
from callbacks.assist.stress_runs import LevelRun
from envs.task.settings import TaskSettings
from tests.callbacks.assist.stress_examples import PERIOD_S, made_up_level, shares

pytestmark = pytest.mark.usefixtures("fast_objects")


def run_of(told: LevelOutcomes) -> LevelRun:
    return LevelRun("axis_0", "axis, 1", Setting(TaskSettings(), None), told)


def test_the_worst_level_is_the_one_with_the_fewest_successes_of_ours() -> None:
    levels = [run_of(made_up_level(shares(*counts))) for counts in ((4, 0), (1, 5), (3, 0))]
    assert worst_level(levels, "success") is levels[1]


def test_failures_of_grasps_that_were_taken_nominally_come_first() -> None:
    nominal = made_up_level({"ours": ["success", "hit_table", "success", "success", "hit_table"]})
    level = made_up_level(
        {"ours": ["success", *["let_go"] * 4], "oracle": ["success", "success", "let_go", "success", "let_go"]}
    )
    assert worst_episodes(level, nominal, "success", 9) == [3, 2, 1, 4]
    assert worst_episodes(level, nominal, "success", 1) == [3]
    assert worst_episodes(level, nominal, "disturbed", 9) == []


def test_a_strip_shows_five_states() -> None:
    level = run_of(made_up_level(shares(0, 0)))
    episodes, frames = level.told.episodes, level.frames
    frames.prepare(episodes.hand, 5)
    frames.wrist_pose_w[..., :3], frames.wrist_pose_w[..., 3] = [0.0, 0.0, 0.2], 1.0
    frames.object_pose_w[..., 3] = 1.0
    strip = failure_strip(level, 1, PERIOD_S, 32)
    assert strip.shape[1] > 5 * 32
    sheet = failure_sheet([strip, strip])
    assert sheet is not None
    assert sheet.shape[0] > 2 * strip.shape[0]
    assert sheet.dtype == np.uint8
    assert failure_sheet([]) is None
