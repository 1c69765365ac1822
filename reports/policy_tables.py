"""The policy's measurements as tables in Markdown, third-party objects in a column of their own.

python -m reports.policy_tables full/metrics.json third-party=pybullet/metrics.json --document docs/results_policy.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.assist.report import OURS, PRIMITIVE
from callbacks.metrics.text_tables import over_families
from reports.markdown import (
    causes_table,
    claimed_per_cent,
    mean_per_cent,
    per_cent,
    rows_of,
    shown,
    table,
    top_causes,
    words,
    worst_and_best,
)  # fmt: skip
from reports.metrics_files import ResultColumn
from reports.tables_command import run_command

TITLES: dict[str, str] = {
    "ours": "**ours**",
    "primitive": "primitive alone",
    "primitive_gated": "primitive, from its best fixed step",
    "primitive_triggered": "primitive, started by distance and speed",
    "scripted_close": "mean joints, best fixed step",
    "blind_close": "blind close, best fixed step",
    "nearest_grasp": "nearest training grasp, on arrival (a)",
    "oracle": "stored grasp, on arrival (a, b)",
}
"""Policies as the tables call them."""

NOTES = "(a) knows where and when the wrist will end. (b) knows the grasp."

HARD = "Hard grasps: the mean joints of training grasps, placed there, do not lift."

_COMPARISONS = {
    "minus_primitive": "ours minus the primitive alone, points",
    "minus_best_script": "ours minus the best script, points",
    "over_oracle": "ours over the stored grasp, %",
}

BLOCKS = (
    "success",
    "headline",
    "margins",
    "no_grasp",
    "measures",
    "adaptability",
    "families",
    "types",
    "causes",
    "seeds",
)
"""Blocks of a document that are made here."""

PAPER_ADAPTABILITY = ("13.67", "27.70", "31.41", "20.82", "6.40")
"""GraspGF Table 3, row "Ours", %: objects grasped at 1 to 5 of five poses, among those grasped at all."""


def policy_blocks(columns: Sequence[ResultColumn]) -> dict[str, str]:
    """Tables by name: those of BLOCKS but that of the seeds."""
    causes = {
        f"{column.title}: {words(name)}": column.section("causes", name)
        for column in columns
        for name in (OURS, PRIMITIVE)
        if column.section("causes", name)
    }
    headline = rows_of(_COMPARISONS, columns, _comparison)
    return {
        "success": success_table(columns),
        "headline": table(["same episodes", *(column.title for column in columns)], headline),
        "margins": margins_table(columns),
        "no_grasp": no_grasp_table(columns),
        "measures": "\n\n".join(measures_table(column) for column in columns),
        "adaptability": "\n\n".join(filter(None, (adaptability_tables(column) for column in columns))) or "-",
        "families": "\n\n".join(families_table(column) for column in columns),
        "types": types_table(columns),
        "causes": causes_table("how episodes end, %", causes),
    }


def success_table(columns: Sequence[ResultColumn]) -> str:
    """Success by policy and split, on all grasps, and on the hard ones alone where they are known."""
    sizes = [column.report.get("about", {}).get("objects", {}).get(column.split) for column in columns]
    parts = [_success(columns, "splits", "success, %", sizes)]
    hard = [column for column in columns if column.section("hard")]
    if hard:
        most = [max(rows["objects"] for rows in column.section("hard").values()) for column in hard]
        parts.append(_success(hard, "hard", "success on hard grasps, %", most))
    return "\n\n".join([*parts, NOTES + (f" {HARD}" if hard else "")])


def _success(columns: Sequence[ResultColumn], section: str, head: str, objects: Sequence[int | None]) -> str:
    """Success by policy and column; where a policy ran fewer episodes than the most, their number."""
    most = {c.title: max(rows["success"]["n"] for rows in c.section(section).values()) for c in columns}

    def cell(column: ResultColumn, name: str) -> str:
        row = column.find(section, name, "success")
        return claimed_per_cent(row, column.split) + (
            f" (n = {row['n']:,})" if row and row["n"] < most[column.title] else ""
        )

    sizes = ["" if number is None else f" {number:,} objects," for number in objects]
    heads = [f"{c.title},{size} {most[c.title]:,} episodes" for c, size in zip(columns, sizes, strict=True)]
    return table([head, *heads], rows_of(TITLES, columns, cell))


def _comparison(column: ResultColumn, key: str) -> str:
    """What ours is better by, on the same episodes, intervals over objects."""
    row = column.find("headline", key)
    return claimed_per_cent(row, column.split) + (
        f" ({words(row['policy'])})" if row and key == "minus_best_script" else ""
    )


def margins_table(columns: Sequence[ResultColumn]) -> str:
    """How many points of success ours has more than each other policy, on the same episodes."""

    def cell(column: ResultColumn, name: str) -> str:
        return claimed_per_cent(column.find("margins", name, "success"), column.split)

    titles = {name: title for name, title in TITLES.items() if name != OURS}
    return table(["ours minus, points", *(column.title for column in columns)], rows_of(titles, columns, cell))


def no_grasp_table(columns: Sequence[ResultColumn]) -> str:
    """What movements that are no grasp disturb, and what second tries take, where a task has them; else a dash."""
    disturbed = _shares(columns, "no_grasp", "disturbed", "objects disturbed by movements that are no grasp, %")
    tried = _shares(columns, "second_try", "success", "success of second tries, %")
    return "\n\n".join(each for each in (disturbed, tried) if each != "-") or "-"


def _shares(columns: Sequence[ResultColumn], section: str, measure: str, head: str) -> str:
    """A share by policy and column, of the episodes that a section is about; a dash without any."""
    found = [column for column in columns if column.section(section)]
    if not found:
        return "-"

    def cell(column: ResultColumn, name: str) -> str:
        row = column.find(section, name, measure)
        return claimed_per_cent(row, column.split) + (f" (n = {row['n']:,})" if row else "")

    return table([head, *(column.title for column in found)], rows_of(TITLES, found, cell))


def measures_table(column: ResultColumn) -> str:
    """Posture and stability of every policy on one split."""
    rows = []
    for name, title in TITLES.items():
        found = column.section("splits", name)
        if found:
            moved = shown(found["translation_m"], 100.0) + f" ({100.0 * found['translation_m']['median']:.2f})"
            posture, turned = shown(found["posture_rad"]), shown(found["rotation_cos"], digits=3)
            rows.append([title, claimed_per_cent(found["success"], column.split), posture, moved, turned])
    return table([column.title, "success, %", "posture, rad", "translation, cm (median)", "rotation, 1 - cos"], rows)


def adaptability_tables(column: ResultColumn) -> str:
    """Shares of objects by grasped poses, of all and of those grasped at all; empty without."""
    policies = column.section("adaptability")
    if not policies:
        return ""
    counts = next(iter(policies.values()))
    poses = counts["poses"]
    parts = []
    for kind, title, first in (("all", "of all objects", 0), ("grasped", "of the objects grasped at all", 1)):
        names = [name for name in TITLES if kind in policies.get(name, {})]
        rows = [
            [TITLES[name], *(claimed_per_cent(row, column.split) for row in policies[name][kind].values())]
            for name in names
        ]
        if kind == "grasped" and poses == len(PAPER_ADAPTABILITY):
            rows.append(["*the paper's, its objects*", *PAPER_ADAPTABILITY])
        parts.append(table([f"{column.title}, % {title}", *(f"{k}/{poses}" for k in range(first, poses + 1))], rows))
    note = f"{counts['objects']:,} objects have {poses} poses; {counts['left_out']:,} with fewer are left out."
    return "\n\n".join([*parts, note])


def families_table(column: ResultColumn) -> str:
    """The worst and the best families of ours beside other policies, and what goes wrong; all where claimed."""
    families = column.section("families")
    own: Mapping[str, Any] = families.get(OURS) or next(iter(families.values()))
    found, names = worst_and_best({name: rows["success"]["mean"] for name, rows in own.items()})
    others = [name for name in (PRIMITIVE, "oracle") if name in families]
    rows = [
        [
            words(name),
            str(own[name].get("objects", "-")),
            per_cent(own[name]["success"], 0),
            *(mean_per_cent(column.find("families", other, name, "success")) for other in others),
            top_causes(column.section("causes_by_family", OURS, name)),
        ]
        for name in names
    ]
    whole = column.find("splits", OURS, "success")
    if whole is not None and over_families(column.split, whole):
        rows.append(
            [
                "*together*",
                str(sum(own[name].get("objects", 0) for name in own) or "-"),
                claimed_per_cent(whole, column.split, 0),
                *(mean_per_cent(column.find("splits", other, "success")) for other in others),
                top_causes(column.section("causes", OURS)),
            ]
        )
    heads = [f"{column.title}, {found}", "objects", "ours, %", *(f"{words(each)}, %" for each in others)]
    return table([*heads, "what goes wrong, %"], rows)


def types_table(columns: Sequence[ResultColumn]) -> str:
    """Success of ours by the type of the grasp to come, worst first."""
    names = sorted({name for column in columns for name in column.section("types", OURS)})

    def pooled(name: str) -> float:
        """Success over all columns together."""
        found = [row for row in (column.find("types", OURS, name, "success") for column in columns) if row]
        return sum(float(row["mean"] * row["n"]) for row in found) / sum(int(row["n"]) for row in found)

    def cell(column: ResultColumn, name: str) -> str:
        row = column.find("types", OURS, name, "success")
        return f"{per_cent(row, 0)}, n = {row['n']:,}" if row else "-"

    rows = rows_of({name: words(name) for name in sorted(names, key=pooled)}, columns, cell)
    return table(["grasp type, success of ours, %", *(column.title for column in columns)], rows)


def seeds_table(report: Mapping[str, Any]) -> str:
    """What several training seeds came to (`reports.policy_seeds`): means and Student's t intervals over seeds.

    A comparison has a column where it was measured on any split.
    """
    headlines = report.get("headline", {}).values()
    compared = {key: title for key, title in _COMPARISONS.items() if any(each.get(key) for each in headlines)}
    rows = []
    for split, policies in report["splits"].items():
        ours, headline = policies[OURS], report.get("headline", {}).get(split, {})
        rows.append(
            [
                words(split),
                per_cent(ours["success"]),
                ", ".join(f"{100.0 * value:.1f}" for value in ours["success"]["values"]),
                *(per_cent(headline.get(key)) for key in compared),
                shown(ours["posture_rad"]),
                shown(ours["translation_m"], 100.0),
            ]
        )
    head = ["ours, over training seeds", "success, %", "each seed", *compared.values()]
    return table([*head, "posture, rad", "translation, cm"], rows)


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the tables."""
    run_command("policy_tables", policy_blocks, args, of_seeds=seeds_table, others=("stress",))


if __name__ == "__main__":
    main()
