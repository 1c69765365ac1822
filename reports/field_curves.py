"""Training curves as a picture: ``python -m reports.field_curves --run runs/gf --output gf_curves.png``."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jsonargparse import auto_cli
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from callbacks.training.figures import dress, save_figure
from envs.conventions import SPLITS
from envs.files import write_atomically
from reports.run_curves import began, event_files, read_log

_LOG = logging.getLogger("field_curves")

_PANELS: tuple[tuple[str, str, float], ...] = (
    ("val/dsm_loss/", "denoising loss on held-out draws", 1.0),
    ("val/field_success/", "lifted after following the field, %", 100.0),
    ("val/posture_rad/", "posture error, rad", 1.0),
)
"""Prefix of the scalars, title, factor on the values."""


@dataclass(frozen=True)
class Curve:
    """One scalar over a run: optimiser steps, minutes since the first value of the run, values."""

    step: list[int]
    minutes: list[float]
    value: list[float]


def read_curves(run: Path) -> dict[str, Curve]:
    """All scalars of a run's newest TensorBoard log.

    Raises:
        FileNotFoundError: no TensorBoard events below the folder.
    """
    newest = max(event_files(run), key=lambda file: file.stat().st_mtime)
    log = read_log(newest.parent)
    first = began(log)
    return {
        tag: Curve(
            [point.step for point in points],
            [round((point.wall_time - first) / 60.0, 3) for point in points],
            [point.value for point in points],
        )
        for tag, points in log.items()
    }


def draw_curves(curves: dict[str, Curve], path: Path, title: str) -> None:
    """One panel a measure over minutes of training, a line a split."""
    panels = [panel for panel in _PANELS if any(tag.startswith(panel[0]) for tag in curves)]
    if not panels:
        raise ValueError(f"the run has none of the scalars {', '.join(panel[0] for panel in _PANELS)}")
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.4), squeeze=False, layout="constrained")
    for axis, panel in zip(axes[0], panels, strict=True):
        _draw_panel(axis, curves, panel)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _draw_panel(axis: Axes, curves: dict[str, Curve], panel: tuple[str, str, float]) -> None:
    prefix, title, factor = panel
    for number, split in enumerate(SPLITS):  # one colour a split in every panel
        curve = curves.get(prefix + split)
        if curve is not None:
            values, label = [factor * value for value in curve.value], split.replace("_", " ")
            axis.plot(curve.minutes, values, label=label, linewidth=1.6, color=f"C{number}")
    axis.set_xlabel("minutes")
    dress(axis, title)
    axis.legend(fontsize=8, frameon=False)


def report(run: Path, output: Path, curves_json: Path | None = None, title: str = "") -> None:
    """Draw the curves of a training run.

    Args:
        run: the run's default_root_dir.
        output: PNG to write.
        curves_json: JSON with the plotted numbers; none when null.
        title: heading of the picture.
    """
    curves = read_curves(run)
    draw_curves(curves, output, title or str(run))
    if curves_json is not None:
        shown = {tag: vars(curve) for tag, curve in curves.items() if tag.startswith(tuple(p[0] for p in _PANELS))}
        write_atomically(curves_json, (json.dumps(shown) + "\n").encode())
    _LOG.info("wrote %s", output)


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the curves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    auto_cli(report, args=None if args is None else list(args), as_positional=False)


if __name__ == "__main__":
    main()
