"""The table of the rehearsal, as the paper's Table 4, and filmstrips of what failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from callbacks.assist.episode_pictures import episode_filmstrip
from callbacks.metrics.estimates import estimate
from datamodules.rollouts.runner import EpisodeFrames
from envs.conventions import CONTROL_DT
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Image
from live.rehearsal.plan import Trial
from live.rehearsal.runner import TrialResult
from reports.markdown import per_cent, table, words

PAPER_SUCCESS = 0.66
"""Of the paper's Table 4: ten YCB objects, two poses, five trials of each with a real hand."""

Done = Sequence[tuple[Trial, TrialResult]]
"""Trials that were done, and how they came out."""


def summary(done: Done) -> dict[str, Any]:
    """Success with its interval over objects, causes, and what was measured of time; plain, for JSON.

    Raises:
        ValueError: no trials.
    """
    if not done:
        raise ValueError("no trial was done yet; run some")
    success = np.array([result.is_success for _, result in done], dtype=float)
    names = np.array([trial.grasp_object.name for trial, _ in done])
    index = np.unique(names, return_inverse=True)[1]
    steps = sum(result.seconds for _, result in done) / CONTROL_DT
    return {
        "success": estimate(success, index, is_rate=True).as_dict(),
        "trials": len(done),
        "by_object": {name: _shares(done, str(name)) for name in dict.fromkeys(names.tolist())},
        "causes": dict(Counter(result.cause for _, result in done)),
        "released": float(np.mean([float(each.is_released) for _, each in done if each.is_success] or [0.0])),
        "frozen_share": sum(result.frozen_s for _, result in done) / sum(result.seconds for _, result in done),
        "late_share": sum(result.num_late for _, result in done) / steps,
        "paper": PAPER_SUCCESS,
    }


def _shares(done: Done, name: str) -> dict[str, list[int]]:
    """Successes and trials of each pose of an object."""
    found: dict[str, list[int]] = {"1": [0, 0], "2": [0, 0]}
    for trial, result in done:
        if trial.grasp_object.name == name:
            found[str(trial.pose)][0] += result.is_success
            found[str(trial.pose)][1] += 1
    return found


def results_table(found: Mapping[str, Any], about: str) -> str:
    """The table in Markdown, with a line of what it was measured on."""
    things = found["by_object"]
    rows = [[f"pose {pose}", *(_cell(things[name][pose]) for name in things), ""] for pose in ("1", "2")]
    both = [[sum(part) for part in zip(*things[name].values(), strict=True)] for name in things]
    rows.append(["both", *map(_cell, both), f"**{per_cent(found['success'], 0)} %**"])
    causes = ", ".join(
        f"{words(name)} {count}" for name, count in sorted(found["causes"].items(), key=lambda item: -item[1])
    )
    shown = table(["", *(_title(name) for name in things), "success"], rows)
    return (
        f"{shown}\n\nThe paper, with a real hand and ten YCB objects: {100.0 * PAPER_SUCCESS:.0f} %. "
        f"{found['trials']} trials; interval: 95 %, bootstrap over objects. How they ended: {causes}. "
        f"Fingers frozen for {100.0 * found['frozen_share']:.1f} % of the time. {about}"
    )


def _cell(share: Sequence[int]) -> str:
    return f"{share[0]}/{share[1]}" if share[1] else "-"


def _title(name: str) -> str:
    return words(name.rstrip("0123456789").rstrip("_"))


def filmstrips(done: Done, most: int, size: int = 150) -> Image | None:
    """Failures one below another (H, W, 3) uint8, another object each as long as there are; None without any."""
    failed = [(trial, result) for trial, result in done if not result.is_success]
    seen: Counter[str] = Counter()
    order = []
    for number, (trial, _) in enumerate(failed):
        order.append((seen[trial.grasp_object.name], number))
        seen[trial.grasp_object.name] += 1
    strips = [_strip(*failed[number], size) for _, number in sorted(order)[:most]]
    return contact_sheet(strips, columns=1) if strips else None


def _strip(trial: Trial, result: TrialResult, size: int) -> Image:
    frames = EpisodeFrames(result.frames[:-1])
    for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
        setattr(frames, name, getattr(result, name)[:, None])
    heading = f"{words(trial.grasp_object.name)}, pose {trial.pose}, trial {trial.number}: {words(result.cause)}"
    return episode_filmstrip(
        trial.hand, trial.grasp_object, frames, 0, size=size, heading=heading,
        titles=["start", "half a second before", "lift", "on the way"], last="end",
    )  # fmt: skip
