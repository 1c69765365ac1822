"""The stress report as a table in Markdown.

python -m reports.stress_tables runs/residual_ppo_stress/stress.json --document docs/results_user.md
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.assist.policies import TRIGGERED
from callbacks.assist.report import OURS
from callbacks.assist.stress_text import level_title, seconds
from envs.field_files import read_json
from envs.files import write_atomically
from reports.markdown import fill, mean_per_cent, per_cent, table, top_causes, words
from reports.policy_tables import BLOCKS as POLICY_BLOCKS
from reports.policy_tables import TITLES

_LOG = logging.getLogger("stress_tables")

_REMEDY = "give the stress.json of a `test`"


def stress_table(report: Mapping[str, Any], file: str = "the report") -> str:
    """Axes and their levels by row, policies by column, and below it how many axes ours is ahead on.

    Args:
        report: content of a stress.json.
        file: its name, for the message.

    Raises:
        ValueError: it is no stress.json.
    """
    if not {"nominal", "axes", "summary", "about"} <= set(report):
        raise ValueError(f"{file} has {', '.join(report) or 'nothing'}; {_REMEDY}")
    names = [name for name in TITLES if name in report["nominal"]["policies"]]
    head = [
        "success, %", *(TITLES[name].split(",")[0] if name == "oracle" else TITLES[name] for name in names),
        "ours minus triggered, points", "disturbed, ours / triggered, %", "to grip, ours / triggered, s",
        "what goes wrong with ours, %", "verdict",
    ]  # fmt: skip
    rows = [_row("**nominal**", "success", report["nominal"], names, "")]
    for name, axis in report["axes"].items():
        margin = per_cent(axis["margins"].get(TRIGGERED), 0)
        for number, level in enumerate(axis["levels"]):
            told = f"{axis['verdict']}, {margin}" if number == 0 else ""
            rows.append(_row(level_title(name, axis, level), axis["measure"], level, names, told))
    return table(head, rows) + f"\n\n{_summary(report)}"


def _row(title: str, measure: str, level: Mapping[str, Any], names: Sequence[str], told: str) -> list[str]:
    rows = [level["policies"].get(name, {}) for name in names]
    pair = [level["policies"].get(name, {}) for name in (OURS, TRIGGERED)]
    return [
        title if measure == "success" else f"{title}: {measure}",
        *(per_cent(row.get(measure), 0) for row in rows),
        per_cent(level["margins"].get(TRIGGERED), 0),
        " / ".join(mean_per_cent(row.get("disturbed")) for row in pair),
        " / ".join(seconds(row) for row in pair),
        top_causes(pair[0].get("causes", {})),
        told,
    ]


def _summary(report: Mapping[str, Any]) -> str:
    """How many axes end how, and on what they were measured."""
    about, counts = report["about"], report["summary"]
    told = ", ".join(f"{words(name)} on {len(axes)}" for name, axes in counts.items() if name != "breaks_down")
    broken = ", ".join(words(name) for name in counts["breaks_down"]) or "none"
    return (
        f"Of {len(report['axes'])} axes ours is {told}; it breaks down ({about['breaks_down']}) on: {broken}. "
        f"{about['episodes']} episodes a level, {about['objects']} objects, split {words(about['split'])}; intervals: "
        f"{about['intervals']}; verdicts: {about['verdict']} over all levels of the axis."
    )


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser("stress_tables", description="The table of a stress.json in Markdown.")
    parser.add_argument("file", type=Path, help="stress.json of a test with configs/protocol/stress.yaml")
    parser.add_argument("--document", type=Path, help="Markdown whose block <!-- begin stress --> is made anew")
    given = parser.parse_args(args)
    try:
        text = stress_table(read_json(given.file, _REMEDY), given.file.name)
        if given.document is None:
            _LOG.info("%s", text)
            return
        document = fill(given.document.read_text(encoding="utf-8"), {"stress": text}, POLICY_BLOCKS)
        write_atomically(given.document, document.encode())
    except (ValueError, OSError) as error:
        parser.error(str(error))
    _LOG.info("wrote %s", given.document)


if __name__ == "__main__":
    main()
