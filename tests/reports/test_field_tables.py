"""The primitive's tables, from what `test` writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.field_tables import field_blocks, main
from reports.metrics_files import read_columns


def rows(**means: float) -> dict[str, Any]:
    return {name: {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": 40} for name, mean in means.items()}


MEASURES = rows(
    grasp_success=1.0, grasp_success_collisions_on=0.8, field_success_collisions_off=0.9,
    field_success_collisions_on=0.7, paper_field_success_collisions_off=0.85, paper_field_success_collisions_on=0.6,
    slow_field_success_collisions_off=0.5, sample_success=0.75, nearest_success_collisions_off=0.4,
    constant_success_collisions_off=0.3, posture_rad=0.5, constant_posture_rad=1.5,
)  # fmt: skip
CAUSES = {"success": 36, "let_go": 3, "one_sided": 1, "diverged": 0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A test on one split with two families."""
    report = {
        "splits": {"unseen_families": MEASURES},
        "families": {"unseen_families": {"ring": MEASURES, "wine_glass": rows(field_success_collisions_off=0.2)}},
        "types": {"unseen_families": {"pinch_FF": MEASURES}},
        "causes": {"unseen_families": {"collisions_off": CAUSES, "collisions_on": {**CAUSES, "hit_table": 40}}},
        "causes_by_family": {"unseen_families": {"collisions_off": {"ring": CAUSES}}},
    }
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(report))
    return file


def test_lift_rates_come_with_collisions_and_without(path: Path) -> None:
    blocks = field_blocks(read_columns([str(path)]))
    off, on = blocks["collisions-off"].splitlines(), blocks["collisions-on"].splitlines()
    assert off[0] == "| lifted, %, collisions off | unseen families, n = 40 |"
    assert [line.split(" | ")[0] for line in off[2:]] == [
        "| stored grasp", "| **the field**", "| the field, as the paper follows it", "| a sample",
        "| nearest training grasp", "| mean joints", "| the field, slow",
    ]  # fmt: skip
    assert off[3] == "| **the field** | 90.0 [80.0, 100.0] |"
    assert on[2:] == [
        "| stored grasp | 80.0 [70.0, 90.0] |",
        "| **the field** | 70.0 [60.0, 80.0] |",
        "| the field, as the paper follows it | 60.0 [50.0, 70.0] |",
    ]
    assert "| mean joints | 1.50 [1.40, 1.60] |" in blocks["posture"]


def test_hard_grasps_have_a_table_of_their_own_where_they_are_known(path: Path) -> None:
    content = json.loads(path.read_text())
    content["hard"] = {"unseen_families": rows(field_success_collisions_off=0.6, field_success_collisions_on=0.5)}
    path.write_text(json.dumps(content))
    blocks = field_blocks(read_columns([str(path)]))
    for way, rate in (("off", "60.0 [50.0, 70.0]"), ("on", "50.0 [40.0, 60.0]")):
        _, hard = blocks[f"collisions-{way}"].split("\n\n")
        head, _, *lines = hard.splitlines()
        assert head == f"| lifted of the hard ones, %, collisions {way} | unseen families, n = 40 |"
        assert lines == [f"| **the field** | {rate} |"]


def test_families_come_worst_first_with_what_goes_wrong(path: Path) -> None:
    lines = field_blocks(read_columns([str(path)]))["families"].splitlines()
    assert lines[2].startswith("| wine glass | 20 [10, 30] | - |")
    assert lines[3] == "| ring | 90 [80, 100] | 70 [60, 80] | 40 | 30 | let go 8, one sided 2 | - | 40 |"


def test_types_and_causes(path: Path) -> None:
    blocks = field_blocks(read_columns([str(path), f"other={path}"]))
    assert "| pinch FF | 90 [80, 100] | 70 [60, 80] | 90 [80, 100] | 70 [60, 80] | 40 + 40 |" in blocks["types"]
    assert "| hit table | 0.0 | 50.0 | 0.0 | 50.0 |" in blocks["causes"]
    assert "diverged" not in blocks["causes"]


def test_measurements_without_causes_have_no_table_of_them(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["causes"], content["causes_by_family"]
    path.write_text(json.dumps(content))
    assert field_blocks(read_columns([str(path)]))["causes"] == "-"


def test_the_command_fills_a_document(path: Path, tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text("<!-- begin collisions-on -->\nold\n<!-- end collisions-on -->\n")
    main([str(path), "--document", str(document)])
    assert "70.0 [60.0, 80.0]" in document.read_text()
    assert "old" not in document.read_text()
