"""Picture of the movements of the user's task: how far the wrist is from the grasp, and how high, over time."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.command_line import run_command
from envs.conventions import CONTROL_DT
from envs.files import check_output
from envs.hand.hand import Hand
from envs.hand.kinematics import fingertip_centres
from envs.hand.shadow import shadow_hand
from envs.pictures.sheets import save_png
from envs.pictures.view import Image
from envs.plain_errors import plain_errors
from envs.wrist.clearance import open_hand_height
from envs.wrist.movement import KINDS, NO_GRASP_KINDS, WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement

Array = NDArray[np.float64]

_LOG = logging.getLogger(__name__)
_TITLES = {
    "grasp": "grasp",
    "change_of_mind": "change of mind: first towards another grasp",
    "pass_by": "passing by: no grasp, no lift",
}


def movements_picture(movement: UserMovement, samples: int = 6, seed: int = 0) -> Image:
    """Some movements of every kind (H, W, 3): arrival and rise marked, second tries dashed.

    Args:
        movement: gives them; its shares of the kinds play no part.
        samples: movements of each kind.
        seed: decides which.
    Raises:
        ValueError: fewer than one sample.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}, expected at least 1")
    figure = Figure(figsize=(10.0, 8.4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(KINDS), 2, sharex=True)
    for row, kind in zip(axes, KINDS, strict=True):
        final_w, moved = _moved(movement, kind, samples, seed)
        position_w = moved.pose_w[..., :3]
        distance = np.linalg.norm(position_w - final_w[:, None, :3], axis=2)
        _draw(row[0], moved, 100.0 * distance, f"{_TITLES[kind]}\nfrom the grasp, cm")
        _draw(row[1], moved, 100.0 * (position_w[..., 2] - final_w[:, None, 2]), "\nabove the grasp, cm")
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    handles = [
        axes[0, 0].plot([], [], color="0.3", **style)[0]
        for style in ({"marker": "o", "ls": ""}, {"marker": "^", "ls": ""}, {"ls": ":"}, {"marker": "|", "ls": ""})
    ]
    labels = ["arrival", "rise", "second try, made when the first failed", "end"]
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw(axis: Axes, moved: WristMovements, values: Array, title: str) -> None:
    """Values (K, T + 1) over time, until each movement ends."""
    for row in range(len(moved)):
        colour = f"C{row}"
        end, retry_end = moved.num_steps[row], moved.retry_steps[row]
        time_s = np.arange(retry_end + 1) * CONTROL_DT
        axis.plot(time_s[: end + 1], values[row, : end + 1], color=colour, lw=1.4)
        axis.plot(time_s[end:], values[row, end : retry_end + 1], color=colour, lw=1.1, ls=":")
        axis.plot(time_s[end], values[row, end], color=colour, marker="|", ms=9, mew=1.6)
        if KINDS[moved.kind[row]] in NO_GRASP_KINDS:
            continue
        for step, marker in ((moved.arrival_step[row], "o"), (moved.lift_step[row], "^")):
            axis.plot(step * CONTROL_DT, values[row, step], color=colour, marker=marker, ms=6, mec="white", zorder=3)
    axis.set_ylim(bottom=min(-2.0, values.min()))
    axis.set_title(title, fontsize=10, loc="left")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def _moved(movement: UserMovement, kind: str, samples: int, seed: int) -> tuple[Array, WristMovements]:
    """Wrists at made-up grasps (K, 7), and movements of one kind to them."""
    shares = {f"{name}_share": float(name == kind) for name in KINDS if name != "grasp"}
    hand, rng, count = shadow_hand(), np.random.default_rng([seed, KINDS.index(kind)]), 4 * samples
    final_w, other_w = _made_up_grasps(hand, count, rng)
    tips_w = fingertip_centres(hand, final_w, np.tile(hand.open_pose, (count, 1)))
    moved = replace(movement, **shares).sample(  # type: ignore[arg-type]
        hand, final_w, tips_w, other_w, period_s=CONTROL_DT, patterns=generate_patterns(), mix=False, rng=rng
    )
    rows = np.flatnonzero(moved.kind == KINDS.index(kind))[:samples]
    columns = {name: getattr(moved, name)[rows] for name in moved.__dataclass_fields__}
    return final_w[rows], WristMovements(**columns)


def _made_up_grasps(hand: Hand, count: int, rng: np.random.Generator) -> list[Array]:
    """Wrists (K, 7) of hands that point down or sideways a little above the table, and the same turned round it."""
    lean = Rotation.from_euler("x", np.pi - rng.uniform(0.0, 1.3, count)[:, None])
    about = rng.uniform(-np.pi, np.pi, count)
    poses = []
    for angle in (about, about + np.deg2rad(50.0) * rng.choice([-1.0, 1.0], count)):
        turn = Rotation.from_euler("z", angle[:, None]) * lean
        position_w = -0.17 * turn.apply([0.0, 0.0, 1.0])
        poses.append(np.concatenate([position_w, turn.as_quat(scalar_first=True)], axis=1))
    raised = 0.03 - np.min([open_hand_height(hand, pose_w) for pose_w in poses], axis=0)
    for pose_w in poses:
        pose_w[:, 2] += raised
    return poses


def draw_movements(output: Path, movement: UserMovement | None = None, samples: int = 6, seed: int = 0) -> None:
    """Draw movements of the user's task to made-up grasps of the Shadow Hand.

    Args:
        output: picture to write (PNG).
        movement: settings of the movements; the defaults when left out.
        samples: movements of each kind.
        seed: decides which.
    """
    check_output(output)
    picture = movements_picture(UserMovement() if movement is None else movement, samples, seed)
    save_png(output, picture, num_colours=128)
    _LOG.info("wrote %s: %d movements of each of %d kinds", output, samples, len(KINDS))


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(draw_movements, args)


if __name__ == "__main__":
    with plain_errors():
        main()
