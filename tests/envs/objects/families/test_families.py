import numpy as np
import pytest

from envs.objects.families import DEVELOPMENT_FAMILIES, FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES, family_named


def test_there_are_enough_families_and_none_is_on_two_sides() -> None:
    seen, unseen, development = (
        {f.name for f in each} for each in (SEEN_FAMILIES, UNSEEN_FAMILIES, DEVELOPMENT_FAMILIES)
    )
    assert len(seen) >= 34
    assert len(unseen) >= 12
    assert len(development) >= 4
    assert set(FAMILIES) == seen | unseen | development
    assert len(FAMILIES) == len(seen) + len(unseen) + len(development)


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


def test_hand_bell_is_hollow_and_stands_on_every_third_wall() -> None:
    bell = FAMILIES["hand_bell"]
    walls = bell.build(bell.draw(np.random.default_rng(0)))[:12]
    heights = np.array([wall[:, 2].min() for wall in walls])
    np.testing.assert_allclose(heights[::3], 0.0, atol=1e-12)
    assert (np.delete(heights, np.s_[::3]) > 5e-4).all()
    assert min(np.linalg.norm(wall[:, :2], axis=1).min() for wall in walls) > 0.01  # nothing is on the axis


def test_trowel_handle_stands_above_the_plane_of_its_blade() -> None:
    trowel = FAMILIES["trowel"]
    drawn = trowel.draw(np.random.default_rng(0))
    pieces = trowel.build(drawn)
    assert pieces[0][:, 2].max() == pytest.approx(drawn["blade_thickness"])
    handle = np.concatenate([piece for piece in pieces if piece[:, 0].max() < -0.03])
    assert handle[:, 2].mean() == pytest.approx(drawn["rise"], abs=0.002)


def test_wings_of_an_aeroplane_reach_out_alike() -> None:
    airplane = FAMILIES["toy_airplane"]
    drawn = airplane.draw(np.random.default_rng(0))
    reach = np.concatenate(airplane.build(drawn))[:, 1]
    assert reach.max() == pytest.approx(-reach.min()) == pytest.approx(0.5 * drawn["span_ratio"] * drawn["length"])


def test_unknown_family_names_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"object family 'mugg' is unknown; available: .*\bmug\b"):
        family_named("mugg")
