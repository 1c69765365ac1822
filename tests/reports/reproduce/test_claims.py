"""Verdicts, and the differences that they are made of."""

from pathlib import Path

import numpy as np
import pytest

from reports.reproduce.claims import FAILS, HOLDS, OPEN, Claim, Verdict, judge, judged, verdict
from reports.reproduce.outcomes import read_outcomes
from reports.reproduce.results import Difference, difference, independent, measured, poses_grasped, share
from tests.reports.reproduce.kept import keep


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        ([(0.01, 0.2)], HOLDS),
        ([(-0.2, -0.01)], FAILS),
        ([(-0.01, 0.2)], OPEN),
        ([(0.0, 0.2)], OPEN),  # 0 itself is in the interval
        ([(0.01, 0.2), (-0.1, 0.3)], OPEN),  # over objects apart, over training seeds not
        ([(0.01, 0.2), (0.02, 0.3)], HOLDS),
        ([(0.01, 0.2), (-0.3, -0.1)], OPEN),  # they contradict one another
    ],
)
def test_a_direction_holds_where_every_interval_is_on_its_side(
    intervals: list[tuple[float, float]], said: Verdict
) -> None:
    assert verdict(intervals) == said
    assert verdict([(-high, -low) for low, high in intervals], is_lower=True) == said


@pytest.mark.parametrize(
    ("interval", "said"),
    [((-0.04, 0.05), HOLDS), ((-0.06, 0.01), OPEN), ((0.06, 0.2), FAILS), ((-0.2, -0.06), FAILS), ((0.04, 0.06), OPEN)],
)
def test_equality_holds_within_its_margin(interval: tuple[float, float], said: Verdict) -> None:
    assert verdict([interval], margin=0.05) == said


def test_differences_are_taken_episode_by_episode(tmp_path: Path) -> None:
    keep(tmp_path / "a", "unseen_instances", [5, 5, 4, 5, 4])
    keep(tmp_path / "b", "unseen_instances", [1, 0, 2, 1, 1])
    one, other = ({0: read_outcomes(tmp_path / name, "unseen_instances", "ours")} for name in "ab")
    found = difference(one, other, "success")  # type: ignore[arg-type]
    assert found is not None
    # 4, 5, 2, 4 and 3 more of five poses: 18 / 25
    assert found.over_objects["mean"] == pytest.approx(0.72)
    # no resample of objects leaves the smallest and the largest difference of an object
    assert 0.4 <= found.over_objects["low"] < 0.72 < found.over_objects["high"] <= 1.0
    claim = Claim("more", "success", "a", "b")
    assert judge(claim, one, other, "paper", "unseen_instances").verdict == HOLDS  # type: ignore[arg-type]
    assert judge(claim, other, one, "paper", "unseen_instances").verdict == FAILS  # type: ignore[arg-type]
    assert judge(claim, one, {}, "paper", "unseen_instances").verdict == OPEN  # type: ignore[arg-type]


def test_few_objects_or_a_single_unseen_family_decide_nothing(tmp_path: Path) -> None:
    claim = Claim("more", "success", "a", "b")
    row = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 20}
    for split, objects, said in (
        ("unseen_instances", 5, HOLDS), ("unseen_instances", 4, OPEN), ("unseen_families", 20, OPEN),
    ):  # fmt: skip
        assert judged(claim, Difference(row, objects=objects), "paper", split).verdict == said
    keep(tmp_path / "a", "unseen_instances", [5])
    keep(tmp_path / "b", "unseen_instances", [0])
    one, other = ({0: read_outcomes(tmp_path / name, "unseen_instances", "ours")} for name in "ab")
    assert judge(claim, one, other, "paper", "unseen_instances").verdict == OPEN  # type: ignore[arg-type]


def test_unseen_families_are_judged_over_families(tmp_path: Path) -> None:
    # mugs (objects 0, 2, ...) gain all poses, pans lose one: objects say more, two families say nothing
    keep(tmp_path / "a", "unseen_families", [5, 0] * 20)
    keep(tmp_path / "b", "unseen_families", [0, 1] * 20)
    one, other = ({0: read_outcomes(tmp_path / name, "unseen_families", "ours")} for name in "ab")
    claim = Claim("more", "success", "a", "b")
    assert judge(claim, one, other, "paper", "unseen_families").verdict == OPEN  # type: ignore[arg-type]
    assert judge(claim, one, other, "paper", "unseen_instances").verdict == HOLDS  # type: ignore[arg-type]


def test_training_seeds_count_beside_objects(tmp_path: Path) -> None:
    for seed, (mine, theirs) in enumerate([([5] * 8, [0] * 8), ([3] * 8, [3] * 8)]):
        keep(tmp_path / f"a{seed}", "unseen_instances", mine)
        keep(tmp_path / f"b{seed}", "unseen_instances", theirs)
    one, other = (
        {seed: read_outcomes(tmp_path / f"{name}{seed}", "unseen_instances", "ours") for seed in (0, 1)}
        for name in "ab"
    )
    found = difference(one, other, "success")  # type: ignore[arg-type]
    assert found is not None
    assert found.over_seeds is not None
    # means 1 and 0: 0.5 +- t(0.975, 1) sd / sqrt(2) = 12.706 * 0.70711 / 1.41421 = 6.353
    assert found.over_seeds["low"] == pytest.approx(0.5 - 6.353, abs=1e-3)
    claim = Claim("more", "success", "a", "b")
    assert judge(claim, one, other, "paper", "unseen_instances").verdict == OPEN  # type: ignore[arg-type]


def test_the_seeds_of_a_difference_are_told_where_one_has_more(tmp_path: Path) -> None:
    for name, successes in (("a0", [5] * 8), ("a1", [0] * 8), ("b0", [3] * 8)):
        keep(tmp_path / name, "unseen_instances", successes)
    a0, a1, b0 = (read_outcomes(tmp_path / name, "unseen_instances", "ours") for name in ("a0", "a1", "b0"))
    assert a0 is not None
    assert a1 is not None
    assert b0 is not None
    found = difference({0: a0, 1: a1}, {0: b0}, "success")
    assert found is not None
    # of seed 0: 5 - 3 of five poses; the bad seed 1 of the first says nothing of the second
    assert (found.over_objects["mean"], found.over_seeds, found.only) == (pytest.approx(0.4), None, (0,))
    both = difference({0: a0, 1: a1}, {0: b0, 1: b0}, "success")
    assert both is not None
    assert both.only == ()


def test_other_episodes_are_no_pair(tmp_path: Path) -> None:
    keep(tmp_path / "a", "unseen_instances", [1])
    keep(tmp_path / "b", "unseen_instances", [1], episodes="other")
    one, other = ({0: read_outcomes(tmp_path / name, "unseen_instances", "ours")} for name in "ab")
    with pytest.raises(ValueError, match="seed 0: two methods ran other episodes"):
        difference(one, other, "success")  # type: ignore[arg-type]


def test_movements_that_are_no_grasp_do_not_count(tmp_path: Path) -> None:
    keep(tmp_path, "unseen_instances", [3], is_grasp=[True, False, True, True, False])
    found = read_outcomes(tmp_path, "unseen_instances", "ours")
    assert found is not None
    assert found.rows.tolist() == [0, 2, 3]
    assert measured({0: found}, "success")["mean"] == pytest.approx(2 / 3)  # of the first three poses, two are grasps


def test_objects_are_counted_by_the_poses_that_they_are_grasped_at(tmp_path: Path) -> None:
    keep(tmp_path, "unseen_instances", [0, 1, 4, 4, 5])
    outcome = read_outcomes(tmp_path, "unseen_instances", "ours")
    assert outcome is not None
    found = poses_grasped({0: outcome}, 5)
    assert found[0].values["4/5"].tolist() == [0, 0, 1, 1, 0]
    assert found[0].values["most"].tolist() == [0, 0, 1, 1, 1]
    # four objects are grasped at all, two of them at four poses
    assert share(found, "4/5", "any")["mean"] == pytest.approx(0.5)
    assert poses_grasped({0: outcome}, 6) == {}
    assert np.isclose(share(found, "1/5", "any")["mean"], 0.25)


def test_means_of_other_episodes_differ_by_both_intervals() -> None:
    one = {"mean": 0.5, "low": 0.47, "high": 0.54, "n": 10}
    other = {"mean": 0.4, "low": 0.37, "high": 0.44, "n": 5}
    found = independent(one, other).over_objects
    # 0.1 - sqrt(0.03^2 + 0.04^2) = 0.05;  0.1 + sqrt(0.04^2 + 0.03^2) = 0.15
    assert [found[key] for key in ("mean", "low", "high", "n")] == pytest.approx([0.1, 0.05, 0.15, 15])
    assert "interval_over_families" not in found
    wide = {"interval_over_families": {"low": 0.1, "high": 0.9, "families": 12}}
    both = independent({**one, **wide}, {**other, **wide}).intervals("unseen_families")
    assert both[0][0] == pytest.approx(0.05)
    # of twelve families 2.201 / 1.960 sqrt(12 / 11) = 1.173 times as wide as its bootstrap is
    assert both[1][0] == pytest.approx(0.1 - 1.17291 * np.hypot(0.4, 0.5), abs=1e-4)


def test_independent_means_differ_over_training_seeds_too() -> None:
    one = {"mean": 0.5, "low": 0.47, "high": 0.54, "n": 10}
    seeds = {"over_seeds": {"mean": 0.4, "low": 0.1, "high": 0.7, "n": 3}}
    other = {"mean": 0.4, "low": 0.37, "high": 0.44, "n": 5, **seeds}
    assert independent(one, one).over_seeds is None
    # one is the same for all seeds: 0.1 +- 0.3
    found = independent(one, other)
    assert found.over_seeds is not None
    assert [found.over_seeds[key] for key in ("mean", "low", "high", "n")] == pytest.approx([0.1, -0.2, 0.4, 3])
    assert found.intervals("unseen_instances")[1] == pytest.approx((-0.2, 0.4))
    # both have seeds: 0 +- sqrt(2) 0.3
    found = independent(other, other)
    assert found.over_seeds is not None
    assert found.over_seeds["high"] == pytest.approx(0.3 * np.sqrt(2))


def test_a_share_of_all_or_none_is_as_sure_as_its_objects_are_many(tmp_path: Path) -> None:
    keep(tmp_path, "unseen_instances", [0, 0, 0, 0, 0, 1, 1, 1, 1])
    outcome = read_outcomes(tmp_path, "unseen_instances", "ours")
    assert outcome is not None
    found = poses_grasped({0: outcome}, 5)
    # rule of three over the four objects that were grasped at all, not over nine: 1 - 3 / 4
    all_at_one, none_at_two = share(found, "1/5", "any"), share(found, "2/5", "any")
    assert [all_at_one[key] for key in ("mean", "low", "high", "n")] == [1.0, 0.25, 1.0, 4]
    assert [none_at_two[key] for key in ("mean", "low", "high")] == [0.0, 0.0, 0.75]
    assert share(poses_grasped({0: outcome}, 5), "5/5", "5/5") == {}


def test_episodes_without_labels_are_refused(tmp_path: Path) -> None:
    keep(tmp_path, "unseen_instances", [1])
    (tmp_path / "episodes" / "labels" / "unseen_instances.npz").unlink()
    with pytest.raises(ValueError, match="nothing says what the episodes are; run the test again"):
        read_outcomes(tmp_path, "unseen_instances", "ours")
    assert read_outcomes(tmp_path, "unseen_instances", "oracle") is None
