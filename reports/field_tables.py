"""The primitive's measurements as tables in Markdown.

python -m reports.field_tables gf/metrics.json third-party=pybullet/metrics.json --document docs/results_primitive.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from callbacks.assist.table import interval
from envs.conventions import SPLITS
from reports.markdown import causes_table, per_cent, shown_of, table, top_causes, words, worst_and_best
from reports.result_files import ResultColumn
from reports.tables_command import run_command

_WAYS = ("collisions_off", "collisions_on")

_FIELD = "field_success"

TITLES: dict[str, str] = {
    "grasp_success": "stored grasp",
    _FIELD: "**the field**",
    "paper_field_success": "the field, as the paper follows it",
    "sample_success": "a sample",
    "nearest_success": "nearest training grasp",
    "constant_success": "mean joints",
    "blind_success": "blind full close",
}
"""Success measures as the tables call them; other references follow under their own names."""

_POSTURES = {
    "posture_rad": "**the field**",
    "paper_posture_rad": "the field, as the paper follows it",
    "nearest_posture_rad": "nearest training grasp",
    "constant_posture_rad": "mean joints",
}

_WORST, _BEST = 8, 5
"""Families in the tables of the worst and the best."""


def field_blocks(columns: Sequence[ResultColumn]) -> dict[str, str]:
    """Tables by name: collisions-off, collisions-on, posture, families (unseen objects), types, causes."""
    unseen = [column for column in columns if column.split != SPLITS[0]]
    return {
        **{way.replace("_", "-"): success_table(columns, way) for way in _WAYS},
        "posture": posture_table(columns),
        "families": "\n\n".join(families_table(column) for column in unseen or columns),
        "types": types_table(columns),
        "causes": causes_table(
            "how trials end, %",
            {
                f"{column.title}, {words(way)}": column.section("causes")[way]
                for column in columns
                for way in _WAYS
                if way in column.section("causes")
            },
        ),
    }


def _measure(name: str, way: str) -> str:
    """Key of a success measure: what is placed directly has no way to collide on."""
    if way == "collisions_off" and name in ("grasp_success", "sample_success"):
        return name
    return f"{name}_{way}"


def success_table(columns: Sequence[ResultColumn], way: str) -> str:
    """Lift rates with or without collisions on the way."""
    names = dict(TITLES)
    for column in columns:
        for key in column.section("splits"):
            name = key.removesuffix(f"_{way}")
            if name.endswith("field_success") and name != key:
                names.setdefault(name, f"the field, {words(name.removesuffix('_field_success'))}")
    rows = [
        [title, *(per_cent(column.section("splits").get(_measure(name, way))) for column in columns)]
        for name, title in names.items()
        if any(_measure(name, way) in column.section("splits") for column in columns)
    ]
    heads = [f"{column.title}, n = {_count(column):,}" for column in columns]
    return table([f"lifted, %, {words(way)}", *heads], rows)


def _count(column: ResultColumn) -> int:
    return int(next(iter(column.section("splits").values()))["n"])


def posture_table(columns: Sequence[ResultColumn]) -> str:
    """Distance of the final joints from the stored ones."""
    rows = [
        [
            title,
            *(
                interval(column.section("splits")[name]) if name in column.section("splits") else "-"
                for column in columns
            ),
        ]
        for name, title in _POSTURES.items()
        if any(name in column.section("splits") for column in columns)
    ]
    return table(["posture error, rad", *(column.title for column in columns)], rows)


def families_table(column: ResultColumn) -> str:
    """The worst and the best families of the field without collisions, and why it fails, either way."""
    families = column.section("families")
    key = _measure(_FIELD, "collisions_off")
    names = worst_and_best({name: rows[key]["mean"] for name, rows in families.items()}, _WORST, _BEST)
    causes = column.section("causes_by_family")
    rows = [
        [
            words(name),
            per_cent(families[name][key], 0),
            per_cent(families[name].get(_measure(_FIELD, "collisions_on")), 0),
            *(
                _mean(families[name].get(_measure(other, "collisions_off")))
                for other in ("nearest_success", "constant_success")
            ),
            *(top_causes(causes.get(way, {}).get(name, {})) for way in _WAYS),
            str(families[name][key]["n"]),
        ]
        for name in names
    ]
    shown = shown_of(names, families, _WORST, _BEST)
    heads = [f"{column.title}, {shown}", "field, %", "field, collisions on, %", "nearest, %", "mean joints, %"]
    return table([*heads, "what goes wrong, %", "what goes wrong, collisions on, %", "n"], rows)


def _mean(row: Mapping[str, Any] | None) -> str:
    return "-" if row is None else f"{100.0 * row['mean']:.0f}"


def types_table(columns: Sequence[ResultColumn]) -> str:
    """Success of the field by grasp type, with collisions and without."""
    names = sorted({name for column in columns for name in column.section("types")})
    heads = [f"{column.title}, {words(way)}" for column in columns for way in _WAYS]
    rows = [
        [
            words(name),
            *(
                per_cent(column.section("types").get(name, {}).get(_measure(_FIELD, way)), 0)
                for column in columns
                for way in _WAYS
            ),
            " + ".join(str(_number(column.section("types").get(name))) for column in columns),
        ]
        for name in names
    ]
    return table(["grasp type, lifted by the field, %", *heads, "n"], rows)


def _number(rows: Mapping[str, Any] | None) -> int:
    return 0 if rows is None else int(next(iter(rows.values()))["n"])


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the tables."""
    run_command("field_tables", field_blocks, args)


if __name__ == "__main__":
    main()
