"""The log of a controller (`live.log.ControllerLog`) in one picture: what hand and wrist did, and what it decided."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from callbacks.training.figures import dress
from envs.hand.hand import Hand
from envs.hand.registry import load_hand
from envs.physics.base import Array
from envs.pictures.hand_picture import OBJECT_COLOUR, posed_hand
from envs.pictures.meshes import ColouredMesh, coloured
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Image, look_at, render_scene
from reports.episode.picture import closing_columns

_FIELDS = ("time_s", "wrist_pose_w", "object_pose_w", "joint_pos", "command", "a_s", "a_p", "state", "message",
           "compute_s", "hand", "cloud")  # fmt: skip
_STATES = {"idle": "0.85", "assist": "C0", "holding": "C2", "release": "C1"}
_POINT = 0.0015
"""Metres; size of a point of the cloud in a picture."""


@dataclass(frozen=True)
class LoggedRun:
    """T control steps of a controller; fields as `live.log.Step`, with the hand and the last cloud (N, 3)."""

    hand: Hand
    cloud: Array
    time_s: Array
    wrist_pose_w: Array
    object_pose_w: Array
    joint_pos: Array
    command: Array
    a_s: Array
    a_p: Array
    state: NDArray[np.str_]
    message: NDArray[np.str_]
    compute_s: Array

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def seconds(self) -> Array:
        """Times from the first step on (T,)."""
        return self.time_s - self.time_s[0]


def read_logged_run(path: Path) -> LoggedRun:
    """A log as the controller wrote it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is none, has no steps, or is of a hand that is not known here.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays: dict[str, Any] = {name: content[name] for name in content.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"log {path} cannot be read: {error}; expected what live.run --log wrote") from error
    if missing := [name for name in _FIELDS if name not in arrays]:
        raise ValueError(f"log {path} has no field {missing[0]}; expected what live.run --log wrote")
    if len(arrays["time_s"]) == 0:
        raise ValueError(f"log {path} has no step; the controller was never given joints")
    hand = load_hand(str(arrays["hand"]))
    if arrays["joint_pos"].shape != (len(arrays["time_s"]), hand.num_joints):
        raise ValueError(f"log {path} has joints {arrays['joint_pos'].shape}, the hand {hand.name} {hand.num_joints}")
    return LoggedRun(hand, **{name: arrays[name] for name in _FIELDS if name != "hand"})


def told(run: LoggedRun) -> str:
    """What happened, in sentences."""
    changes = np.flatnonzero(run.state[1:] != run.state[:-1]) + 1
    steps = [0, *changes.tolist()]
    states = ", ".join(f"{run.state[step]} from {run.seconds[step]:.2f} s" for step in steps[:12])
    frozen = run.message != ""
    text = f"{len(run)} control steps in {run.seconds[-1]:.1f} s: {states}{', ...' if len(steps) > 12 else ''}."
    if frozen.any():
        reasons = sorted({str(message) for message in run.message[frozen]})
        text += f" Fingers frozen in {100.0 * frozen.mean():.1f} % of the steps: {'; '.join(reasons)}."
    spent = 1e3 * run.compute_s
    return f"{text} A step took {np.median(spent):.1f} ms, 99 % less than {np.percentile(spent, 99):.1f} ms."


def picture_steps(run: LoggedRun) -> list[int]:
    """Five steps with a known wrist: the first and last one, and those where the state changes, or between."""
    known = np.flatnonzero(np.isfinite(run.wrist_pose_w).all(axis=1))
    if len(known) == 0:
        return []
    changes = [int(step) + 1 for step in np.flatnonzero(run.state[1:] != run.state[:-1])]
    evenly = [int(known[round(share * (len(known) - 1))]) for share in (0.0, 1.0, 0.5, 0.25, 0.75)]
    wanted = [*evenly[:2], *(step for step in changes if step in known), *evenly[2:]]
    return sorted(list(dict.fromkeys(wanted))[:5])


def filmstrip(run: LoggedRun, size: int) -> Image | None:
    """Hand and cloud at some steps (H, W, 3) uint8; None where no wrist was seen."""
    images, titles = [], []
    for step in picture_steps(run):
        wrist_w, meshes = run.wrist_pose_w[step], [posed_hand(run.hand, run.joint_pos[step], run.wrist_pose_w[step])]
        object_w = run.object_pose_w[step]
        if len(run.cloud) and np.isfinite(object_w).all():
            turn = Rotation.from_quat(object_w[3:], scalar_first=True)
            meshes.append(_dots(turn.apply(run.cloud) + object_w[:3]))
        corners = np.concatenate([mesh.corners.reshape(-1, 3) for mesh in meshes])
        near = corners[np.linalg.norm(corners - wrist_w[:3], axis=1) < 0.5]
        images.append(render_scene(meshes, look_at(near, np.array([0.75, -0.9, 0.35])), size))
        titles.append(f"{run.seconds[step]:.2f} s, {run.state[step]}")
    return contact_sheet(images, titles, columns=len(images)) if images else None


def _dots(points: Array) -> ColouredMesh:
    """A tetrahedron at each point (N, 3)."""
    corners = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    vertices = (points[:, None] + _POINT * corners).reshape(-1, 3)
    return coloured(vertices, (faces + 4 * np.arange(len(points))[:, None, None]).reshape(-1, 3), OBJECT_COLOUR)


def log_picture(run: LoggedRun, title: str, size: int = 220) -> Image:
    """The picture (H, W, 3) uint8."""
    figure = Figure(figsize=(11.5, 10.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, 2, height_ratios=[2.2, 1.4, 1.5, 1.4])
    strip = figure.add_subplot(grid[0, :])
    if (shown := filmstrip(run, size)) is not None:
        strip.imshow(shown)
    strip.set_axis_off()
    first = figure.add_subplot(grid[1, 0])
    panels = [first, *(figure.add_subplot(grid[row, column], sharex=first) for row, column in _PLACES)]
    for axis, draw in zip(panels, (_draw_wrist, _draw_joints, _draw_actions, _draw_scale, _draw_lag, _draw_time),
                          strict=True):  # fmt: skip
        draw(axis, run)
        _mark_states(axis, run)
        axis.tick_params(labelsize=8)
    first.set_xlim(0.0, max(float(run.seconds[-1]), 1e-3))
    figure.suptitle(title, fontsize=11)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


_PLACES = ((1, 1), (2, 0), (2, 1), (3, 0), (3, 1))


def _mark_states(axis: Axes, run: LoggedRun) -> None:
    """States as a band at the foot of a panel, frozen steps red above it."""
    ends = np.append(run.seconds[1:], run.seconds[-1])
    for mask, colour, low in [
        *((run.state == name, colour, 0.0) for name, colour in _STATES.items()),
        (run.message != "", "C3", 0.04),
    ]:
        spans = [(run.seconds[step], ends[step] - run.seconds[step]) for step in np.flatnonzero(mask)]
        axis.broken_barh(spans, (low, 0.04), transform=axis.get_xaxis_transform(), facecolors=colour, linewidth=0)


def _draw_wrist(axis: Axes, run: LoggedRun) -> None:
    axis.plot(run.seconds, 100.0 * run.wrist_pose_w[:, 2], color="black", label="wrist")
    axis.plot(run.seconds, 100.0 * run.object_pose_w[:, 2], color="C1", label="frame of the cloud")
    for name, colour in {**_STATES, "frozen": "C3"}.items():
        axis.plot([], [], color=colour, linewidth=5, label=name)
    axis.legend(fontsize=7, loc="upper right", ncols=4, frameon=False)
    dress(axis, "heights above the table, cm; band: states", size=9)


def _draw_joints(axis: Axes, run: LoggedRun) -> None:
    for number, (name, columns) in enumerate(closing_columns(run.hand).items()):
        sign = run.hand.closing[columns]
        for values, style in ((run.joint_pos, "-"), (run.command, ":")):
            mean = np.rad2deg((sign * (values[:, columns] - run.hand.open_pose[columns])).mean(axis=1))
            axis.plot(run.seconds, mean, style, color=f"C{number}", label=name if style == "-" else None)
    axis.legend(fontsize=7, loc="upper right", ncols=3, frameon=False)
    dress(axis, "closed from open by, degrees, mean of a finger; dotted: commands", size=9)


def _draw_actions(axis: Axes, run: LoggedRun) -> None:
    for name, colour in (("a_p", "C0"), ("a_s", "C1")):
        values = getattr(run, name)
        axis.plot(run.seconds, np.sqrt((values**2).mean(axis=1)), color=colour, label=name)
    axis.legend(fontsize=7, loc="upper right", frameon=False)
    dress(axis, "policy, root mean square over the joints", size=9)


def _draw_scale(axis: Axes, run: LoggedRun) -> None:
    for number, (name, columns) in enumerate(closing_columns(run.hand).items()):
        axis.plot(run.seconds, run.a_s[:, columns].mean(axis=1), color=f"C{number}", label=name)
    dress(axis, "a_s, mean of a finger (colours as above)", size=9)


def _draw_lag(axis: Axes, run: LoggedRun) -> None:
    lag = np.rad2deg((run.command - run.joint_pos) * run.hand.closing)
    axis.plot(run.seconds, lag.max(axis=1), color="black")
    axis.set_xlabel("seconds", fontsize=9)
    dress(axis, "largest lag of a joint that presses, degrees", size=9)


def _draw_time(axis: Axes, run: LoggedRun) -> None:
    axis.plot(run.seconds, 1e3 * run.compute_s, ".", markersize=2, color="black")
    axis.set_xlabel("seconds", fontsize=9)
    dress(axis, "a control step took, ms", size=9)
