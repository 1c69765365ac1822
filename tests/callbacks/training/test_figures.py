"""Figures of curves as files."""

from pathlib import Path

from matplotlib import pyplot as plt
from PIL import Image

from callbacks.training.figures import dress, save_figure


def test_a_figure_is_written_and_closed(tmp_path: Path) -> None:
    figure, axis = plt.subplots(figsize=(2.0, 1.0))
    dress(axis, "title")
    assert axis.get_title() == "title"
    assert not axis.spines["top"].get_visible()
    save_figure(figure, tmp_path / "new" / "x.png", dpi=50)
    assert Image.open(tmp_path / "new" / "x.png").size == (100, 50)
    assert not plt.fignum_exists(figure.number)
