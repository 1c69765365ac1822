"""The table of the stress report that a test prints."""

from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.assist.policies import TRIGGERED
from callbacks.assist.report import OURS
from callbacks.metrics.text_tables import interval, text_table


def stress_text(report: Mapping[str, Any]) -> str:
    """Levels by row; what counts on the axis by policy, ours minus `primitive_triggered`, time to grip, the verdict."""
    nominal = report["nominal"]
    names = list(nominal["policies"])
    lines = [["", "%", *(name.replace("_", " ") for name in names), "ours - triggered", "s to grip (both)", "verdict"]]
    lines.append(_line("nominal", "success", nominal, names, ""))
    lines.append(_line("nominal", "disturbed", {**nominal, "margins": {}}, names, ""))
    for name, axis in report["axes"].items():
        margin = axis["margins"].get(TRIGGERED)
        told = axis["verdict"] + (f", {interval(margin, 100.0, 0)}" if margin else "")
        for number, level in enumerate(axis["levels"]):
            title = level_title(name, axis, level)
            lines.append(_line(title, axis["measure"], level, names, told if number == 0 else ""))
    counts = [f"{name.replace('_', ' ')} {len(found)}" for name, found in report["summary"].items()]
    return f"{text_table(lines)}\n{len(report['axes'])} axes: {', '.join(counts)}"


def level_title(name: str, axis: Mapping[str, Any], level: Mapping[str, Any]) -> str:
    """Axis, value and unit, and whether ours breaks down."""
    value = level["value"] if isinstance(level["value"], str) else f"{level['value']:g} {axis['unit']}".strip()
    broken = " (breaks down)" if level["policies"][OURS]["breaks_down"] else ""
    return f"{name.replace('_', ' ')}, {value}{broken}"


def seconds(row: Mapping[str, Any]) -> str:
    """Median seconds to grip; a dash where nothing was gripped, or was to be."""
    median = row.get("seconds_to_grip", {}).get("median")
    return "-" if median is None else f"{median:.2f}"


def _line(title: str, measure: str, level: Mapping[str, Any], names: Sequence[str], told: str) -> list[str]:
    rows = [level["policies"].get(name, {}) for name in names]
    cells = [interval(row[measure], 100.0, 0) if measure in row else "-" for row in rows]
    margin = level["margins"].get(TRIGGERED)
    pair = " / ".join(seconds(level["policies"].get(name, {})) for name in (OURS, TRIGGERED))
    return [title, measure, *cells, interval(margin, 100.0, 0) if margin else "-", pair, told]
