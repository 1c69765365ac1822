import numpy as np
import pytest

from envs.objects.families import FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES, family_named


def test_there_are_enough_families_and_none_is_on_both_sides() -> None:
    seen, unseen = {f.name for f in SEEN_FAMILIES}, {f.name for f in UNSEEN_FAMILIES}
    assert len(seen) >= 34
    assert len(unseen) >= 12
    assert not seen & unseen
    assert set(FAMILIES) == seen | unseen


@pytest.mark.parametrize("name", FAMILIES)
def test_drawn_parameters_stay_in_their_ranges(name: str) -> None:
    family = FAMILIES[name]
    drawn = [family.draw(np.random.default_rng(seed)) for seed in range(50)]
    for parameter, (low, high) in family.ranges.items():
        values = [p[parameter] for p in drawn]
        assert low <= min(values) < low + 0.2 * (high - low)  # 50 draws reach both ends of the range
        assert high - 0.2 * (high - low) < max(values) <= high


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("end", [0, 1])
def test_extreme_parameters_build(name: str, end: int) -> None:
    family = FAMILIES[name]
    pieces = family.build({parameter: limits[end] for parameter, limits in family.ranges.items()})
    assert all(np.isfinite(piece).all() and piece.shape[1] == 3 for piece in pieces)


def test_mug_walls_hover_above_its_underside() -> None:
    mug = FAMILIES["mug"]
    floor, *walls = mug.build(mug.draw(np.random.default_rng(0)))[:13]
    assert floor[:, 2].min() == 0.0
    assert min(wall[:, 2].min() for wall in walls) == pytest.approx(0.0015)


def test_unknown_family_names_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"object family 'mugg' is unknown; available: .*\bmug\b"):
        family_named("mugg")
