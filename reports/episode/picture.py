"""One episode in one picture: filmstrip, heights, actions, commands and touches over time, and why it ended so."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from callbacks.assist.episode_pictures import episode_filmstrip
from callbacks.training.figures import dress
from datamodules.rollouts.runner import EpisodeFrames
from envs.hand.hand import Hand
from envs.physics.base import Array
from envs.pictures.view import Image
from reports.episode.record import EpisodeRecord
from reports.episode.story import palm_distance, parts_of

_NAMES = {"a_p": "primitive a_p", "a_s": "scale or extent a_s", "a_r": "residual a_r", "a": "action a"}
_COLOURS = {"a_p": "C0", "a_s": "C1", "a_r": "C2", "a": "black"}
_TOUCH = ("C0", "C3")
"""Colours of links on the object and on the table."""


def strip_steps(record: EpisodeRecord) -> list[int]:
    """The five steps of the filmstrip: start, half-way, arrival, lift, end; without these, evenly spread."""
    end = record.end
    arrival = end if record.arrival is None else record.arrival
    if record.lift is None or not 2 <= arrival < record.lift < end:
        return [round(share * end) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return [0, arrival // 2, arrival, record.lift, end]


def filmstrip(record: EpisodeRecord, size: int) -> Image:
    """Five moments of the episode (H, W, 3) uint8."""
    steps = strip_steps(record)
    frames = EpisodeFrames(tuple(steps[:-1]))
    for name in ("joint_pos", "wrist_pose_w", "object_pose_w"):
        setattr(frames, name, getattr(record, name)[steps, None])
    titles = [f"{step * record.period_s:.2f} s" for step in steps]
    return episode_filmstrip(
        record.hand, record.grasp_object, frames, 0, size=size, titles=titles[:-1], last=titles[-1]
    )  # fmt: skip


def episode_picture(record: EpisodeRecord, title: str, told: str, *, size: int = 240) -> Image:
    """The picture (H, W, 3) uint8.

    Args:
        record: of the episode.
        title: what it is.
        told: why it ended as it did.
        size: edge of a picture of the filmstrip, pixels.
    """
    actions = [name for name in _NAMES if name in record.actions]
    figure = Figure(figsize=(11.5, 11.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(5, 12, height_ratios=[2.3, 1.5, 1.5, 1.4, 1.7])
    strip = figure.add_subplot(grid[0, :])
    strip.imshow(filmstrip(record, size))
    strip.set_axis_off()
    first = figure.add_subplot(grid[1, :6])
    panels = [first, *(figure.add_subplot(spot, sharex=first) for spot in (grid[1, 6:], grid[2, :6], grid[2, 6:]))]
    _draw_heights(panels[0], record)
    _draw_approach(panels[1], record)
    _draw_norms(panels[2], record)
    _draw_joints(panels[3], record)
    width = 12 // max(1, len(actions))
    for number, name in enumerate(actions):
        axis = figure.add_subplot(grid[3, number * width : (number + 1) * width], sharex=first)
        _draw_fingers(axis, record, name, has_names=number == 0)
        panels.append(axis)
    panels.append(figure.add_subplot(grid[4, :], sharex=first))
    _draw_touches(panels[-1], record)
    for axis in panels:
        _mark(axis, record)
        axis.tick_params(labelsize=8)
    first.set_xlim(0.0, record.num_steps * record.period_s)
    figure.suptitle(f"{title}\n{textwrap.fill(told, 132)}", fontsize=11)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _times(record: EpisodeRecord, count: int) -> Array:
    return record.period_s * np.arange(count, dtype=np.float64)


def _mark(axis: Axes, record: EpisodeRecord) -> None:
    """Vertical lines at arrival, lift and the end of what is judged."""
    for step, style in ((record.arrival, "--"), (record.lift, "-"), (record.end, ":")):
        if step is not None and step < record.num_steps:
            axis.axvline(step * record.period_s, color="0.35", linestyle=style, linewidth=1.0)


def _legend(axis: Axes, columns: int) -> None:
    """A legend in room of its own above the curves."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.32 * (high - low))
    axis.legend(fontsize=7, loc="upper left", ncols=columns, frameon=False)


def _draw_heights(axis: Axes, record: EpisodeRecord) -> None:
    times = _times(record, record.num_steps + 1)
    axis.plot(times, 100.0 * record.wrist_pose_w[:, 2], color="black", label="wrist")
    axis.plot(times, 100.0 * record.object_pose_w[:, 2], color="C1", label="object")
    moved = np.linalg.norm(record.object_pose_w[:, :2] - record.start_pose_w[:, :2], axis=1)
    axis.plot(times, 100.0 * moved, color="C1", linestyle=":", label="object, moved sideways")
    for style, label in (("--", "arrival"), ("-", "lift begins"), (":", "lift is judged")):
        axis.plot([], [], color="0.35", linestyle=style, label=label)
    for step in np.flatnonzero(np.diff(record.start_pose_w, axis=0).any(axis=1)):
        axis.axvline(step * record.period_s, color="C1", linestyle="-.", linewidth=1.0, label="object put elsewhere")
    _legend(axis, 3)
    dress(axis, "heights above the table, cm", size=9)


def _draw_approach(axis: Axes, record: EpisodeRecord) -> None:
    times = _times(record, record.num_steps + 1)
    axis.plot(times, 100.0 * palm_distance(record), color="C0", label="palm to cloud, cm")
    speed = np.linalg.norm(np.diff(record.wrist_pose_w[:, :3], axis=0), axis=1) / record.period_s
    axis.plot(times[1:], 10.0 * speed, color="C3", linewidth=1.0, label="wrist speed, dm/s")
    axis.set_ylim(bottom=0.0)
    _legend(axis, 2)
    dress(axis, "palm to cloud, and wrist speed", size=9)


def _draw_norms(axis: Axes, record: EpisodeRecord) -> None:
    """Root mean square over the joints of each action."""
    for name, label in _NAMES.items():
        if name in record.actions:
            values = record.actions[name]
            axis.plot(
                _times(record, len(values)), np.sqrt((values**2).mean(axis=1)), color=_COLOURS[name], label=label,
                linewidth=1.6 if name == "a" else 1.2,
            )  # fmt: skip
    axis.set_ylim(bottom=0.0)
    _legend(axis, 4)
    dress(axis, "actions, root mean square over the joints", size=9)


def _draw_joints(axis: Axes, record: EpisodeRecord) -> None:
    times = _times(record, record.num_steps + 1)
    for number, (name, columns) in enumerate(closing_columns(record.hand).items()):
        sign = record.hand.closing[columns]
        for values, style in ((record.joint_pos, "-"), (record.command, ":")):
            mean = np.rad2deg((sign * (values[:, columns] - values[:1, columns])).mean(axis=1))
            axis.plot(times, mean, color=f"C{number}", linestyle=style, label=name if style == "-" else None)
    _legend(axis, 3)
    dress(axis, "closed by, degrees, mean of a finger's joints; dotted: commands", size=9)


def closing_columns(hand: Hand) -> Mapping[str, list[int]]:
    """Columns of the joints that close each finger."""
    names = list(parts_of(hand))[: len(hand.fingers)]
    columns = [[hand.joints.index(joint) for joint in finger.joints] for finger in hand.fingers]
    return {
        name: [each for each in own if hand.closing[each] != 0.0] for name, own in zip(names, columns, strict=True)
    }  # fmt: skip


def _draw_fingers(axis: Axes, record: EpisodeRecord, name: str, *, has_names: bool) -> None:
    """An action of each finger over time: mean of its closing joints; all but a_s are above 0 where they close."""
    columns, values = closing_columns(record.hand), record.actions[name]
    signs = np.ones(record.hand.num_joints) if name == "a_s" else record.hand.closing
    rows = np.stack([(signs[own] * values[:, own]).mean(axis=1) for own in columns.values()])
    end = len(values) * record.period_s
    extent = (0.0, end, len(rows) - 0.5, -0.5)
    axis.imshow(rows, aspect="auto", cmap="RdBu_r", vmin=-1.0, vmax=1.0, extent=extent, interpolation="nearest")
    axis.set_yticks(range(len(rows)), list(columns) if has_names else [""] * len(rows))
    closes = "" if name == "a_s" else "; red closes"
    axis.set_title(f"{_NAMES[name]}, {rows.min():.1f} to {rows.max():.1f}{closes}", fontsize=9)


def _draw_touches(axis: Axes, record: EpisodeRecord) -> None:
    hand, period_s = record.hand, record.period_s
    order = [link for links in parts_of(hand).values() for link in sorted(links)]
    shown = [link for link in order if record.touches[:, link].any() or record.on_table[:, link].any()]
    for row, link in enumerate(shown):
        for touching, colour, offset in zip((record.touches, record.on_table), _TOUCH, (-0.2, 0.2), strict=True):
            steps: NDArray[np.int64] = np.flatnonzero(touching[:, link])
            spans = [((step - 1) * period_s, period_s) for step in steps.tolist()]
            axis.broken_barh(spans, (row + offset - 0.18, 0.36), facecolors=colour)
    axis.set_yticks(range(len(shown)), [hand.links[link] for link in shown])
    axis.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    for colour, label in zip(_TOUCH, ("on the object", "on the table"), strict=True):
        axis.bar(0.0, 0.0, color=colour, label=label)
    axis.legend(fontsize=8, loc="upper left")
    axis.set_xlabel("seconds", fontsize=9)
    dress(axis, "links that touch", size=9)
