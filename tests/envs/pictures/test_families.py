"""The sheet of families shows every family of a split file, in the colour of its split and over its name."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from envs.objects.families import FAMILIES, SEEN_FAMILIES
from envs.objects.library import ObjectLibrary
from envs.pictures import families
from envs.pictures.families import families_sheet, main, names_by_family
from envs.pictures.view import Image

SIZE = 32
STRIP = 2 * SIZE + 6  # two objects and the gap between
ROW = SIZE + int(1.7 * 11) + 6  # picture, name in 11 pixels, gap


@pytest.fixture
def split_file(tmp_path: Path) -> Path:
    """A seen family of three objects, and an unseen one of a single object."""
    splits = {
        "train": ["box_00000", "box_00001"],
        "unseen_instances": ["box_00002"],
        "unseen_families": ["ring_00000"],
    }
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": splits}))
    return path


def shows(picture: Image, channel: int) -> bool:
    """Whether a good part of the picture is much stronger in that channel (0 red, 2 blue) than in the opposite one."""
    difference = picture[..., channel].astype(int) - picture[..., 2 - channel]
    return float((difference > 40).mean()) > 0.05


def test_every_family_of_the_default_split_is_chosen_in_order() -> None:
    chosen = names_by_family(ObjectLibrary(), 3)
    assert list(chosen) == list(FAMILIES)
    assert {len(names) for names in chosen.values()} == {3}
    assert chosen[SEEN_FAMILIES[0].name] == ["box_00000", "box_00001", "box_00002"]


def test_sheet_shows_each_family_in_its_colour_unseen_ones_in_rows_of_their_own(split_file: Path) -> None:
    sheet = families_sheet(ObjectLibrary(split_file), per_family=2, columns=2, size=SIZE)
    assert sheet.shape == (2 * ROW + 6, 2 * (STRIP + 6) + 6, 3)
    first, second = sheet[6 : 6 + SIZE], sheet[6 + ROW : 6 + ROW + SIZE]
    for left in (6, 6 + SIZE + 6):  # both boxes
        assert shows(first[:, left : left + SIZE], 0)
    assert shows(second[:, 6 : 6 + SIZE], 2)
    assert (second[:, 6 + SIZE :] == 255).all()  # there is no second ring
    assert (first[:, 6 + STRIP :] == 255).all()  # the unseen family does not stand beside the seen one
    for row in range(2):
        assert sheet[6 + row * ROW + SIZE : (row + 1) * ROW, : 6 + STRIP].min() < 150  # ink of the name


def test_families_of_the_development_split_alone_have_a_colour_and_rows_of_their_own(tmp_path: Path) -> None:
    splits = {
        "train": ["box_00000"], "development": ["trowel_00000", "box_00001"], "unseen_instances": ["box_00002"],
        "unseen_families": ["ring_00000"],
    }  # fmt: skip
    path = tmp_path / "three.json"
    path.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": splits}))
    sheet = families_sheet(ObjectLibrary(path), per_family=1, columns=2, size=SIZE)
    assert sheet.shape[0] == 3 * ROW + 6
    seen, development, unseen = (sheet[6 + row * ROW : 6 + row * ROW + SIZE, 6 : 6 + SIZE] for row in range(3))
    assert shows(seen, 0)
    assert shows(unseen, 2)
    green = development[..., 1].astype(int) - development[..., [0, 2]].max(axis=2)
    assert (green > 20).mean() > 0.01


def test_command_writes_the_sheet(split_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "families.png"
    sizes = ["--per_family", "1", "--columns", "1", "--size", str(SIZE)]
    main(["--output", str(output), "--split_file", str(split_file), *sizes])
    with PillowImage.open(output) as image:
        sheet = np.asarray(image.convert("RGB"))
    assert shows(sheet[:ROW], 0)
    assert shows(sheet[ROW:], 2)


@pytest.mark.parametrize("field", ["per_family", "columns", "size"])
def test_counts_below_the_least_are_refused(split_file: Path, field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is 0, expected at least"):
        families_sheet(ObjectLibrary(split_file), **{field: 0})


def test_objects_are_drawn_in_their_most_upright_rest_pose() -> None:
    thing = ObjectLibrary().get("mug_00000")
    pose = families._upright(thing)
    # z axis of the object in the world: 1 - 2 (x^2 + y^2)
    assert 1.0 - 2.0 * float(pose[4] ** 2 + pose[5] ** 2) > 0.99
