"""What the paper says about how fast methods learn, and that two of them collapse; by success while they learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from callbacks.metrics.estimates import over_seeds
from reports.reproduce.claims import TRAINING, Claim, Judged, judged
from reports.reproduce.paper import EQUAL
from reports.reproduce.results import Difference
from reports.reproduce.selection import ILAD, NO_A_R, NO_A_S, NO_R_SIM
from reports.run_logs import Curve

_EARLY = 0.5
"""Share of a training by which is told how fast something learns: what comes later may be a collapse."""


@dataclass(frozen=True)
class LearningCurve:
    """Success while learning of a method, by training seed."""

    title: str
    seeds: Mapping[int, Curve]


def efficiency(curve: Curve) -> float:
    """Mean success in the first half of a training: what learns earlier has more."""
    values = curve.value[np.isfinite(curve.value)]
    return float(values[: max(1, round(_EARLY * len(values)))].mean())


def fall(curve: Curve) -> float:
    """Success in the last quarter of a training minus that in the second one."""
    quarters = np.array_split(curve.value[np.isfinite(curve.value)], 4)
    return float(quarters[3].mean() - quarters[1].mean())


def claims_on_methods(curves: Mapping[str, LearningCurve], ours: str) -> list[Judged]:
    """Sec. 5.1 about Fig. 4: ours learns as fast as ILAD, whose demonstrations it does without."""
    text = "Ours learns as fast as ILAD, or faster (Sec. 5.1)"
    return _compared(Claim(text, "success", ours, ILAD, expected=-EQUAL), curves)


def claims_on_ablations(curves: Mapping[str, LearningCurve], ours: str, less_of: Mapping[str, str]) -> list[Judged]:
    """Sec. 5.2 about Fig. 5, and App. D.1 about Fig. 11.

    Args:
        curves: by name of the method.
        ours: its name.
        less_of: what an ablation is a part less of, where that is not ours.
    """
    found: list[Judged] = []
    for name in (NO_A_R, NO_A_S, NO_R_SIM):
        whole = less_of.get(name, ours)
        if name not in curves or whole not in curves:
            continue
        other, title = curves[whole].title, curves[name].title
        if name == NO_R_SIM:
            text = f"{title} learns more slowly than {other} (App. D.1)"
            found += _compared(Claim(text, "success", name, whole, is_lower=True), curves)
            continue
        found += _compared(Claim(f"{title} learns faster than {other} (Sec. 5.2)", "success", name, whole), curves)
        falls = [fall(curve) for curve in curves[name].seeds.values() if np.isfinite(curve.value).sum() >= 4]
        text = f"{title} collapses: more than {100 * EQUAL:.0f} points below its second quarter at last (Sec. 5.2)"
        found += _told(Claim(text, "success", name, name, is_lower=True, expected=-EQUAL), falls)
    return found


def _compared(claim: Claim, curves: Mapping[str, LearningCurve]) -> list[Judged]:
    if claim.one not in curves or claim.other not in curves:
        return []
    one, other = curves[claim.one].seeds, curves[claim.other].seeds
    return _told(claim, [efficiency(one[seed]) - efficiency(other[seed]) for seed in one if seed in other])


def _told(claim: Claim, differences: Sequence[float]) -> list[Judged]:
    """By Student's t over the seeds: rollouts of one training follow one another. One seed says nothing."""
    if len(differences) < 2:
        return []
    return [judged(claim, Difference(over_seeds(differences).as_dict()), "", TRAINING)]
