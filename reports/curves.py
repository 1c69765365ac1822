"""Training curves as a picture: one run of the primitive, or training seeds of the residual policy.

python -m reports.curves runs/gf --output gf_curves.png --json pretrained/gf_curves.json
python -m reports.curves RUN RUN RUN --output policy_curves.png --json pretrained/residual_ppo_curves.json
python -m reports.curves pretrained/residual_ppo_curves.json RUN --output policy_curves.png  # kept numbers, and a run
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from callbacks.training.figures import dress, save_figure
from envs.conventions import SPLITS
from envs.files import check_output, write_atomically
from reports.run_logs import AGENT_STEPS, Curve, Log, PolicyRun, kept_policies, minutes, policy_run, read_logs

_LOG = logging.getLogger("curves")

_IMITATION = "train/ppo/imitation_loss"
_DIVERGENCE = "train/ppo/kl"

Panel = tuple[str, str, float]
"""Scalar, title, factor on the values."""

Lines = Mapping[str, Mapping[str, Curve]]
"""Curves by the name of a line, then by scalar."""

FIELD_PANELS: tuple[Panel, ...] = (
    ("val/dsm_loss/", "denoising loss on held-out draws", 1.0),
    ("val/field_success/", "lifted after following the field, %", 100.0),
    ("val/posture_rad/", "posture error, rad", 1.0),
)
"""Scalars of a run of the primitive without the split at their end: a split is a line."""


def _measure(name: str, title: str, factor: float = 1.0) -> list[Panel]:
    """Panels of a measure: while learning, with exploration; then without it, on objects that were not trained on.

    These are of development; of the other splits where a set has no development objects, or a log is of before.
    """
    return [
        (f"train/episode/{name}", f"{title}\nwhile learning", factor),
        *((f"val/{name}/{split}", f"{title}\n{split.replace('_', ' ')}", factor) for split in SPLITS[1:]),
    ]


POLICY_PANELS: tuple[Panel, ...] = (
    *_measure("success", "success, %", 100.0),
    ("train/ppo/kl", "change of the policy in a rollout,\nKL", 1.0),
    ("train/ppo/explained_variance", "explained variance\nof the critic", 1.0),
    *_measure("posture_rad", "posture error, rad"),
    ("train/action/a_s", "scale or gate by the policy,\nmean", 1.0),
    ("train/action/a_r_rms", "residual by the policy,\nr.m.s. a_r", 1.0),
    *_measure("translation_m", "object moved before the lift, cm", 100.0),
    ("train/ppo/learning_rate", "learning rate, 1e-3", 1e3),
    ("train/agent_steps_per_s", "agent steps per second", 1.0),
)
"""Scalars of runs of the residual policy: a run is a line."""

_ROWS = 3
"""Rows of the measures of a policy, which stand one below the other; three panels stand side by side."""


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Attributes:
        lines: thin lines; what was logged once is no curve.
        panels: small multiples in three rows, those of which there is a curve; three panels or less side by side.
        axis: what the horizontal axis shows.
        scale: by how much it is divided.
        has_mean: draw the mean of the lines too.
        end: place of a vertical line, the end of imitation.
    """

    lines: Lines
    panels: Sequence[Panel]
    axis: str
    scale: float = 1.0
    has_mean: bool = False
    end: float | None = None

    def draw(self, path: Path, title: str = "") -> None:
        """Write the picture.

        Raises:
            ValueError: none of the scalars was logged twice.
        """
        panels = [panel for panel in self.panels if any(_is_curve(curves, panel[0]) for curves in self.lines.values())]
        if not panels:
            raise ValueError(f"the logs have no curve of the scalars {', '.join(panel[0] for panel in self.panels)}")
        columns = min(len(panels), max(3, -(-len(panels) // _ROWS)))
        rows = -(-len(panels) // columns)
        figure, grid = plt.subplots(
            rows, columns, figsize=(3.1 * columns, 2.5 * rows + 0.7), squeeze=False, sharex=True, layout="constrained"
        )
        for axis in grid.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, panel in zip(grid.flat, panels, strict=False):
            self._draw_panel(axis, panel)
        for axis in grid.flat[max(0, len(panels) - columns) : len(panels)]:
            axis.set_xlabel(self.axis)
            axis.tick_params(labelbottom=True)
        handles = grid.flat[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(self.lines) + 2, fontsize=9)
        figure.suptitle(title, fontsize=11)
        save_figure(figure, path, dpi=100)

    def _draw_panel(self, axis: Axes, panel: Panel) -> None:
        tag, title, factor = panel
        single = [curves[tag] for curves in self.lines.values() if tag in curves]
        mean = mean_curve([curve.where(np.isfinite(curve.value)) for curve in single]) if self.has_mean else None
        for number, (name, curves) in enumerate(self.lines.items()):  # one colour a line in every panel
            if tag in curves:
                curve = curves[tag]
                axis.plot(
                    curve.at / self.scale, factor * curve.value, color=f"C{number}", linewidth=1.0,
                    alpha=0.6 if mean else 1.0, label=name, marker="." if len(curve.value) < 20 else "",
                )  # fmt: skip
        if mean is not None:
            axis.plot(mean.at / self.scale, factor * mean.value, color="black", linewidth=1.8, label="mean")
        if self.end is not None:
            axis.axvline(self.end / self.scale, color="0.4", linestyle=":", linewidth=1.0, label="end of imitation")
        if title.startswith("success"):
            axis.set_ylim(0.0, 100.0)
        axis.tick_params(labelsize=8)
        dress(axis, title, size=9)


def _is_curve(curves: Mapping[str, Curve], tag: str) -> bool:
    return tag in curves and len(curves[tag].value) > 1


def mean_curve(curves: Sequence[Curve]) -> Curve | None:
    """Mean of several curves where all of them have values, interpolated; None for less than two, or no such place."""
    curves = [curve for curve in curves if len(curve.value)]
    if len(curves) < 2:
        return None
    at = np.unique(np.concatenate([curve.at for curve in curves]))
    at = at[(at >= max(curve.at[0] for curve in curves)) & (at <= min(curve.at[-1] for curve in curves))]
    if not len(at):
        return None
    return Curve(at, np.mean([np.interp(at, curve.at, curve.value) for curve in curves], axis=0))


def policy_chart(runs: Mapping[str, PolicyRun]) -> Chart:
    """Training seeds over agent steps, with their mean."""
    lines = {name: run.curves for name, run in runs.items()}
    # the first rollout with a divergence; a loss of imitation stays in the log until its epoch ends
    imitated = [curves for curves in lines.values() if _IMITATION in curves and _DIVERGENCE in curves]
    end = max((float(curves[_DIVERGENCE].at.min()) for curves in imitated), default=None)
    return Chart(lines, POLICY_PANELS, "agent steps, thousand", scale=1e3, has_mean=True, end=end)


def policy_numbers(runs: Mapping[str, PolicyRun]) -> dict[str, Any]:
    """What the picture shows, and the minutes of training: ``<run>.curves.<scalar>.{agent_steps, value}``."""

    def numbers(curve: Curve) -> dict[str, Any]:
        values = [float(f"{value:.5g}") if np.isfinite(value) else None for value in curve.value]
        return {"agent_steps": curve.at.tolist(), "value": values}

    tags = [panel[0] for panel in POLICY_PANELS]
    return {
        name: {
            "minutes": round(run.minutes, 1),
            "curves": {tag: numbers(run.curves[tag]) for tag in tags if tag in run.curves},
        }
        for name, run in runs.items()
    }


def field_chart(log: Log) -> Chart:
    """One run of the primitive over minutes."""
    values = {tag: np.array([event.value for event in events]) for tag, events in log.items()}
    lines = {
        split.replace("_", " "): {
            prefix: Curve(np.array(minutes(log, prefix + split)), values[prefix + split])
            for prefix, _, _ in FIELD_PANELS
            if prefix + split in log
        }
        for split in SPLITS
        if any(prefix + split in log for prefix, _, _ in FIELD_PANELS)
    }
    return Chart(lines, FIELD_PANELS, "minutes")


def field_numbers(log: Log) -> dict[str, Any]:
    """What the picture shows: ``<scalar>.{step, minutes, value}``."""
    shown = [tag for tag in log if tag.startswith(tuple(panel[0] for panel in FIELD_PANELS))]
    return {
        tag: {
            "step": [event.step for event in log[tag]],
            "minutes": minutes(log, tag),
            "value": [event.value for event in log[tag]],
        }
        for tag in shown
    }


def _names(runs: Sequence[Path]) -> list[str]:
    """Names of the folders; the whole paths when two would have the same."""
    short = [run.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run) for run in runs]


def _draw(paths: Sequence[Path], output: Path, numbers_file: Path | None, title: str) -> None:
    """Write the picture of runs, and its numbers.

    Raises:
        OSError: a run has no logs, or a file cannot be written.
        ValueError: there is nothing to draw, or two runs have one name.
    """
    kept = {name: run for path in paths if path.is_file() for name, run in kept_policies(path).items()}
    folders = [path for path in paths if not path.is_file()]
    logs = dict(zip(_names(folders), map(read_logs, folders), strict=True))
    first = next(iter(logs.values()), [])
    if kept or len(logs) > 1 or any(AGENT_STEPS in log for log in first):
        if twice := sorted(kept.keys() & logs.keys()):
            raise ValueError(f"{', '.join(twice)}: names both of kept curves and of folders; rename the folders")
        runs = {**kept, **{name: policy_run(each) for name, each in logs.items()}}
        chart, numbers = policy_chart(runs), policy_numbers(runs)
    else:  # the newest training among them: a test has a log too
        newest = next((log for log in reversed(first) if field_numbers(log)), first[-1] if first else Log())
        chart, numbers = field_chart(newest), field_numbers(newest)
    chart.draw(output, title)
    if numbers_file is not None:
        write_atomically(numbers_file, (json.dumps(numbers) + "\n").encode())


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the curves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser("curves", description="Training curves in one picture.")
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN",
        help="default_root_dir of a training run; or a file of residual policies written by --json",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, help="PNG of the curves")
    parser.add_argument("--json", type=Path, help="the drawn numbers")
    parser.add_argument("--title", default="", help="heading of the picture")
    given = parser.parse_args(args)
    if len({path.resolve() for path in given.runs}) < len(given.runs):
        parser.error(f"a run is named twice among {', '.join(map(str, given.runs))}")
    try:
        check_output(given.output, *given.runs, given.json)
        _draw(given.runs, given.output, given.json, given.title)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    _LOG.info("wrote %s", given.output)


if __name__ == "__main__":
    main()
