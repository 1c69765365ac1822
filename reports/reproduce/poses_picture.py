"""Figure 10: final poses of a_p and of a_p * a_s in the same episodes."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from callbacks.assist.episode_pictures import episode_filmstrip
from datamodules.rollouts.runner import EpisodeFrames
from envs.conventions import UNSEEN_SPLITS
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Image
from reports.episode.record import EpisodeRecord
from reports.episode.runs import Address, OpenedRun
from reports.reproduce.blocks import Block
from reports.reproduce.results import Results
from reports.reproduce.selection import A_P, SCALED

_EPISODES = 3
_SIZE = 200


def fig10(results: Results) -> Block:
    """The hand right before the lift and at its end, of one object of each of some families."""
    task = results.selection.tasks[0]
    found = {name: results.first_test(name, task) for name in (A_P, SCALED) if name in results.plan.methods}
    there = {name: folder for name, folder in found.items() if folder is not None and results.has_weights(folder)}
    columns = [_strips(folder, results, name) for name, folder in there.items()]
    if not columns:
        return Block("-")
    sheet = contact_sheet([strip for row in zip(*columns, strict=True) for strip in row], columns=len(columns))
    figure = Figure(figsize=(9.0, 9.0 * sheet.shape[0] / sheet.shape[1]))
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.imshow(sheet)
    axis.set_axis_off()
    text = (
        "![Final poses](pictures/reproduction_fig10.png)\n\n"
        f"Before the lift and at its end, {task} task; left a_p, right a_p * a_s."
    )
    settings = ["Of the kept episodes, run again with collisions on; the paper's have none between hand and object."]
    return Block(text, pictures={"reproduction_fig10.png": figure}, settings=settings)


def _strips(folder: Path, results: Results, name: str) -> list[Image]:
    """Strips of the first episode of each of some families."""
    method = results.plan.methods[name]
    run = OpenedRun(Address(folder, UNSEEN_SPLITS[1], method.policy).files())
    families = np.array([thing.family for thing in run.episodes.grasp_objects])
    _, first = np.unique(families, return_index=True)
    return [_strip(run.replay(int(number)).record, method.title) for number in sorted(first)[:_EPISODES]]


def _strip(record: EpisodeRecord, title: str) -> Image:
    steps = [record.before, record.end]
    frames = EpisodeFrames((record.before,))
    for each in ("joint_pos", "wrist_pose_w", "object_pose_w"):
        setattr(frames, each, getattr(record, each)[steps, None])
    return episode_filmstrip(
        record.hand, record.grasp_object, frames, 0, size=_SIZE, heading=f"{title}, {record.grasp_object.family}",
        titles=["before the lift"], last="after it",
    )  # fmt: skip
