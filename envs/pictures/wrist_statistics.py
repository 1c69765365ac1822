"""Picture of what recorded and generated wrist movements are like."""

from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from envs.pictures.view import Image
from envs.wrist.movement_statistics import MovementStatistics

_PANELS = (
    ("arrival_s", "until arrival, s"),
    ("peak_speed", "fastest speed, m/s"),
    ("peak_at", "when, of the time until arrival"),
    ("turn_deg", "turns about an axis, degrees"),
)


def statistics_picture(shown: Mapping[str, MovementStatistics]) -> Image:
    """Distribution functions of four numbers, and how often there are so many sub-movements (H, W, 3).

    Args:
        shown: statistics by what they are called, in the order of the legend.
    """
    figure = Figure(figsize=(12.0, 3.0), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(_PANELS) + 1)
    for axis, (key, title) in zip(axes, _PANELS, strict=False):
        for row, (name, each) in enumerate(shown.items()):
            values = getattr(each, key)
            values = np.sort(values[np.isfinite(values)])
            if len(values):
                axis.step(
                    values, np.arange(1, len(values) + 1) / len(values), color=f"C{row}", label=name, where="post"
                )
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_ylim(0.0, 1.0)
        axis.grid(alpha=0.3)
    most = int(max(each.sub_movements.max() for each in shown.values()))
    for row, (name, each) in enumerate(shown.items()):
        shares = [(each.sub_movements == count).mean() for count in range(1, most + 1)]
        offset = 0.8 * ((row + 0.5) / len(shown) - 0.5)
        axes[-1].bar(np.arange(1, most + 1) + offset, shares, 0.8 / len(shown), color=f"C{row}", label=name)
    axes[-1].set_title("sub-movements", fontsize=9, loc="left")
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=len(shown), frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
