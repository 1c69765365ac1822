"""Tables of measures with intervals: by split, family and type, as JSON and as text."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.metrics.intervals import estimate
from datamodules.baselines.set_trials import Values

Row = Mapping[str, Mapping[str, float | int]]

_ORDER = (
    "dsm_loss", "grasp_success", "field_success_collisions_off", "paper_field_success_collisions_off",
    "sample_success", "nearest_success_collisions_off", "constant_success_collisions_off",
    "blind_success_collisions_off", "grasp_success_collisions_on", "field_success_collisions_on",
    "paper_field_success_collisions_on", "nearest_success_collisions_on", "constant_success_collisions_on",
    "blind_success_collisions_on", "grasp_success_moving", "nearest_success_moving", "constant_success_moving",
    "blind_success_moving", "posture_rad", "paper_posture_rad", "nearest_posture_rad", "constant_posture_rad",
    "sample_diversity_rad",
)  # fmt: skip


def estimates(values: Values, groups: NDArray[np.integer]) -> dict[str, dict[str, float | int]]:
    """Mean, interval and count of every measure; groups (G,) are the objects of the grasps."""
    return {name: estimate(column, groups, is_rate="success" in name).as_dict() for name, column in values.items()}


def estimates_by_label(values: Values, groups: NDArray[np.integer], labels: NDArray[np.str_]) -> dict[str, Any]:
    """The estimates of each label's grasps, for instance by family or type; labels (G,)."""
    parts = {}
    for label in sorted(set(labels.tolist())):
        rows = labels == label
        parts[label] = estimates({name: column[rows] for name, column in values.items()}, groups[rows])
    return parts


def format_table(splits: Mapping[str, Row]) -> str:
    """Measures by row, splits by column, each ``mean [low, high]``; rates in per cent."""
    names = [name for name in _ORDER if any(name in row for row in splits.values())]
    names += sorted({name for row in splits.values() for name in row} - set(names))
    lines = [f"{'':38}" + "".join(f"{split + ' n=' + _count(row):>28}" for split, row in splits.items())]
    for name in names:
        cells = [_cell(name, row[name]) if name in row else "-" for row in splits.values()]
        lines.append(f"{name:38}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines)


def _count(row: Row) -> str:
    return str(next(iter(row.values()))["n"]) if row else "0"


def _cell(name: str, item: Mapping[str, float | int]) -> str:
    if "success" in name:
        return f"{item['mean']:.1%} [{item['low']:.1%}, {item['high']:.1%}]"
    return f"{item['mean']:.3f} [{item['low']:.3f}, {item['high']:.3f}]"
