"""The policy's measurements as tables in Markdown, third-party objects in a column of their own.

python -m reports.policy_tables full/metrics.json third-party=pybullet/metrics.json --document docs/results_policy.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.assist.report import OURS, PRIMITIVE
from callbacks.assist.table import interval
from reports.markdown import causes_table, per_cent, shown_of, table, top_causes, words, worst_and_best
from reports.result_files import ResultColumn
from reports.tables_command import run_command

TITLES: dict[str, str] = {
    "ours": "**ours**",
    "primitive": "primitive alone",
    "primitive_gated": "primitive, from its best fixed step",
    "scripted_close": "mean joints, best fixed step",
    "blind_close": "blind close, best fixed step",
    "nearest_grasp": "nearest training grasp, on arrival (a)",
    "oracle": "stored grasp, on arrival (a, b)",
}
"""Policies as the tables call them."""

NOTES = "(a) knows where and when the wrist will end. (b) knows the grasp."

_COMPARISONS = {
    "minus_primitive": "ours minus the primitive alone, points",
    "minus_best_script": "ours minus the best script, points",
    "over_oracle": "ours over the stored grasp, %",
}

PAPER_ADAPTABILITY = ("13.67", "27.70", "31.41", "20.82", "6.40")
"""GraspGF Table 3, row "Ours", %: objects grasped at 1 to 5 of five poses, among those grasped at all."""

_WORST, _BEST = 8, 5
"""Families in the tables of the worst and the best."""


def policy_blocks(columns: Sequence[ResultColumn]) -> dict[str, str]:
    """Tables by name: success, headline, measures, adaptability, families, types, causes."""
    return {
        "success": success_table(columns),
        "headline": headline_table(columns),
        "measures": "\n\n".join(measures_table(column) for column in columns),
        "adaptability": "\n\n".join(filter(None, (adaptability_tables(column) for column in columns))) or "-",
        "families": "\n\n".join(families_table(column) for column in columns),
        "types": types_table(columns),
        "causes": causes_table(
            "how episodes end, %",
            {
                f"{column.title}: {words(name)}": column.section("causes")[name]
                for column in columns
                for name in (OURS, PRIMITIVE)
                if name in column.section("causes")
            },
        ),
    }


def _policies(columns: Sequence[ResultColumn]) -> list[str]:
    """Policies that some column has, in the order of the tables."""
    return [name for name in TITLES if any(name in column.section("splits") for column in columns)]


def success_table(columns: Sequence[ResultColumn]) -> str:
    """Success by policy and split; where a policy ran fewer episodes than the most, their number."""
    most = [max(rows["success"]["n"] for rows in column.section("splits").values()) for column in columns]
    rows = []
    for name in _policies(columns):
        cells = []
        for column, full in zip(columns, most, strict=True):
            row = column.section("splits").get(name, {}).get("success")
            cells.append(per_cent(row) + (f" (n = {row['n']:,})" if row and row["n"] < full else ""))
        rows.append([TITLES[name], *cells])
    heads = [f"{column.title}, {_size(column, full)}" for column, full in zip(columns, most, strict=True)]
    return table(["success, %", *heads], rows) + f"\n\n{NOTES}"


def _size(column: ResultColumn, episodes: int) -> str:
    objects = column.report.get("about", {}).get("objects", {}).get(column.split)
    return f"{episodes:,} episodes" if objects is None else f"{objects:,} objects, {episodes:,} episodes"


def headline_table(columns: Sequence[ResultColumn]) -> str:
    """What ours is better by, on the same episodes, intervals over objects."""
    rows = []
    for key, title in _COMPARISONS.items():
        found = [column.section("headline").get(key) for column in columns]
        if any(found):
            cells = [
                per_cent(row) + (f" ({words(row['policy'])})" if row and key == "minus_best_script" else "")
                for row in found
            ]
            rows.append([title, *cells])
    return table(["same episodes", *(column.title for column in columns)], rows)


def measures_table(column: ResultColumn) -> str:
    """Posture and stability of every policy on one split."""
    rows = []
    for name in _policies([column]):
        found = column.section("splits")[name]
        moved = interval(found["translation_m"], 100.0) + f" ({100.0 * found['translation_m']['median']:.2f})"
        posture, turned = interval(found["posture_rad"]), interval(found["rotation_cos"], digits=3)
        rows.append([TITLES[name], per_cent(found["success"]), posture, moved, turned])
    return table([column.title, "success, %", "posture, rad", "translation, cm (median)", "rotation, 1 - cos"], rows)


def adaptability_tables(column: ResultColumn) -> str:
    """Shares of objects by grasped poses, of all and of those grasped at all; empty without."""
    policies = column.section("adaptability")
    if not policies:
        return ""
    poses = next(iter(policies.values()))["poses"]
    parts = []
    for kind, title, first in (("all", "of all objects", 0), ("grasped", "of the objects grasped at all", 1)):
        names = [name for name in TITLES if kind in policies.get(name, {})]
        rows = [[TITLES[name], *(per_cent(row) for row in policies[name][kind].values())] for name in names]
        if kind == "grasped" and poses == len(PAPER_ADAPTABILITY):
            rows.append(["*the paper's, its objects*", *PAPER_ADAPTABILITY])
        head = [f"{column.title}, % {title}", *(f"{k}/{poses}" for k in range(first, poses + 1))]
        parts.append(table(head, rows))
    counts = next(iter(policies.values()))
    return "\n\n".join(
        [*parts, f"{counts['objects']:,} objects have {poses} poses; {counts['left_out']:,} with fewer are left out."]
    )


def families_table(column: ResultColumn) -> str:
    """The worst and the best families of ours beside other policies, and what goes wrong."""
    families = column.section("families")
    own: Mapping[str, Any] = families.get(OURS) or next(iter(families.values()))
    names = worst_and_best({name: rows["success"]["mean"] for name, rows in own.items()}, _WORST, _BEST)
    others = [name for name in (PRIMITIVE, "oracle") if name in families]
    causes = column.section("causes_by_family").get(OURS, {})
    rows = [
        [
            words(name),
            str(own[name].get("objects", "-")),
            per_cent(own[name]["success"], 0),
            *(_mean(families[other].get(name)) for other in others),
            top_causes(causes.get(name, {})),
        ]
        for name in names
    ]
    heads = [
        f"{column.title}, {shown_of(names, own, _WORST, _BEST)}",
        "objects",
        "ours, %",
        *(f"{words(each)}, %" for each in others),
    ]
    return table([*heads, "what goes wrong, %"], rows)


def _mean(rows: Mapping[str, Any] | None) -> str:
    return "-" if rows is None else f"{100.0 * rows['success']['mean']:.0f}"


def types_table(columns: Sequence[ResultColumn]) -> str:
    """Success of ours by the type of the grasp to come, worst first."""
    types = [column.section("types").get(OURS, {}) for column in columns]
    names = sorted({name for found in types for name in found}, key=lambda name: _pooled(types, name))
    rows = [
        [words(name), *(_with_count(found[name]["success"]) if name in found else "-" for found in types)]
        for name in names
    ]
    return table(["grasp type, success of ours, %", *(column.title for column in columns)], rows)


def _pooled(types: Sequence[Mapping[str, Any]], name: str) -> float:
    """Success over all columns together."""
    found = [each[name]["success"] for each in types if name in each]
    return sum(float(row["mean"] * row["n"]) for row in found) / sum(int(row["n"]) for row in found)


def _with_count(row: Mapping[str, Any]) -> str:
    return f"{per_cent(row, 0)}, n = {row['n']:,}"


def seeds_table(report: Mapping[str, Any]) -> str:
    """What several training seeds came to (`policy_report --combine`): means and Student's t intervals over seeds."""
    rows = []
    for split, policies in report["splits"].items():
        ours, headline = policies[OURS], report.get("headline", {}).get(split, {})
        rows.append(
            [
                words(split),
                per_cent(ours["success"]),
                ", ".join(f"{100.0 * value:.1f}" for value in ours["success"]["values"]),
                *(per_cent(headline.get(key)) for key in _COMPARISONS),
                interval(ours["posture_rad"]),
                interval(ours["translation_m"], 100.0),
            ]
        )
    head = ["ours, over training seeds", "success, %", "each seed", *_COMPARISONS.values()]
    return table([*head, "posture, rad", "translation, cm"], rows)


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the tables."""
    run_command("policy_tables", policy_blocks, args, of_seeds=seeds_table)


if __name__ == "__main__":
    main()
