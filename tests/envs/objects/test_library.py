import json
from pathlib import Path

import numpy as np
import pytest

from envs.conventions import SPLITS
from envs.objects.builder import make_object
from envs.objects.library import ObjectLibrary
from envs.objects.store.object_cache import ObjectCache


@pytest.fixture(scope="module")
def library() -> ObjectLibrary:
    return ObjectLibrary()


def test_library_lists_splits_and_names(library: ObjectLibrary) -> None:
    assert library.splits == SPLITS
    assert [len(library.names(split)) for split in SPLITS] == [3127, 300, 519, 1298]
    assert len(library) == 5244


def test_object_is_built_once_from_its_name(library: ObjectLibrary) -> None:
    mug = library.get("mug_00002")
    assert mug is library.get("mug_00002")
    np.testing.assert_array_equal(mug.points, make_object("mug", 2).points)
    assert (mug.name, mug.family, mug.seed) == ("mug_00002", "mug", 2)


def test_membership_family_and_split(library: ObjectLibrary) -> None:
    assert "mug_00002" in library
    assert "mug_99999" not in library
    assert library.family("wine_glass_00003") == "wine_glass"
    assert [library.split_of(name) for name in ("mug_00000", "trowel_00000", "mug_00092", "pear_00000")] == list(SPLITS)


def test_changing_the_list_of_names_leaves_the_library_alone(library: ObjectLibrary) -> None:
    library.names("train").clear()
    assert len(library.names("train")) == 3127


def test_own_split_file(tmp_path: Path) -> None:
    splits = {"train": ["can_00900"], "unseen_instances": ["can_00901"], "unseen_families": ["pear_00000"]}
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"schema": "object_split", "version": 1, "splits": splits}))
    library = ObjectLibrary(path)
    assert library.names("train") == ["can_00900"]
    assert library.get("can_00900").seed == 900


def test_unknown_split_names_those_that_exist(library: ObjectLibrary) -> None:
    with pytest.raises(ValueError, match=r"object split 'test' is unknown; available: train, development, un"):
        library.names("test")


def test_object_outside_the_split_file_names_its_siblings(library: ObjectLibrary) -> None:
    with pytest.raises(KeyError, match=r"no object 'mug_00500' in split file .*full.json; its 114 objects .*mug_00000"):
        library.get("mug_00500")


def test_object_of_unknown_family_names_the_families(library: ObjectLibrary) -> None:
    with pytest.raises(KeyError, match=r"no object 'teapot_00000' .* unknown family 'teapot'; available: ball, banana"):
        library.family("teapot_00000")


def test_malformed_name_is_explained(library: ObjectLibrary) -> None:
    with pytest.raises(KeyError, match=r"no object 'mug' .* expected FAMILY_SEED with five digits"):
        library.get("mug")


def test_each_gives_every_object_and_keeps_none(library: ObjectLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.objects.library._AT_ONCE", 2)
    names = ["mug_00004", "can_00000", "mug_00004", "pear_00000", "can_00001"]
    before = dict(library._objects)
    assert [thing.name for thing in library.each(names)] == names
    assert library._objects == before


def test_each_keeps_objects_that_no_cache_would() -> None:
    library = ObjectLibrary(cache=ObjectCache(None))
    (first,) = library.each(["can_00000"])
    assert library.get("can_00000") is first


def test_each_names_an_unknown_object(library: ObjectLibrary) -> None:
    with pytest.raises(KeyError, match=r"no object 'mug_00500' in split file"):
        list(library.each(["can_00000", "mug_00500"]))
