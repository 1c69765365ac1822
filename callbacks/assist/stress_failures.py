"""Filmstrips of the worst failures under stress."""

from collections.abc import Iterable, Sequence

import numpy as np

from callbacks.assist.episode_pictures import SUCCESS, episode_filmstrip
from callbacks.assist.report import OURS
from callbacks.assist.runs import FRAMES
from callbacks.assist.stress_report import LevelOutcomes
from callbacks.assist.stress_runs import FRAME_STEPS, LevelRun
from datamodules.rollouts.runner import EpisodeFrames
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Image
from envs.task.outcomes import CAUSES


def worst_level(levels: Sequence[LevelRun], measure: str) -> LevelRun:
    """The level on which ours has the fewest successes in what is measured, the last of equals."""

    def rate(level: LevelRun) -> float:
        is_success = level.told.counted(measure).outcomes[OURS].is_success
        return float(is_success.mean()) if len(is_success) else 1.0

    return min(reversed(levels), key=rate)


def worst_episodes(level: LevelOutcomes, nominal: LevelOutcomes, measure: str, count: int) -> list[int]:
    """Rows of failures of ours that say most: of grasps that it took nominally, and that most others took here.

    Args:
        level: where they failed.
        nominal: the same grasps without stress.
        measure: only episodes that it is about.
        count: at most so many.
    """
    ours, episodes = level.outcomes[OURS], level.episodes
    taken = nominal.episodes.grasp_row[nominal.episodes.is_grasp & nominal.outcomes[OURS].is_success]
    others = sum(each.is_success.astype(np.int64) for name, each in level.outcomes.items() if name != OURS)
    failed = np.flatnonzero((episodes.is_grasp == (measure == "success")) & (ours.cause != SUCCESS))
    worth = 10 * np.isin(episodes.grasp_row, taken) + others
    return failed[np.argsort(-worth[failed], kind="stable")][:count].tolist()


def failure_strip(level: LevelRun, row: int, period_s: float, size: int) -> Image:
    """One row of pictures (H, W, 3) uint8: start, half of the way, arrival, as the lift begins, and the end.

    Args:
        level: where it failed.
        row: which episode.
        period_s: seconds of a control step.
        size: edge of a picture, pixels.
    """
    episodes, frames = level.told.episodes, level.frames
    end, is_grasp = int(episodes.grasp_step[row]), bool(episodes.is_grasp[row])
    arrival = int(episodes.arrival_step[row]) if is_grasp else end // 2
    wanted = [step / FRAME_STEPS for step in (0, arrival / 2, arrival, end)]
    chosen = np.minimum(np.round(wanted).astype(np.int64), len(frames.steps) - 1)
    shown = EpisodeFrames(tuple(frames.steps[index] for index in chosen))
    for name in FRAMES:
        setattr(shown, name, getattr(frames, name)[[*chosen, -1]][:, [row]])
    thing, cause = episodes.grasp_objects[row], CAUSES[level.told.outcomes[OURS].cause[row]].replace("_", " ")
    when = f"there at {period_s * arrival:.2f} s, rises at {period_s * end:.2f} s" if is_grasp else "no grasp"
    return episode_filmstrip(
        episodes.hand,
        thing,
        shown,
        0,
        size=size,
        heading=f"{level.title}: {thing.name}, {cause} ({when})",
        titles=[f"{period_s * step:.2f} s" for step in shown.steps],
        last="after the lift" if is_grasp else "end",
    )


def failure_sheet(strips: Iterable[Image]) -> Image | None:
    """All strips below one another (H, W, 3) uint8; None without any."""
    found = list(strips)
    return contact_sheet(found, columns=1) if found else None
