"""The primitive's measurements as tables in Markdown.

python -m reports.field_tables gf/metrics.json third-party=pybullet/metrics.json --document docs/results_primitive.md
"""

from collections.abc import Sequence

from envs.conventions import SPLITS
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


def field_blocks(columns: Sequence[ResultColumn]) -> dict[str, str]:
    """Tables by name: collisions-off, collisions-on, posture, families (unseen objects), types, causes."""
    unseen = [column for column in columns if column.split != SPLITS[0]]
    postures = rows_of(_POSTURES, columns, lambda column, name: shown(column.find("splits", name)))
    causes = {
        f"{column.title}, {words(way)}": counts
        for column in columns
        for way, counts in column.section("causes").items()
    }
    return {
        **{way.replace("_", "-"): success_table(columns, way) for way in _WAYS},
        "posture": table(["posture error, rad", *(column.title for column in columns)], postures),
        "families": "\n\n".join(families_table(column) for column in unseen or columns),
        "types": types_table(columns),
        "causes": causes_table("how trials end, %", causes),
    }


def _measure(name: str, way: str) -> str:
    """Key of a success measure: what is placed directly has no way to collide on."""
    if way == "collisions_off" and name in ("grasp_success", "sample_success"):
        return name
    return f"{name}_{way}"


def _count(column: ResultColumn, section: str, *keys: str) -> int:
    return next((row["n"] for row in column.section(section, *keys).values()), 0)


def success_table(columns: Sequence[ResultColumn], way: str) -> str:
    """Lift rates with or without collisions on the way, of all grasps, and of the hard ones where they are known."""
    parts = [_lifted(columns, "splits", f"lifted, %, {words(way)}", way)]
    hard = [column for column in columns if column.section("hard")]
    if hard:
        parts.append(_lifted(hard, "hard", f"lifted of the hard ones, %, {words(way)}", way))
    return "\n\n".join(parts)


def _lifted(columns: Sequence[ResultColumn], section: str, head: str, way: str) -> str:
    measured = [key.removesuffix(f"_{way}") for column in columns for key in column.section(section)]
    others = [name for name in measured if name.endswith(f"_{_FIELD}") and name not in TITLES]
    titles = TITLES | {name: f"the field, {words(name.removesuffix(f'_{_FIELD}'))}" for name in others}

    def cell(column: ResultColumn, name: str) -> str:
        return claimed_per_cent(column.find(section, _measure(name, way)), column.split)

    rows = rows_of(titles, columns, cell)
    heads = [f"{column.title}, n = {_count(column, section):,}" for column in columns]
    return table([head, *heads], rows)


def families_table(column: ResultColumn) -> str:
    """The worst and the best families of the field without collisions, and why it fails, either way."""
    off, on = (_measure(_FIELD, way) for way in _WAYS)
    found, names = worst_and_best({name: rows[off]["mean"] for name, rows in column.section("families").items()})
    rows = [
        [
            words(name),
            *(per_cent(column.find("families", name, key), 0) for key in (off, on)),
            *(
                mean_per_cent(column.find("families", name, _measure(other, "collisions_off")))
                for other in ("nearest_success", "constant_success")
            ),
            *(top_causes(column.section("causes_by_family", way, name)) for way in _WAYS),
            str(column.find("families", name, off)["n"]),
        ]
        for name in names
    ]
    heads = [f"{column.title}, {found}", "field, %", "field, collisions on, %", "nearest, %", "mean joints, %"]
    return table([*heads, "what goes wrong, %", "what goes wrong, collisions on, %", "n"], rows)


def types_table(columns: Sequence[ResultColumn]) -> str:
    """Success of the field by grasp type, with collisions and without."""
    rows = [
        [
            words(name),
            *(per_cent(column.find("types", name, _measure(_FIELD, way)), 0) for column in columns for way in _WAYS),
            " + ".join(str(_count(column, "types", name)) for column in columns),
        ]
        for name in sorted({name for column in columns for name in column.section("types")})
    ]
    heads = [f"{column.title}, {words(way)}" for column in columns for way in _WAYS]
    return table(["grasp type, lifted by the field, %", *heads, "n"], rows)


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the tables."""
    run_command("field_tables", field_blocks, args)


if __name__ == "__main__":
    main()
