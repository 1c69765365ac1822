"""What the paper says about how fast methods learn, and that two of them collapse; by success while they learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from callbacks.metrics.estimates import over_seeds
from reports.reproduce.claims import Claim, Judged, judged
from reports.reproduce.paper import EQUAL
from reports.reproduce.results import Difference
from reports.reproduce.selection import ILAD, NO_A_R, NO_A_S, NO_R_SIM
from reports.run_logs import Curve

ENDED, MIDDLE = "its last tenth", "its tenth at the middle"
"""Of one training, in place of two methods."""

_TENTH = 0.1


@dataclass(frozen=True)
class LearningCurve:
    """Success while learning of a method, by training seed."""

    title: str
    seeds: Mapping[int, Curve]


def efficiency(curve: Curve) -> float:
    """Mean success of all rollouts of a training: what learns earlier has more."""
    return float(np.nanmean(curve.value))


def tenth(curve: Curve, at: float) -> float:
    """Mean of the tenth of a training, of two values at least, that begins at a share of it."""
    values = curve.value[np.isfinite(curve.value)]
    count = max(2, round(_TENTH * len(values)))
    first = min(round(at * len(values)), len(values) - count)
    return float(values[max(0, first) :][:count].mean())


def claims_on_methods(curves: Mapping[str, LearningCurve], ours: str) -> list[Judged]:
    """Sec. 5.1 about Fig. 4: ours learns as fast as ILAD."""
    return _compared(Claim("Ours learns as fast as ILAD (Sec. 5.1)", "success", ours, ILAD, margin=EQUAL), curves)


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
        falls = [tenth(curve, 1.0) - tenth(curve, 0.5 - _TENTH / 2) for curve in curves[name].seeds.values()]
        text = f"{title} collapses: {ENDED} is below {MIDDLE} (Sec. 5.2)"
        found += _told(Claim(text, "success", name, name, is_lower=True), falls)
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
    return [judged(claim, Difference(over_seeds(differences).as_dict()), "", "training objects")]
