"""Figure 10: final poses of a_p and of a_p * a_s in the same episodes."""

from collections.abc import Mapping, Sequence
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
from reports.reproduce.kept_picture import KeptPicture
from reports.reproduce.results import Results
from reports.reproduce.selection import A_P, SCALED
from reports.reproduce.stamps import stamp_digest

_EPISODES = 3
_SIZE = 200

_SIDES = {A_P: "a_p", SCALED: "a_p * a_s"}
"""What is shown, from left to right."""


def fig10(results: Results) -> Block:
    """The hand right before the lift and at its end, of one object of each of some families.

    The sheet is kept in ``figures`` below the folder of the reproduction and used again while one training seed's tests
    are those that it is of. Else another one is made, of the first seed whose tests can be run again; without such the
    reason is told.
    """
    task = results.selection.tasks[0]
    of_seeds = _tests(results, task)
    if not of_seeds:
        return Block(f"- Not shown: no test of {' or '.join(_SIDES.values())} on the {task} task is done.")
    kept = KeptPicture(results.runs.root / "figures" / f"fig10_{task}.png")
    for seed, tests in of_seeds.items():
        sheet = kept.read(_made_of(tests, results))
        if sheet is not None:
            return _block(sheet, list(tests), f"{task} task, training seed {seed}")
    again = {seed: _to_run_again(tests, results) for seed, tests in of_seeds.items()}
    seed, tests = max(again.items(), key=lambda item: len(item[1]))
    if not tests:
        return Block(_reason(of_seeds, results))
    sheet = kept.keep(_sheet(tests, results), _made_of(tests, results))
    return _block(sheet, list(tests), f"{task} task, training seed {seed}")


def _block(sheet: Image, shown: Sequence[str], where: str) -> Block:
    figure = Figure(figsize=(9.0, 9.0 * sheet.shape[0] / sheet.shape[1]))
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.imshow(sheet)
    axis.set_axis_off()
    sides = [_SIDES[name] for name in shown]
    told = f"left {sides[0]}, right {sides[1]}" if len(sides) > 1 else sides[0]
    text = f"![Final poses](pictures/reproduction_fig10.png)\n\nBefore the lift and at its end, {where}; {told}."
    settings = ["Of the kept episodes, run again with collisions on; the paper's have none between hand and object."]
    return Block(text, pictures={"reproduction_fig10.png": figure}, settings=settings)


def _tests(results: Results, task: str) -> dict[int, dict[str, Path]]:
    """By training seed, then by method, folders of the finished tests."""
    found: dict[int, dict[str, Path]] = {}
    for name in [name for name in _SIDES if name in results.plan.methods]:
        for seed, folder in results.tests(name, task).items():
            found.setdefault(seed, {})[name] = folder
    return found


def _made_of(tests: Mapping[str, Path], results: Results) -> dict[str, dict[str, str]]:
    """By method, whose episodes of which test are shown, and what the test was made of."""
    root, methods = results.runs.root, results.plan.methods
    return {
        name: {"test": str(folder.relative_to(root)), "policy": methods[name].policy, "stamp": stamp_digest(folder)}
        for name, folder in tests.items()
    }


def _to_run_again(tests: Mapping[str, Path], results: Results) -> dict[str, Path]:
    """Those whose checkpoint and episodes are there."""
    return {
        name: folder for name, folder in tests.items() if results.has_weights(folder) and (folder / "episodes").is_dir()
    }


def _reason(of_seeds: Mapping[int, Mapping[str, Path]], results: Results) -> str:
    folders = dict.fromkeys(folder for tests in of_seeds.values() for folder in tests.values())
    names = [f"`{folder.relative_to(results.runs.root)}`" for folder in folders]
    return (
        f"- Not shown: of {', '.join(names)} checkpoint or episodes are gone, and no sheet of these very runs is kept. "
        f"Remove {names[0]} and give the command again: it is repeated, and its training where that checkpoint is gone."
    )


def _sheet(tests: Mapping[str, Path], results: Results) -> Image:
    """A column a method."""
    columns = [_strips(folder, results, name) for name, folder in tests.items()]
    return contact_sheet([strip for row in zip(*columns, strict=True) for strip in row], columns=len(columns))


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
