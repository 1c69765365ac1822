"""The policy's tables, from what `test` writes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbacks.assist.report import EpisodeLabels, merge_splits, report_split
from reports.metrics_files import read_columns
from reports.policy_seeds import combine
from reports.policy_tables import BLOCKS, main, policy_blocks, seeds_table
from tests.callbacks.outcomes import made_up_outcome
from tests.learning import ROOT

LABELS = EpisodeLabels(
    groups=np.array([0, 0, 1, 1]),
    families=np.array(["wine_glass", "wine_glass", "box", "box"]),
    types=np.array(["wrap", "pinch_FF", "wrap", "wrap"]),
    seeds=np.zeros(4, dtype=np.int64),
)


def report(
    *splits: str,
    ours: tuple[str, ...] = ("success", "success", "success", "hit_table"),
    labels: EpisodeLabels = LABELS,
) -> dict[str, Any]:
    """As `test` writes it."""
    policies = {
        "ours": [made_up_outcome(ours)],
        "primitive": [made_up_outcome(["success", "let_go", "let_go", "let_go"])],
        "blind_close": [made_up_outcome(["pushed_over"] * 4)],
        "oracle": [made_up_outcome(["success"] * 2)],
    }
    part = report_split(policies, labels, rows={"oracle": np.array([0, 2])}, poses=2)
    return {
        **merge_splits(dict.fromkeys(splits, part)),
        "about": {"objects": dict.fromkeys(splits, 2), "plan": {}, "seeds": [0], "noise": None},
    }


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A test on two splits, and one on other objects."""
    paths = [tmp_path / "full.json", tmp_path / "third.json"]
    for path, splits in zip(paths, [("unseen_instances", "unseen_families"), ("unseen_families",)], strict=True):
        path.write_text(json.dumps(report(*splits)))
    return [str(paths[0]), f"third-party={paths[1]}"]


def test_hard_grasps_have_a_table_of_the_columns_that_know_them(files: list[str], tmp_path: Path) -> None:
    labels = replace(LABELS, is_easy=np.array([True, True, True, False]))
    path = tmp_path / "flagged.json"
    path.write_text(json.dumps(report("unseen_families", labels=labels)))
    blocks = policy_blocks(read_columns([files[0], f"flagged={path}"]))["success"].split("\n\n")
    assert blocks[0].splitlines()[0].count("|") == 5
    head, _, ours, *others = blocks[1].splitlines()
    assert head == "| success on hard grasps, % | flagged, 1 objects, 1 episodes |"
    assert ours.startswith("| **ours** | 0.0 [")
    assert len(others) == 2  # the primitive and the script; the oracle ran no hard one
    assert "Hard grasps: the mean joints" in blocks[2]
    assert "hard" not in policy_blocks(read_columns(files))["success"].lower()


def test_other_objects_have_a_column_of_their_own(files: list[str]) -> None:
    head, _, *rows = policy_blocks(read_columns(files))["success"].splitlines()
    assert head == (
        "| success, % | unseen instances, 2 objects, 4 episodes | unseen families, 2 objects, 4 episodes "
        "| third-party, 2 objects, 4 episodes |"
    )
    ours, primitive, _blind, oracle = rows[:4]
    assert ours.startswith("| **ours** | 75.0 [50.0, 100.0] | 75.0 [50.0, 100.0], over families [50.0, 100.0] |")
    assert primitive.startswith("| primitive alone | 25.0 [")
    assert oracle.count("(n = 2)") == 3


def test_all_blocks_are_named(files: list[str]) -> None:
    assert {*policy_blocks(read_columns(files)), "seeds"} == set(BLOCKS)


def test_files_of_before_are_read(tmp_path: Path) -> None:
    """Those had neither intervals over families, nor a triggered primitive, nor hard grasps apart."""
    old = json.loads((ROOT / "pretrained" / "residual_ppo_metrics.json").read_text())
    del old["hard"]
    for policies in old["splits"].values():
        policies.pop("primitive_triggered", None)
        for row in policies.values():
            row["success"].pop("interval_over_families", None)
    (tmp_path / "old.json").write_text(json.dumps(old))
    text = policy_blocks(read_columns([str(tmp_path / "old.json")]))["success"]
    assert "| primitive, from its best fixed step |" in text
    assert "started by distance" not in text
    assert "over families" not in text


@pytest.mark.parametrize("more", [[], ["--seeds"]])
def test_files_of_other_measurements_are_told(
    more: list[str], files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"splits": {"train": {"ours": {"success": {"mean": 1.0}}}}}))
    other = str(tmp_path / "other.json")
    with pytest.raises(SystemExit):
        main([*(files if more else [other]), *more, *([other] if more else [])])
    assert "other.json" in (told := capsys.readouterr().err)
    assert "they lack" in told


def test_a_triggered_primitive_has_a_row(tmp_path: Path) -> None:
    content = report("unseen_families")
    found = content["splits"]["unseen_families"]
    content["splits"]["unseen_families"] = {**found, "primitive_triggered": found["primitive"]}
    (tmp_path / "new.json").write_text(json.dumps(content))
    blocks = policy_blocks(read_columns([str(tmp_path / "new.json")]))
    for name in ("success", "measures"):
        assert "| primitive, started by distance and speed | 25.0 [" in blocks[name]


def test_comparisons_are_on_the_same_episodes(files: list[str]) -> None:
    text = policy_blocks(read_columns(files))["headline"]
    assert "| ours minus the primitive alone, points | 50.0 [50.0, 50.0] |" in text
    assert "points | 75.0 [50.0, 100.0] (blind close) |" in text
    assert "| ours over the stored grasp, % | 100.0 [100.0, 100.0] |" in text


def test_ours_is_held_against_every_policy(files: list[str]) -> None:
    head, _, primitive, blind, oracle = policy_blocks(read_columns(files))["margins"].splitlines()
    assert head == "| ours minus, points | unseen instances | unseen families | third-party |"
    assert primitive.startswith("| primitive alone | 50.0 [50.0, 50.0] | 50.0 [50.0, 50.0], over families [")
    assert blind.startswith("| blind close, best fixed step | 75.0 [50.0, 100.0] |")
    assert oracle.startswith("| stored grasp, on arrival (a, b) | 0.0 [0.0, 0.0] |")  # on the two that it ran


def test_movements_that_are_no_grasp_and_second_tries_have_tables(files: list[str], tmp_path: Path) -> None:
    assert policy_blocks(read_columns(files))["no_grasp"] == "-"
    outcome = replace(
        made_up_outcome(("success", "success", "disturbed", "success")),
        is_grasp=np.array([True, True, False, False]),
        second_try=np.array([0, 2, 0, 0]),
    )
    content = merge_splits({"development": report_split({"ours": [outcome]}, LABELS)})
    (tmp_path / "user.json").write_text(json.dumps(content))
    disturbed, tried = policy_blocks(read_columns([str(tmp_path / "user.json")]))["no_grasp"].split("\n\n")
    assert disturbed.splitlines()[0] == "| objects disturbed by movements that are no grasp, % | development |"
    assert disturbed.splitlines()[2].startswith("| **ours** | 50.0 [")
    assert disturbed.endswith("(n = 2) |")
    assert tried.splitlines()[2].startswith("| **ours** | ")
    assert tried.endswith("(n = 1) |")


def test_adaptability_is_of_all_and_of_the_grasped_objects(files: list[str]) -> None:
    text = policy_blocks(read_columns(files))["adaptability"]
    assert "| third-party, % of all objects | 0/2 | 1/2 | 2/2 |" in text
    # the primitive grasped one of two objects, at one of two poses
    grasped = "| primitive alone | 100.0 [0.0, 100.0]{0} | 0.0 [0.0, 100.0]{0} |"  # of one object: nothing is known
    assert grasped.format("") in text  # on unseen instances
    assert grasped.format(", over families [0.0, 100.0]") in text
    assert "2 objects have 2 poses; 0 with fewer are left out." in text
    assert "paper" not in text  # which has five poses


def test_families_types_and_causes(files: list[str]) -> None:
    blocks = policy_blocks(read_columns(files))
    assert (
        "| third-party, all families | objects | ours, % | primitive, % | oracle, % | what goes wrong, % |"
        in (blocks["families"])
    )
    box = next(line for line in blocks["families"].splitlines() if line.startswith("| box"))
    assert box.endswith("| 0 | 100 | hit table 50 |")
    instances, families, _ = blocks["families"].split("\n\n")
    assert families.splitlines()[-1] == (
        "| *together* | 2 | 75 [50, 100], over families [50, 100] | 25 | 100 | hit table 25 |"
    )
    assert "together" not in instances
    assert blocks["measures"].count(", over families [50.0, 100.0] | 2.50 [") == 2
    assert blocks["types"].splitlines()[2].startswith("| wrap | 67 [")  # the worst first
    assert "| hit table | 25.0 | 0.0 | 25.0 | 0.0 | 25.0 | 0.0 |" in blocks["causes"]
    assert blocks["measures"].count("| **ours** |") == 3


def test_training_seeds_have_a_table(files: list[str]) -> None:
    other = report("unseen_instances", ours=("success", "hit_table", "success", "hit_table"))
    text = seeds_table(combine({"a": report("unseen_instances"), "b": other}))
    row = text.splitlines()[2]
    assert row.startswith("| unseen instances | 62.5 [")
    assert "| 75.0, 50.0 |" in row
    assert "ours over the stored grasp, %" in text


def test_seeds_of_ours_alone_have_no_columns_of_comparisons() -> None:
    alone = [{**report("unseen_instances"), "headline": {}} for _ in range(2)]
    text = seeds_table(combine(dict(zip("ab", alone, strict=True))))
    assert (
        text.splitlines()[0]
        == "| ours, over training seeds | success, % | each seed | posture, rad | translation, cm |"
    )


def test_the_command_fills_a_document(files: list[str], tmp_path: Path) -> None:
    document, whole, seeds = tmp_path / "doc.md", tmp_path / "all.md", tmp_path / "seeds.json"
    document.write_text(
        "# Title\n<!-- begin headline -->\n<!-- end headline -->\n<!-- begin seeds -->\n<!-- end seeds -->"
    )
    seeds.write_text(json.dumps(combine({"a": report("unseen_families"), "b": report("unseen_families")})))
    main([*files, "--document", str(document), "--output", str(whole), "--seeds", str(seeds)])
    assert "ours minus the best script, points" in document.read_text()
    assert "each seed" in document.read_text()
    assert whole.read_text().count("### ") == len(BLOCKS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"is no JSON .*give metrics\.json files of `test`"),
        ("{}", r"has no 'splits'; give metrics\.json files of `test`"),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_measurements_are_named(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit):
        main([str(path)])
    error = " ".join(capsys.readouterr().err.split())
    assert "x.json" in error
    assert re.search(message, error)


def test_columns_of_one_title_are_refused(files: list[str]) -> None:
    with pytest.raises(ValueError, match=r"two columns are called 'unseen instances'; give .* as TITLE="):
        read_columns([files[0], files[0]])
    assert [column.title for column in read_columns([f"small={files[0]}"])] == [
        "small, unseen instances", "small, unseen families",
    ]  # fmt: skip
