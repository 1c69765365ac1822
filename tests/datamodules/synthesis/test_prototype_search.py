"""The pilot that finds prototypes, in small."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.synthesis.prototype_search import PilotSettings, draw_line, facing_coverage, run_pilot
from envs.hand.shadow import shadow_hand
from tests.datamodules.grasps.examples import prototypes, thing

HAND = shadow_hand()

SMALL = PilotSettings(num_lines=60, num_tried=3, num_kept=2, seed=2)


@pytest.mark.parametrize("grasp_type", HAND.type_names)
def test_lines_lie_within_the_limits_and_flex_the_fingers_of_their_type(grasp_type: str) -> None:
    rng, limits = np.random.default_rng(0), HAND.limits
    flexing = {"wrap": "FMRL", "spherical": "FMRL", "precision": "FMR", "tripod": "FM", "lateral": ""}
    active = flexing.get(grasp_type, grasp_type.removeprefix("pinch_")[0])
    lines = [draw_line(HAND, grasp_type, rng) for _ in range(20)]
    for line in lines:
        for joints in (line.open, line.closed):
            assert ((joints >= limits.low) & (joints <= limits.high)).all()
    change = np.array([line.closed - line.open for line in lines])
    for finger in "FMRL":
        flexion = change[:, HAND.joints.index(f"{finger}FJ2")]
        # drawn wide: a single line may even open by a little
        assert flexion.mean() > 0.5 if finger in active else not flexion.any()
    assert change[:, HAND.joints.index("THJ1")].mean() < -0.1  # the thumb flexes towards its lower limit


def test_lines_differ_and_the_same_generator_draws_the_same() -> None:
    rng = np.random.default_rng(0)
    first, second = draw_line(HAND, "wrap", rng), draw_line(HAND, "wrap", rng)
    assert (first.open != second.open).any()
    np.testing.assert_array_equal(draw_line(HAND, "wrap", np.random.default_rng(0)).open, first.open)


def test_a_line_whose_pads_face_one_another_scores_higher_than_a_stiff_one() -> None:
    good = prototypes()["wrap"][0]
    stiff = replace(good, open=np.zeros(18), closed=np.zeros(18))
    good_score, stiff_score = facing_coverage(HAND, "wrap", [good, stiff])
    assert good_score > stiff_score + 1.0  # more than one bin of apertures


def test_pilot_keeps_the_lines_that_verified_most_best_first() -> None:
    verified: list[int] = []
    kept = run_pilot(HAND, "wrap", [thing()], SMALL, on_line=verified.append)
    assert len(verified) == SMALL.num_tried
    assert [line.verified for line in kept] == sorted(verified, reverse=True)[: SMALL.num_kept]
    assert max(verified) > 0


def test_unknown_type() -> None:
    with pytest.raises(ValueError, match="grasp type 'hook' of the hand shadow is unknown; available: lateral"):
        draw_line(HAND, "hook", np.random.default_rng(0))
