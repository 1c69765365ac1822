"""Picture files: contact sheets with titles, and PNGs that are complete or absent."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from envs.files import write_atomically
from envs.pictures.view import Image

_TEXT = (52, 58, 66)
_PAPER = (255, 255, 255)
GAP = 6
"""Pixels between pictures."""


def contact_sheet(
    images: Sequence[Image], titles: Sequence[str] | None = None, columns: int = 4, *, heading: str = ""
) -> Image:
    """Pictures of one size in rows of ``columns``, each over its title, under a heading: (H, W, 3) uint8.

    Raises:
        ValueError: no pictures, pictures of different sizes, another number of titles, or no columns.
    """
    if not images:
        raise ValueError("contact sheet got no pictures; give at least one")
    if columns < 1:
        raise ValueError(f"contact sheet has {columns} columns, expected at least 1")
    captions = [""] * len(images) if titles is None else list(titles)
    if len(captions) != len(images):
        raise ValueError(f"contact sheet got {len(captions)} titles for {len(images)} pictures; give one each")
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise ValueError(f"contact sheet got pictures of sizes {sorted(sizes)}; give pictures of one size")
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    text_height = max(11, width // 18)
    caption = int(1.7 * text_height) if any(captions) else 0
    top = int(2.2 * text_height) if heading else 0
    size = (columns * (width + GAP) + GAP, top + rows * (height + caption + GAP) + GAP)
    sheet = PillowImage.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    if heading:
        pen.text((size[0] / 2, top / 2 + GAP), heading, fill=_TEXT, font=_font(1.15 * text_height), anchor="mm")
    for number, (image, title) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        x, y = GAP + column * (width + GAP), top + GAP + row * (height + caption + GAP)
        sheet.paste(PillowImage.fromarray(_checked(image)), (x, y))
        if title:
            font = _fitting_font(title, width, text_height)
            pen.text((x + width / 2, y + height + caption / 2), title, fill=_TEXT, font=font, anchor="mm")
    return np.asarray(sheet)


def save_png(path: str | os.PathLike[str], image: Image, num_colours: int | None = None) -> Path:
    """Write a picture (H, W, 3) uint8 and return its path; folders are made.

    The file appears under its name only when it is complete.

    Args:
        path: file to write.
        image: the picture.
        num_colours: it is reduced to so many colours, at most 256: a third of the size; all are kept when None.
    Raises:
        ValueError: the array is no picture, or num_colours outside 1 to 256.
    """
    if num_colours is not None and not 1 <= num_colours <= 256:
        raise ValueError(f"PNG file {path}: num_colours is {num_colours}, expected 1 to 256, or None to keep all")
    target = Path(path)
    picture = PillowImage.fromarray(_checked(image))
    if num_colours is not None:
        picture = picture.quantize(num_colours)
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    write_atomically(target, content.getvalue())
    return target


def _checked(image: NDArray[np.generic]) -> Image:
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"picture has shape {array.shape} and type {array.dtype}, expected (H, W, 3) and uint8")
    return array.astype(np.uint8, copy=False)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting_font(text: str, width: int, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest font up to the given size in which the text is no wider than its picture (6 pixels at least)."""
    while size > 6.0 and _font(size).getlength(text) > width:
        size -= 0.5
    return _font(size)
