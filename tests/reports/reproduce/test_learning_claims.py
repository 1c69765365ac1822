"""How fast methods learn, and whether they collapse, by curves of a few rollouts."""

import numpy as np
import pytest

from reports.reproduce.learning_claims import LearningCurve, claims_on_ablations, claims_on_methods, efficiency, fall
from reports.run_logs import Curve


def curve(*values: float) -> Curve:
    return Curve(np.arange(float(len(values))), np.array(values))


def learnt(title: str, *seeds: Curve) -> LearningCurve:
    return LearningCurve(title, dict(enumerate(seeds)))


RISES = [curve(*np.linspace(0.0, last, 20)) for last in (0.8, 0.82)]
FALLS = [curve(*np.minimum(2.0 * at, 1.4 - at)) for at in (np.linspace(0.1, 1.0, 20), np.linspace(0.12, 1.0, 20))]


def test_means_and_falls() -> None:
    rises = curve(*np.arange(20.0), np.nan)
    assert efficiency(rises) == pytest.approx(4.5)
    assert fall(rises) == pytest.approx(17.0 - 7.0)


@pytest.mark.parametrize(("ahead", "verdict"), [(0.3, "holds"), (-0.01, "holds"), (-0.2, "does not hold")])
def test_as_fast_as_ilad_or_faster(ahead: float, verdict: str) -> None:
    of_ours = [curve(*(each.value + ahead)) for each in RISES]
    [found] = claims_on_methods({"ours": learnt("Ours", *of_ours), "ilad": learnt("ILAD", *RISES)}, "ours")
    assert found.verdict == verdict
    assert (found.task, found.split) == ("", "training objects")


def test_an_ablation_is_held_against_what_it_is_a_part_less_of() -> None:
    curves = {
        "ours": learnt("Ours", *RISES), "scale": learnt("The sum", *FALLS),
        "without_residual": learnt("w/o a_r", *FALLS),
        "without_r_sim": learnt("w/o r_sim", *[curve(*(0.5 * each.value)) for each in RISES]),
    }  # fmt: skip
    found = claims_on_ablations(curves, "ours", {"without_residual": "scale"})
    assert [(each.claim.text, each.verdict) for each in found] == [
        ("w/o a_r learns faster than The sum (Sec. 5.2)", "not decided"),  # it is the same
        ("w/o a_r collapses: more than 5 points below its second quarter at last (Sec. 5.2)", "holds"),
        ("w/o r_sim learns more slowly than Ours (App. D.1)", "holds"),
    ]
    [faster, collapses, _] = claims_on_ablations(curves, "ours", {})
    assert (faster.claim.other, faster.verdict) == ("ours", "holds")
    assert collapses.verdict == "holds"


def test_one_training_decides_nothing() -> None:
    assert claims_on_methods({"ours": learnt("Ours", RISES[0]), "ilad": learnt("ILAD", *RISES)}, "ours") == []
    assert claims_on_ablations({"ours": learnt("Ours", *RISES)}, "ours", {}) == []
