"""Contact sheets and PNG files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from envs.pictures.sheets import contact_sheet, save_png


def flat(value: int, size: int = 40) -> np.ndarray:
    return np.full((size, size, 3), value, dtype=np.uint8)


def test_pictures_fill_rows_in_order() -> None:
    sheet = contact_sheet([flat(value) for value in (10, 20, 30)], columns=2)
    assert sheet.shape == (2 * 46 + 6, 2 * 46 + 6, 3)  # two rows and columns of 40 pixels, gaps of 6
    assert [sheet[20, 20, 0], sheet[20, 66, 0], sheet[66, 20, 0], sheet[66, 66, 0]] == [10, 20, 30, 255]


def test_titles_and_heading_are_written() -> None:
    plain = contact_sheet([flat(10)])
    titled = contact_sheet([flat(10)], ["title"])
    headed = contact_sheet([flat(10)], ["title"], heading="heading")
    assert plain.shape[0] < titled.shape[0] < headed.shape[0]
    assert titled[47:].min() < 150  # ink below the picture


def test_long_title_is_made_to_fit() -> None:
    sheet = contact_sheet([flat(10, 160)], ["a title that is far too long for this picture"])
    below = sheet[167:]
    assert below.min() < 150
    assert (below[:, :5] == 255).all()
    assert (below[:, -5:] == 255).all()


def test_fewer_pictures_than_columns_leave_no_empty_columns() -> None:
    assert contact_sheet([flat(1), flat(2)], columns=5).shape[1] == 2 * 46 + 6


def test_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="contact sheet got no pictures"):
        contact_sheet([])


def test_unequal_sizes_are_named() -> None:
    with pytest.raises(ValueError, match=r"pictures of sizes \[\(40, 40, 3\), \(50, 50, 3\)\]"):
        contact_sheet([flat(1), flat(2, 50)])


def test_wrong_number_of_titles_is_named() -> None:
    with pytest.raises(ValueError, match="contact sheet got 1 titles for 2 pictures"):
        contact_sheet([flat(1), flat(2)], ["one"])


def test_no_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="contact sheet has 0 columns, expected at least 1"):
        contact_sheet([flat(1)], columns=0)


def test_saved_picture_reads_back(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = save_png(tmp_path / "new" / "picture.png", image)
    np.testing.assert_array_equal(np.asarray(PillowImage.open(path)), image)
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_interrupted_writing_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_png(tmp_path / "picture.png", flat(7))

    def write_half(self: PillowImage.Image, target: io.BytesIO, **_: object) -> None:
        target.write(b"half a pict")
        raise KeyboardInterrupt

    monkeypatch.setattr(PillowImage.Image, "save", write_half)
    with pytest.raises(KeyboardInterrupt):
        save_png(path, flat(9))
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]
    assert np.asarray(PillowImage.open(path))[0, 0, 0] == 7


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"picture has shape \(4, 4, 3\) and type float64, expected \(H, W, 3\)"):
        save_png(tmp_path / "picture.png", np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_png_of_few_colours_looks_the_same(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(240, dtype=np.uint8).reshape(1, -1, 1), 3, axis=2).repeat(20, axis=0)
    with PillowImage.open(save_png(tmp_path / "few.png", ramp, num_colours=60)) as image:
        assert len(image.getcolors() or ()) <= 60
        few = np.asarray(image.convert("RGB"))
    assert np.abs(few.astype(int) - ramp).max() <= 8  # 240 greys in 60 steps of 4, cut by medians


@pytest.mark.parametrize("count", [0, 257])
def test_number_of_colours_outside_a_palette_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"num_colours is {count}, expected 1 to 256"):
        save_png(tmp_path / "few.png", flat(0), num_colours=count)
