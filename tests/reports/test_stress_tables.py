"""The table of the stress report."""

import json
from pathlib import Path
from typing import Any

import pytest

from callbacks.assist.stress_axes import StressAxis, StressLevel
from callbacks.assist.stress_report import stress_json
from reports.policy_tables import BLOCKS
from reports.stress_tables import main, stress_table
from tests.callbacks.assist.stress_examples import PERIOD_S, made_up_level, shares

pytestmark = pytest.mark.usefixtures("fast_objects")


@pytest.fixture
def report() -> dict[str, Any]:
    axes = {"wrist_latency": StressAxis([StressLevel(50), StressLevel(100)], unit="ms", nominal=0)}
    levels = {"wrist_latency": [made_up_level(shares(5, 1)), made_up_level(shares(2, 1))]}
    found = stress_json(axes, made_up_level(shares(5, 4)), levels, PERIOD_S)
    about = {
        "episodes": 5, "objects": 2, "split": "development", "intervals": "95 %", "verdict": "by the margin",
        "breaks_down": "below half",
    }  # fmt: skip
    return {**found, "about": about}


def test_every_level_has_a_row_and_the_first_one_the_verdict(report: dict[str, Any]) -> None:
    head, _, nominal, first, second, *_ = stress_table(report).splitlines()
    assert head.startswith("| success, % | **ours** | primitive, started by distance and speed |")
    assert nominal.startswith("| **nominal** | 100 [")
    assert first.startswith("| wrist latency, 50 ms | 100 [")
    assert "| ahead, 50 [" in first
    assert second.startswith("| wrist latency, 100 ms (breaks down) | 40 [")
    assert second.endswith("| - / - | 0.46 / 0.46 | slipped in lift 60 |  |")


def test_the_sentence_below_counts_axes(report: dict[str, Any]) -> None:
    last = stress_table(report).splitlines()[-1]
    assert last.startswith(
        "Of 1 axes ours is ahead on 1, behind on 0, not decided on 0; it breaks down (below half) on:"
    )
    assert "on: wrist latency. 5 episodes a level, 2 objects, split development;" in last


def test_the_command_fills_its_own_block_and_leaves_the_others(report: dict[str, Any], tmp_path: Path) -> None:
    file, document = tmp_path / "stress.json", tmp_path / "doc.md"
    file.write_text(json.dumps(report))
    other = f"<!-- begin {BLOCKS[0]} -->\nkept\n<!-- end {BLOCKS[0]} -->"
    document.write_text(f"{other}\n<!-- begin stress -->\n<!-- end stress -->\n")
    main([str(file), "--document", str(document)])
    assert document.read_text().startswith(other)
    assert "| wrist latency, 50 ms |" in document.read_text()


@pytest.mark.parametrize(
    ("content", "document", "message"),
    [
        ("{}", "", "stress.json has nothing; give the stress.json"),
        ("[]", "", "stress.json holds a list, expected fields by name; give the stress.json"),
        (None, "no block", "names: stress"),
    ],
)
def test_what_is_no_report_or_no_place_for_it_is_named(
    content: str | None,
    document: str,
    message: str,
    report: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "stress.json").write_text(json.dumps(report) if content is None else content)
    (tmp_path / "doc.md").write_text(document)
    with pytest.raises(SystemExit):
        main([str(tmp_path / "stress.json"), "--document", str(tmp_path / "doc.md")])
    assert message in " ".join(capsys.readouterr().err.split())
