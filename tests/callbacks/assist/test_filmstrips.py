"""Which episodes are shown, and that the pictures come out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbacks.assist import episode_pictures, filmstrips
from callbacks.assist.episode_pictures import PicturedEpisodes, episode_filmstrip, pick_episodes
from callbacks.assist.evaluation import AssistEvaluation
from callbacks.assist.filmstrips import AssistFilmstrips
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan
from datamodules.rollouts.runner import EpisodeFrames
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.task.outcomes import CAUSES
from tests.callbacks.assist.test_evaluation import Assistant, Data
from tests.callbacks.conftest import Quiet

HAND = shadow_hand()


def picked(causes: list[str], families: list[str], num_successes: int, num_failures: int) -> list[int]:
    cause = np.array([CAUSES.index(name) for name in causes])
    return pick_episodes(cause, np.array(families), num_successes, num_failures)


def test_causes_take_turns_and_successes_come_last() -> None:
    causes = ["hit_table", "success", "hit_table", "pushed_over", "hit_table", "success", "success"]
    families = ["mug"] * 7
    # hit_table is the most frequent: rows 0, then pushed_over: row 3, then hit_table again: row 2
    assert picked(causes, families, num_successes=2, num_failures=3) == [0, 3, 2, 1, 5]
    assert picked(causes, families, num_successes=9, num_failures=9) == [0, 3, 2, 4, 1, 5, 6]


def test_failures_are_of_the_worst_families_one_after_the_other() -> None:
    causes = ["hit_table", "success", "hit_table", "hit_table", "pushed_over", "pushed_over", "hit_table"]
    families = ["mug", "mug", "box", "box", "mug", "box", "pan"]
    # success: mug 1 of 3, box and pan 0 of 3 and 1. The table's turn: a box (row 2), the first of the worst families;
    # then pushed over, box shown already: the mug (row 4); then the table again: the pan (row 6)
    assert picked(causes, families, num_successes=0, num_failures=3) == [2, 4, 6]


def test_a_lifted_object_stays_where_it_is_in_the_picture() -> None:
    """Two frames that differ by a lift of hand and object only: the hand covers the same pixels."""
    thing = make_object("box", 0)
    wrist = np.array([0.0, 0.05, thing.rest_poses[0, 2] + 0.2, 0.0, 1.0, 0.0, 0.0])
    frames = EpisodeFrames((50,))
    frames.prepare(HAND, 1)
    up = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    frames.joint_pos[:] = HAND.open_pose.copy()
    frames.wrist_pose_w[:, 0] = [wrist, wrist + up]
    frames.object_pose_w[:, 0] = [thing.rest_poses[0], thing.rest_poses[0] + up]
    strip = episode_filmstrip(HAND, thing, frames, 0, size=64, heading="box")
    before, after = strip[-64 - 24 : -24, 6:70].astype(int), strip[-64 - 24 : -24, 76:140].astype(int)
    orange = [(image[..., 0] > image[..., 2] + 80) for image in (before, after)]
    assert orange[0].sum() > 50
    assert (orange[0] & orange[1]).sum() > 0.8 * orange[0].sum()


def test_an_object_that_is_left_alone_is_neither_shown_nor_counted_as_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str]] = []

    def strip(*given: Any, heading: str, last: str, **more: Any) -> Any:
        shown.append((heading, last))
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(episode_pictures, "episode_filmstrip", strip)
    causes = ["success", "success", "hit_table", "disturbed"]
    pictured = PicturedEpisodes(
        HAND, [make_object("box", 0)] * 4, ["wrap"] * 4, np.array([CAUSES.index(name) for name in causes]), CAUSES,
        EpisodeFrames((0,)), np.array([False, True, True, False]),
    )  # fmt: skip
    pictured.sheet(2, 2, 64)
    assert [(heading.split(": ", 1)[1], last) for heading, last in shown] == [
        ("50 %), wrap: disturbed", "end"), ("50 %), wrap: hit table", "after the lift"),
        ("50 %), wrap: success", "lifted"),
    ]  # fmt: skip


@pytest.fixture
def rollouts(tiny_path: Path, fast_objects: None) -> RolloutDataModule:
    return Data(path=str(tiny_path), reachable_only=False, num_threads=0)


def test_test_writes_a_sheet_for_every_split(rollouts: RolloutDataModule, quiet: Quiet, tmp_path: Path) -> None:
    evaluation = AssistEvaluation(plan=SpreadPlan(2), splits=("unseen_families",), policies=["ours"])
    strips = AssistFilmstrips(num_failures=1, num_successes=1, size=32)
    quiet(strips, evaluation).test(Assistant(), rollouts, verbose=False)
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["episodes_unseen_families.png"]


def test_fit_draws_for_tensorboard_only(
    rollouts: RolloutDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AssistFilmstrips, "draw", lambda *_: pytest.fail("drawn"))
    evaluation = AssistEvaluation(num_validation_episodes=1, splits=("unseen_families",))
    quiet(evaluation, AssistFilmstrips(every_n_epochs=1)).fit(Assistant(), rollouts)


def test_fit_hands_images_to_tensorboard(
    rollouts: RolloutDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    images: list[tuple[str, Any]] = []

    class Board:
        def add_image(self, name: str, image: Any, step: int, dataformats: str) -> None:
            images.append((name, image.shape))

    monkeypatch.setattr(filmstrips, "boards_in_turn", lambda trainer, every: [Board()] if trainer.current_epoch else [])
    monkeypatch.setattr(AssistFilmstrips, "draw", lambda *_: np.zeros((8, 8, 3), dtype=np.uint8))
    evaluation = AssistEvaluation(num_validation_episodes=1, splits=("unseen_families",))
    quiet(evaluation, AssistFilmstrips(), max_epochs=2).fit(Assistant(), rollouts)
    assert images == [("episodes/unseen_families", (8, 8, 3))]


@pytest.mark.parametrize("options", [{"num_failures": 0, "num_successes": 0}, {"num_failures": -1}, {"size": 8}])
def test_senseless_sizes_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"num_failures is -?\d+, num_successes \d+ and size \d+; allowed are"):
        AssistFilmstrips(**options)
