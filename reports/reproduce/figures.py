"""Figures 4, 5 and 11 (training curves with their spread over seeds) and 12 (the course of an episode)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks.assist.curves import StepCurve, draw_curves
from callbacks.metrics.estimates import over_seeds
from callbacks.training.figures import dress
from envs.field_files import read_json
from envs.files import write_atomically
from reports.curves import mean_curve, policy_numbers
from reports.markdown import shown, table
from reports.reproduce.blocks import Block, titles
from reports.reproduce.claims import Judged
from reports.reproduce.learning_claims import LearningCurve, claims_on_ablations, claims_on_methods
from reports.reproduce.plan import Plan
from reports.reproduce.results import Results
from reports.reproduce.selection import TABLES
from reports.reproduce.tables import ablations
from reports.run_logs import AGENT_STEPS, Curve, PolicyRun, kept_policies, policy_run, read_logs

SCALARS = {
    "train/episode/success": ("success while learning, %", 100.0),
    "train/episode/posture_rad": ("posture error while learning, rad", 1.0),
}
"""What is drawn over agent steps, with exploration, on training objects."""

_SUCCESS = "train/episode/success"

_KEPT = "curves.json"
"""Of a training, what its logs are drawn by: they may go."""

_TENTH = 0.1
"""Share of a training at its begin and its end that are compared."""

_SMOOTHED = 30
"""Points that a drawn curve is averaged to."""


def trainings(results: Results, names: Sequence[str]) -> dict[str, dict[int, PolicyRun]]:
    """Curves of the trainings of methods by seed; none of what logs no agent steps, or is another's policy."""
    found: dict[str, dict[int, PolicyRun]] = {}
    for name in [name for name in names if not results.plan.methods[name].of]:
        own = {seed: _training(folder) for seed, folder in results.trainings(name).items()}
        if any(own.values()):
            found[name] = {seed: run for seed, run in own.items() if run is not None}
    return found


def _training(folder: Path) -> PolicyRun | None:
    """What is drawn of a training, kept in ``curves.json`` so that its logs may go; None without."""
    kept = folder / _KEPT
    if any(folder.rglob("events.out.tfevents.*")):
        logs = read_logs(folder)
        if not any(AGENT_STEPS in log and _SUCCESS in log for log in logs):
            return None
        run = policy_run(logs)
        shown = PolicyRun({tag: run.curves[tag] for tag in SCALARS if tag in run.curves}, run.minutes)
        write_atomically(kept, (json.dumps(policy_numbers({folder.parent.name: shown})) + "\n").encode())
    return next(iter(kept_policies(kept).values())) if kept.is_file() else None


def curves_figure(runs: Mapping[str, Sequence[PolicyRun]], named: Mapping[str, str]) -> Figure:
    """A panel a scalar: the mean over seeds of each method, and the band between the lowest and the highest seed."""
    figure, axes = plt.subplots(1, len(SCALARS), figsize=(5.2 * len(SCALARS), 4.2), layout="constrained")
    for axis, (tag, (title, factor)) in zip(axes, SCALARS.items(), strict=True):
        for number, (name, own) in enumerate(runs.items()):
            curves = [_averaged(run.curves[tag]) for run in own if tag in run.curves]
            _draw(axis, [each for each in curves if len(each.at)], factor, f"C{number}", named[name])
        axis.set_xlabel("agent steps, thousand")
        dress(axis, title)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _averaged(curve: Curve) -> Curve:
    """Means of neighbouring values, at most `_SMOOTHED` of them."""
    keep = np.isfinite(curve.value)
    parts = [part for part in np.array_split(np.flatnonzero(keep), _SMOOTHED) if len(part)]
    return Curve(*(np.array([column[part].mean() for part in parts]) for column in (curve.at, curve.value)))


def _draw(axis: Axes, curves: Sequence[Curve], factor: float, colour: str, title: str) -> None:
    """The mean and the band where all curves have values; the curves themselves where that is nowhere."""
    mean = mean_curve(curves)
    if mean is not None:
        each = [np.interp(mean.at, curve.at, curve.value) for curve in curves]
        low, high = (factor * bound(each, axis=0) for bound in (np.min, np.max))
        axis.fill_between(mean.at / 1e3, low, high, color=colour, alpha=0.2, linewidth=0.0)
    for number, curve in enumerate(curves if mean is None else [mean]):
        label = f"{title} ({len(curves)})" if number == 0 else None
        axis.plot(curve.at / 1e3, factor * curve.value, color=colour, linewidth=1.6, label=label)


def gains(runs: Mapping[str, Sequence[PolicyRun]], named: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """A row a method: success in the first and the last tenth of its trainings, and by how much it rose.

    The interval of a rise is Student's t over the seeds: rollouts of one training follow one another, and are no
    independent values. One seed has none.
    """
    rows: list[list[str]] = []
    numbers: dict[str, Any] = {}
    for name, own in runs.items():
        finite = [run.curves[_SUCCESS].where(np.isfinite(run.curves[_SUCCESS].value)) for run in own]
        curves = [curve for curve in finite if len(curve.at) > 1]
        if not curves:
            continue
        first, last = np.array([_tenths(curve) for curve in curves]).T
        steps, took = max(curve.at[-1] for curve in curves), float(min(run.minutes for run in own))
        rise = over_seeds(last - first).as_dict() if len(curves) > 1 else {"mean": float(last[0] - first[0]), "n": 1}
        numbers[name] = {
            "first": float(first.mean()), "last": float(last.mean()), "rise": rise, "agent_steps": float(steps),
            "least_minutes": took, "seeds": len(curves),
        }  # fmt: skip
        rose = shown(rise, 100.0, 1) if len(curves) > 1 else f"{100 * rise['mean']:.1f}"
        rows.append(
            [named[name], f"{100 * first.mean():.1f}", f"{100 * last.mean():.1f}", rose, f"{steps / 1e6:.2f}",
             f"{took:.0f}", str(len(curves))]
        )  # fmt: skip
    head = [
        "while learning",
        "first tenth, %",
        "last tenth, %",
        "rise, points",
        "agent steps, million",
        "minutes, at least",
        "seeds",
    ]
    return table(head, rows), numbers


def _tenths(curve: Curve) -> tuple[float, float]:
    """Means of the first and the last tenth, of two values at least."""
    count = max(2, round(_TENTH * len(curve.value)))
    return float(curve.value[:count].mean()), float(curve.value[-count:].mean())


def _curves_block(results: Results, table_name: str, below: Block) -> Block:
    """Curves and gains of the methods of a table, with what else is told below."""
    named = titles(results, TABLES[table_name].methods_in(results.plan))
    trained = trainings(results, list(named))
    if not trained:
        return below
    runs = {name: list(own.values()) for name, own in trained.items()}
    told, numbers = gains(runs, named)
    text = f"![Curves](pictures/reproduction_{table_name}.png)\n\n{told}\n\n{below.text}".rstrip()
    settings = [
        "Band: lowest and highest seed; of a rise: Student's t over the seeds. While learning: with exploration, on "
        "training objects of both tasks. How fast something learns: its mean success in the first half of its "
        "training. Minutes are those of the fastest seed, on a core; others shared the machine with more.",
        *below.settings,
    ]
    pictures = {f"reproduction_{table_name}.png": curves_figure(runs, named)}
    curves = {
        name: LearningCurve(named[name], {seed: run.curves[_SUCCESS] for seed, run in own.items()})
        for name, own in trained.items()
    }
    told_of_learning = _learning_claims(results.plan, table_name, curves)
    return Block(text, {**below.numbers, "training": numbers}, below.judged + told_of_learning, pictures, settings)


def _learning_claims(plan: Plan, table_name: str, curves: Mapping[str, LearningCurve]) -> list[Judged]:
    if table_name == "fig4":
        return claims_on_methods(curves, plan.ours)
    less_of = {name: method.less_of for name, method in plan.methods.items() if method.less_of}
    return claims_on_ablations(curves, plan.ours, less_of)


_ABLATED = (
    "The paper compares the ablations after 10 million agent steps, when those without a_r and without a_s have "
    "collapsed; what it says of the end is held against the end of a much shorter training here.",
    "Ours w/o GF lacks, beside the primitive, the teacher and the pay for leaving the object where it is, as PPO does, "
    "and has a small PointNet from scratch: the difference is not the primitive's alone.",
    "Without a_r or a_s is what is left of the paper's a_p * a_s + a_r, in which a_s is how fast the hand follows the "
    "primitive; ours says how far. They are compared with that sum where the plan has it, else with ours.",
)


def fig4(results: Results) -> Block:
    """Training curves of the methods; success and posture of Fig. 4 are in Table 1."""
    return _curves_block(results, "fig4", Block("Success and posture on unseen objects: Table 1."))


def fig5(results: Results) -> Block:
    """Training curves and results of the ablations."""
    block = _curves_block(results, "fig5", ablations(results, "fig5"))
    return replace(block, settings=[*_ABLATED, *block.settings])


def fig11(results: Results) -> Block:
    """The same without the intrinsic reward alone."""
    return _curves_block(results, "fig11", ablations(results, "fig11"))


def fig12(results: Results) -> Block:
    """Primitive action and r_sim over the control steps of the last rollout of a training of ours."""
    seed, folder = next(iter(results.trainings(results.plan.ours).items()), (0, None))
    path = folder / "episode_curves.json" if folder else None
    if path is None or not path.is_file():
        return Block(f"- Not shown: no finished training of {results.plan.ours} has its curves of an episode here.")
    content = read_json(path, "train again")
    curves = {name: StepCurve(**curve) for name, curve in content["curves"].items()}
    settings = [
        f"Of the {content['title']}, exploring, of training seed {seed}; worlds of both tasks, those of the paper's "
        "end first. Of the user's task, two thirds of the worlds, most hands are still on their way then.",
        "What App. D.1 says (the primitive's action falls as the hand nears the grasp; the policy follows it more "
        "then, and less when about to grasp) is not judged: that takes episodes of one task, without exploration, each "
        "counted from the wrist's arrival.",
    ]
    picture = {"reproduction_fig12.png": draw_curves(curves, "")}
    numbers = {name: vars(curve) for name, curve in curves.items()}
    return Block("![Course of an episode](pictures/reproduction_fig12.png)", numbers, [], picture, settings)
