"""Means and intervals over training seeds."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.policy_seeds import combine, format_seeds, main, read_metrics

SPLITS = ("unseen_instances", "unseen_families")


def metrics(success: float, episodes: int = 500) -> dict[str, Any]:
    """As `test` writes it, with fewer policies and measures."""

    def row(mean: float) -> dict[str, float]:
        return {"mean": mean, "low": 0.0, "high": 1.0, "n": episodes}

    policies = {"ours": {"success": row(success), "posture_rad": row(0.5)}, "primitive": {"success": row(0.3)}}
    return {
        "splits": dict.fromkeys(SPLITS, policies),
        "margins": {split: {"primitive": {"success": row(success - 0.3)}} for split in SPLITS},
        "headline": {split: {"minus_primitive": row(success - 0.3)} for split in SPLITS},
        "share_of_oracle": {split: {"ours": row(success / 0.8), "primitive": row(0.375)} for split in SPLITS},
        "adaptability": {
            split: {
                "ours": {
                    "poses": 1,
                    "objects": 9,
                    "left_out": 1,
                    "all": {"0": row(1.0 - success), "1": row(success)},
                    "grasped": {"1": row(1.0)},
                }
            }
            for split in SPLITS
        },
        "about": {"plan": {"class": "SpreadPlan"}, "seeds": [0], "noise": None, "checkpoint": f"{success}.ckpt"},
    }


def test_measures_are_averaged_over_seeds_with_their_single_values() -> None:
    combined = combine({"a": metrics(0.6), "b": metrics(0.7), "c": metrics(0.8)})
    assert set(combined["splits"]) == set(SPLITS)
    assert set(combined["splits"]["unseen_families"]) == {"ours"}
    row = combined["splits"]["unseen_families"]["ours"]["success"]
    assert row["values"] == [0.6, 0.7, 0.8]
    assert (row["mean"], row["n"]) == (pytest.approx(0.7), 3)
    # t(0.975, 2) = 4.303; standard error 0.1 / sqrt(3)
    assert row["high"] - row["mean"] == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert row["mean"] - row["low"] == pytest.approx(row["high"] - row["mean"])
    posture = combined["splits"]["unseen_families"]["ours"]["posture_rad"]
    assert (posture["mean"], posture["low"], posture["high"]) == (0.5, 0.5, 0.5)
    json.dumps(combined)


def test_margins_and_shares_of_the_oracle_are_averaged_too() -> None:
    combined = combine({"a": metrics(0.6), "b": metrics(0.8)})
    assert combined["margins"]["unseen_instances"]["primitive"]["success"]["mean"] == pytest.approx(0.4)
    assert combined["share_of_oracle"]["unseen_instances"]["ours"]["mean"] == pytest.approx(0.875)  # 0.75, 1
    assert combined["headline"]["unseen_instances"]["minus_primitive"]["mean"] == pytest.approx(0.4)
    found = combined["adaptability"]["unseen_families"]["ours"]
    assert (found["poses"], found["objects"], found["left_out"]) == (1, 9, 1)
    assert found["all"]["1"]["values"] == [0.6, 0.8]
    assert found["grasped"]["1"]["mean"] == 1.0
    assert combined["about"]["checkpoints"] == ["0.6.ckpt", "0.8.ckpt"]
    assert combined["about"]["episodes"] == {"unseen_instances": 500, "unseen_families": 500}


def test_seeds_measured_without_baselines_are_combined() -> None:
    alone = [
        {"splits": {split: {"ours": metrics(value)["splits"][split]["ours"]} for split in SPLITS}}
        for value in (0.6, 0.8)
    ]
    combined = combine({"a": alone[0], "b": alone[1]})
    for section in ("margins", "headline", "share_of_oracle", "adaptability"):
        assert combined[section] == {}
    assert combined["splits"]["unseen_families"]["ours"]["success"]["mean"] == pytest.approx(0.7)


def test_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got a\.json; give metrics\.json files of at least 2 training seeds"):
        combine({"a.json": metrics(0.6)})


def test_other_splits_are_refused() -> None:
    other = metrics(0.8)
    del other["splits"]["unseen_families"]
    with pytest.raises(
        ValueError, match="b has the splits unseen_instances, a has unseen_instances, unseen_families; test"
    ):
        combine({"a": metrics(0.6), "b": other})


def test_other_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="b and a differ in episodes of unseen_instances, episodes of unseen_families"):
        combine({"a": metrics(0.6), "b": metrics(0.8, episodes=100)})
    other = metrics(0.8)
    other["about"]["noise"] = {"point_m": 0.01}
    with pytest.raises(ValueError, match="b and a differ in noise; test every seed with the same configuration"):
        combine({"a": metrics(0.6), "b": other})


def test_a_file_without_the_policy_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gf.json"
    path.write_text(json.dumps({"splits": {"train": {"primitive": {}}}}))
    with pytest.raises(ValueError, match=r"gf\.json has no splits\.<split>\.ours; give metrics\.json files of `test"):
        read_metrics(path)
    path.write_text(json.dumps(metrics(0.6)))
    assert read_metrics(path)["splits"]["unseen_families"]["ours"]["success"]["mean"] == 0.6


def test_every_measure_has_a_line() -> None:
    lines = format_seeds(combine({"a": metrics(0.6), "b": metrics(0.8)})["splits"]).splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:3] == ["unseen_instances", "success", "0.700"]
    assert lines[0].endswith("0.600, 0.800")


def test_the_command_combines_measurements(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, success in zip(paths, (0.6, 0.8), strict=True):
        path.write_text(json.dumps(metrics(success)))
    out = tmp_path / "seeds.json"
    main([*map(str, paths), "--output", str(out)])
    written = json.loads(out.read_text())
    assert written["splits"]["unseen_families"]["ours"]["success"]["mean"] == pytest.approx(0.7)
    assert written["about"]["files"] == [str(path) for path in paths]


def test_a_file_that_is_named_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.json", "./a.json", "--output", "x.json"])
    assert "a file is named twice among a.json, a.json" in capsys.readouterr().err
