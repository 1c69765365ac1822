"""A sheet of all families: ``python -m envs.pictures.families --output docs/pictures/families.png``."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from envs.command_line import run_command
from envs.conventions import DEVELOPMENT_SPLIT
from envs.files import check_output
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.pictures.hand_picture import OBJECT_COLOUR, posed_object
from envs.pictures.sheets import GAP, contact_sheet, save_png
from envs.pictures.view import Image, look_at, render_scene
from envs.plain_errors import plain_errors

SEEN_COLOUR = OBJECT_COLOUR
UNSEEN_COLOUR = (0.24, 0.53, 0.76)
DEVELOPMENT_COLOUR = (0.36, 0.66, 0.36)
"""sRGB in [0, 1] of objects whose family is trained on, is unseen, or is of the development split alone."""

_DIRECTION = np.array([0.75, -0.95, 0.55])
_PAPER = 255
_LOG = logging.getLogger("families")


def names_by_family(library: ObjectLibrary, per_family: int) -> dict[str, list[str]]:
    """The first objects of every family of the split file, at most `per_family`; families in the order of the file."""
    chosen: dict[str, list[str]] = {}
    for split in library.splits:
        for name in library.names(split):
            own = chosen.setdefault(library.family(name), [])
            if len(own) < per_family:
                own.append(name)
    return chosen


def families_sheet(library: ObjectLibrary, per_family: int = 3, columns: int = 4, size: int = 100) -> Image:
    """Every family's first objects side by side over its name; seen, development and unseen ones in own rows.

    Args:
        library: the objects.
        per_family: objects of each family; where it has fewer, the places stay empty.
        columns: families in a row.
        size: edge of one object's picture, pixels.
    Returns:
        (H, W, 3) uint8.
    Raises:
        ValueError: a count below 1, or pictures of less than 16 pixels.
    """
    for field, given, least in (("per_family", per_family, 1), ("columns", columns, 1), ("size", size, 16)):
        if given < least:
            raise ValueError(f"picture of the families: {field} is {given}, expected at least {least}")
    chosen = names_by_family(library, per_family)
    colours = {family: _colour(library, own[0]) for family, own in chosen.items()}
    objects = dict(zip(chosen, _built(library, chosen), strict=True))
    strips = {
        family: _strip(own, per_family, size, colours[family])
        for family, own in tqdm(objects.items(), desc="pictures", unit="family")
    }
    titles: list[str] = []
    for colour in (SEEN_COLOUR, DEVELOPMENT_COLOUR, UNSEEN_COLOUR):
        titles += [""] * (-len(titles) % columns if colour in colours.values() else 0)
        titles += [family for family in strips if colours[family] == colour]
    blank = np.full_like(next(iter(strips.values())), _PAPER)
    return contact_sheet([strips.get(title, blank) for title in titles], titles, columns)


def _colour(library: ObjectLibrary, first: str) -> tuple[float, float, float]:
    """Colour of the family whose first object of the split file is `first`."""
    own_colours = {DEVELOPMENT_SPLIT: DEVELOPMENT_COLOUR, "unseen_families": UNSEEN_COLOUR}
    return own_colours.get(library.split_of(first), SEEN_COLOUR)


def _built(library: ObjectLibrary, chosen: dict[str, list[str]]) -> list[list[GraspObject]]:
    """The chosen objects of every family, the missing ones built on all cores."""
    objects = iter(library.get_many([name for own in chosen.values() for name in own]))
    return [[next(objects) for _ in own] for own in chosen.values()]


def _strip(objects: Sequence[GraspObject], places: int, size: int, colour: tuple[float, float, float]) -> Image:
    """Objects in their most upright rest poses, all at one scale, side by side: (size, W, 3)."""
    meshes = [
        posed_object(grasp_object.vertices, grasp_object.faces, _upright(grasp_object), colour)
        for grasp_object in objects
    ]
    camera = look_at(np.concatenate([mesh.corners.reshape(-1, 3) for mesh in meshes]), _DIRECTION)
    strip = np.full((size, places * (size + GAP) - GAP, 3), _PAPER, dtype=np.uint8)
    for place, mesh in enumerate(meshes):
        left = place * (size + GAP)
        strip[:, left : left + size] = render_scene([mesh], camera, size)
    return strip


def _upright(grasp_object: GraspObject) -> NDArray[np.float64]:
    """The rest pose (7,) that turns the object least from how it was modelled: families model things upright."""
    pose: NDArray[np.float64] = grasp_object.rest_poses[
        np.abs(grasp_object.rest_poses[:, 3]).argmax()
    ]  # |w| = cos(angle / 2)
    return pose


def draw_families(
    output: Path, split_file: str = "full", per_family: int = 3, columns: int = 4, size: int = 100
) -> None:
    """Draw objects of every family of a split file, seen ones orange, unseen ones blue, development ones green.

    Args:
        output: picture to write (PNG).
        split_file: objects and their splits; the package's ("full", "small", "third_party") or a path.
        per_family: objects of each family.
        columns: families in a row.
        size: edge of one object's picture, pixels.
    """
    check_output(output, split_file)
    library = ObjectLibrary(split_file)
    save_png(output, families_sheet(library, per_family, columns, size), num_colours=256)
    _LOG.info("wrote %s: %d families", output, len(names_by_family(library, 1)))


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(draw_families, args)


if __name__ == "__main__":
    with plain_errors():
        main()
