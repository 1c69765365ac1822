"""The stress report as one picture: a panel an axis, a curve a policy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks.assist.policies import TRIGGERED
from callbacks.training.figures import dress

_COLUMNS = 4

_LOOKS: dict[str, dict[str, Any]] = {
    "ours": {"color": "C0", "linewidth": 2.2, "zorder": 4},
    TRIGGERED: {"color": "C1", "zorder": 3},
    "primitive_gated": {"color": "C2"},
    "oracle": {"color": "0.45", "linestyle": "--"},
}
"""Of the policies that are usually compared; others take matplotlib's next colours."""

_LOG_RATIO = 6.0
"""Largest value over the smallest from which on an axis is logarithmic."""

_MEASURES = {"success": "success, %", "disturbed": "disturbed, %"}


def draw_stress(report: Mapping[str, Any]) -> Figure:
    """The picture of a stress.json.

    Success, or the share of objects that were disturbed where nothing was to be grasped, against the values of each
    axis, with 95 % intervals: as bands where the values are numbers, as bars where they are names. The nominal setting
    is a vertical line where it stands among the numbers.
    """
    axes = report["axes"]
    columns = min(_COLUMNS, len(axes))
    rows = -(-len(axes) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(3.3 * columns, 2.75 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for panel, (name, axis) in zip(panels.flat, axes.items(), strict=False):
        _draw_panel(panel, name, axis, report["nominal"])
    for panel in panels.flat[len(axes) :]:
        panel.set_axis_off()
    handles: dict[str, Any] = {}
    for panel in panels.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


def _draw_panel(panel: Axes, name: str, axis: Mapping[str, Any], nominal: Mapping[str, Any]) -> None:
    levels, measure = list(axis["levels"]), axis["measure"]
    if axis["nominal"] is not None:
        levels.insert(0, {"value": axis["nominal"], "policies": nominal["policies"]})
    values = [level["value"] for level in levels]
    is_curve = len(values) > 1 and not isinstance(values[0], str)
    places = np.array(values if is_curve else range(len(values)), dtype=np.float64)
    if is_curve:
        order = np.argsort(places)
        places, levels, values = places[order], [levels[i] for i in order], [values[i] for i in order]
        if places[0] > 0.0 and places[-1] >= _LOG_RATIO * places[0]:
            panel.set_xscale("log")
            panel.minorticks_off()
        if axis["nominal"] is not None:
            panel.axvline(axis["nominal"], color="0.75", linewidth=1.0, zorder=0)
    policies = list(nominal["policies"])
    for number, policy in enumerate(policies):
        rows = [level["policies"].get(policy, {}).get(measure) for level in levels]
        shown = np.array([row is not None for row in rows])
        mean, low, high = (100.0 * np.array([row[key] for row in rows if row]) for key in ("mean", "low", "high"))
        looks = {"label": policy.replace("_", " "), "markersize": 3.5, **_LOOKS.get(policy, {})}
        if is_curve:
            (line,) = panel.plot(places[shown], mean, marker="o", **looks)
            panel.fill_between(places[shown], low, high, color=line.get_color(), alpha=0.12, linewidth=0.0)
        else:
            beside = places[shown] + 0.12 * (number - 0.5 * (len(policies) - 1))
            looks["linestyle"] = "none"
            panel.errorbar(beside, mean, [mean - low, high - mean], marker="o", capsize=2, elinewidth=1.2, **looks)
            panel.set_xlim(-0.6, len(values) - 0.4)
    panel.set_xticks(places, [value if isinstance(value, str) else f"{value:g}" for value in values], fontsize=8)
    panel.set_xlabel(axis["unit"], fontsize=8)
    panel.set_ylabel(_MEASURES[measure], fontsize=8)
    panel.set_ylim(-3.0, 103.0)
    panel.tick_params(axis="y", labelsize=8)
    dress(panel, f"{name.replace('_', ' ')}: {axis['verdict']}", size=9)
