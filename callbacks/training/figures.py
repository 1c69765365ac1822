"""Figures of curves, drawn without a screen and written whole."""

import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from envs.files import write_atomically


def dress(axis: Axes, title: str, size: int = 10) -> None:
    """Title, grid, and no frame at the right and above."""
    axis.set_title(title, fontsize=size)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: Path, dpi: int = 110) -> None:
    """Write a figure as PNG, and close it."""
    payload = io.BytesIO()
    figure.savefig(payload, dpi=dpi, format="png")
    plt.close(figure)
    write_atomically(path, payload.getvalue())
