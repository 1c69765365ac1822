"""Several training seeds of the residual policy in one picture.

python -m reports.policy_curves RUN RUN RUN --output policy_curves.png --json residual_ppo_curves.json
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from callbacks.training.figures import dress, save_figure
from envs.files import write_atomically
from reports.run_curves import RunCurve, RunCurves, read_run

_LOG = logging.getLogger("policy_curves")

_IMITATION = "train/ppo/imitation_loss"
_DIVERGENCE = "train/ppo/kl"


def _measure(name: str, title: str, factor: float = 1.0) -> list[tuple[str, str, float]]:
    """Panels of a measure: while learning, with exploration; then without it, on objects that were not trained on."""
    return [
        (f"train/episode/{name}", f"{title}\nwhile learning", factor),
        (f"val/{name}/unseen_instances", f"{title}\nunseen instances", factor),
        (f"val/{name}/unseen_families", f"{title}\nunseen families", factor),
    ]


PANELS: tuple[tuple[str, str, float], ...] = (
    *_measure("success", "success, %", 100.0),
    ("train/ppo/kl", "change of the policy in a rollout,\nKL", 1.0),
    ("train/ppo/explained_variance", "explained variance\nof the critic", 1.0),
    *_measure("posture_rad", "posture error, rad"),
    ("train/action/a_s", "scale by the policy,\nmean a_s", 1.0),
    ("train/action/a_r_rms", "residual by the policy,\nr.m.s. a_r", 1.0),
    *_measure("translation_m", "object moved before the lift, cm", 100.0),
    ("train/ppo/learning_rate", "learning rate, 1e-3", 1e3),
    ("train/agent_steps_per_s", "agent steps per second", 1.0),
)
"""Scalar, title, factor on the values; drawn in rows of five, those that were logged."""

_COLUMNS = 5


def draw_runs(runs: dict[str, RunCurves], path: Path, title: str = "") -> None:
    """Small multiples over agent steps: a thin line a run, and their mean. What was logged once is no curve.

    Raises:
        ValueError: none of the scalars was logged twice.
    """
    panels = [panel for panel in PANELS if any(_is_curve(run, panel[0]) for run in runs.values())]
    if not panels:
        raise ValueError(f"the runs have no curve of the scalars {', '.join(panel[0] for panel in PANELS)}")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.1 * columns, 2.5 * rows + 0.7), squeeze=False, sharex=True, layout="constrained"
    )
    for axis in grid.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axis, runs, panel)
    for axis in grid.flat[max(0, len(panels) - columns) : len(panels)]:
        axis.set_xlabel("agent steps, thousand")
        axis.tick_params(labelbottom=True)
    figure.legend(
        *grid.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(runs) + 2, fontsize=9
    )
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path, dpi=100)


def _is_curve(run: RunCurves, tag: str) -> bool:
    return tag in run.curves and len(run.curves[tag].value) > 1


def _draw_panel(axis: Axes, runs: dict[str, RunCurves], panel: tuple[str, str, float]) -> None:
    tag, title, factor = panel
    single = [run.curves[tag].finite() for run in runs.values() if tag in run.curves]
    mean = mean_curve(single)
    for number, (name, run) in enumerate(runs.items()):  # one colour a run in every panel
        curve = run.curves.get(tag)
        if curve is not None:
            axis.plot(
                curve.agent_steps / 1e3, factor * curve.value, color=f"C{number}", linewidth=1.0,
                alpha=0.6 if mean else 1.0, label=name, marker="." if len(curve.value) < 20 else "",
            )  # fmt: skip
    if mean is not None:
        axis.plot(mean.agent_steps / 1e3, factor * mean.value, color="black", linewidth=1.8, label="mean")
    # the first rollout with a divergence; a loss of imitation stays in the log until its epoch ends
    of_runs = [run.curves for run in runs.values() if _IMITATION in run.curves and _DIVERGENCE in run.curves]
    ends = [curves[_DIVERGENCE].agent_steps.min() for curves in of_runs]
    if ends:
        axis.axvline(max(ends) / 1e3, color="0.4", linestyle=":", linewidth=1.0, label="end of imitation")
    if title.startswith("success"):
        axis.set_ylim(0.0, 100.0)
    axis.tick_params(labelsize=8)
    dress(axis, title, size=9)


def mean_curve(curves: Sequence[RunCurve]) -> RunCurve | None:
    """Mean of several curves where all of them have values, interpolated; None for less than two, or no such place."""
    curves = [curve for curve in curves if len(curve.value)]
    if len(curves) < 2:
        return None
    steps = np.unique(np.concatenate([curve.agent_steps for curve in curves]))
    first, last = (max(c.agent_steps[0] for c in curves), min(c.agent_steps[-1] for c in curves))
    steps = steps[(steps >= first) & (steps <= last)]
    if not len(steps):
        return None
    return RunCurve(steps, np.mean([np.interp(steps, c.agent_steps, c.value) for c in curves], axis=0))


def curves_as_json(runs: dict[str, RunCurves]) -> str:
    """What the picture shows, and the minutes of training: ``<run>.curves.<scalar>.{agent_steps, value}``."""
    tags = [panel[0] for panel in PANELS]
    content = {
        name: {
            "minutes": round(run.minutes, 1),
            "curves": {tag: _numbers(run.curves[tag]) for tag in tags if tag in run.curves},
        }
        for name, run in runs.items()
    }
    return json.dumps(content) + "\n"


def _numbers(curve: RunCurve) -> dict[str, list[float] | list[float | None]]:
    values = [float(f"{value:.5g}") if np.isfinite(value) else None for value in curve.value]
    return {"agent_steps": curve.agent_steps.tolist(), "value": values}


def _names(runs: Sequence[Path]) -> list[str]:
    """Names of the folders; the whole paths when two would have the same."""
    short = [run.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run) for run in runs]


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the curves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser("policy_curves", description="Training seeds of the residual policy side by side.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="default_root_dir of a training run")
    parser.add_argument("--output", type=Path, required=True, help="PNG of the curves")
    parser.add_argument("--json", type=Path, help="the drawn numbers")
    parser.add_argument("--title", default="", help="heading of the picture")
    given = parser.parse_args(args)
    if len({path.resolve() for path in given.runs}) < len(given.runs):
        parser.error(f"a run is named twice among {', '.join(map(str, given.runs))}")
    runs = dict(zip(_names(given.runs), map(read_run, given.runs), strict=True))
    draw_runs(runs, given.output, given.title)
    if given.json is not None:
        write_atomically(given.json, curves_as_json(runs).encode())
    _LOG.info("wrote %s", given.output)


if __name__ == "__main__":
    main()
