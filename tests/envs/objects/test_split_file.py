import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from envs.conventions import SPLITS
from envs.objects.builder import parse_object_name
from envs.objects.families import DEVELOPMENT_FAMILIES, SEEN_FAMILIES, UNSEEN_FAMILIES
from envs.objects.split_file import (
    default_splits,
    find_split_file,
    load_splits,
    main,
)


def small_file(tmp_path: Path, **changes: Any) -> Path:
    splits = {"train": ["mug_00000"], "unseen_instances": ["mug_00001"], "unseen_families": ["pear_00000"]}
    content = {"schema": "object_split", "version": 1, "splits": splits} | changes
    path = tmp_path / "split.json"
    path.write_text(json.dumps(content))
    return path


def changed_splits(**changes: Any) -> dict[str, Any]:
    return {"train": ["mug_00000"], "unseen_instances": ["mug_00001"], "unseen_families": ["pear_00000"]} | changes


def load_names(file: Any) -> dict[str, tuple[str, ...]]:
    return load_splits(file).names


def families_of(names: Sequence[str]) -> Counter[str]:
    return Counter(parse_object_name(name).family for name in names)


def test_full_file_has_the_numbers_of_the_paper_evenly_over_the_families() -> None:
    splits = load_names(find_split_file("full"))
    assert {split: len(names) for split, names in splits.items()} == {
        "train": 3127,
        "development": 300,
        "unseen_instances": 519,
        "unseen_families": 1298,
    }
    for split in ("train", "unseen_instances", "unseen_families"):
        shares = families_of(splits[split]).values()
        assert max(shares) - min(shares) <= 1


def test_two_thirds_of_the_development_objects_are_of_seen_families_the_others_of_none_elsewhere() -> None:
    splits = load_names(find_split_file("full"))
    shares = families_of(splits.pop("development"))
    own, seen = {f.name for f in DEVELOPMENT_FAMILIES}, {f.name for f in SEEN_FAMILIES}
    assert shares == Counter(dict.fromkeys(seen, 6) | dict.fromkeys(own, 12))  # 34 x 6 = 204, 8 x 12 = 96
    assert not own & set(families_of([name for names in splits.values() for name in names]))


def test_small_file_is_a_subset_of_the_full_one_over_all_families() -> None:
    full, small = (load_names(find_split_file(name)) for name in ("full", "small"))
    assert {split: len(names) for split, names in small.items()} == {
        "train": 306,  # 9 of each of 34 seen families
        "development": 50,  # 1 of each of 34 seen families, 2 of each of 8 of its own
        "unseen_instances": 68,  # 2
        "unseen_families": 96,  # 8 of each of 12 unseen families
    }
    for split in SPLITS:
        assert set(small[split]) <= set(full[split])
        assert set(families_of(small[split])) == set(families_of(full[split]))
        assert len(set(families_of(small[split]).values())) == (2 if split == "development" else 1)


@pytest.mark.parametrize("name", ["full", "small"])
def test_shipped_files_keep_unseen_things_unseen(name: str) -> None:
    splits = load_names(find_split_file(name))
    assert len(set().union(*splits.values())) == sum(len(names) for names in splits.values())
    assert set(families_of(splits["train"])) <= {f.name for f in SEEN_FAMILIES}
    assert set(families_of(splits["unseen_instances"])) == set(families_of(splits["train"]))
    assert set(families_of(splits["unseen_families"])) <= {f.name for f in UNSEEN_FAMILIES}


def test_instance_seeds_follow_the_training_seeds_of_their_family() -> None:
    splits = default_splits()
    # 3127 = 91 x 34 + 33: all families but the last have 92 training objects.
    for name, trained in ((SEEN_FAMILIES[0].name, 92), (SEEN_FAMILIES[-1].name, 91)):
        seeds = {
            split: [spelt.seed for spelt in map(parse_object_name, splits[split]) if spelt.family == name]
            for split in ("train", "unseen_instances")
        }
        assert seeds["train"] == list(range(trained))
        assert seeds["unseen_instances"][0] == trained
        assert seeds["unseen_instances"] == sorted(seeds["unseen_instances"])


def test_any_beginning_of_a_list_holds_the_families_alike() -> None:
    splits = default_splits()
    development = splits.pop("development")
    for names in splits.values():
        shares = families_of(names[:500])
        assert max(shares.values()) - min(shares.values()) <= 1
    for end in (25, 60, 170):
        own = sum(families_of(development[:end])[f.name] for f in DEVELOPMENT_FAMILIES)
        assert abs(own - 0.32 * end) <= 8  # 96 of 300, dealt out eight at a time


def test_development_seeds_follow_those_of_the_unseen_instances() -> None:
    splits = default_splits()
    for family in SEEN_FAMILIES:
        seeds = {
            split: [spelt.seed for spelt in map(parse_object_name, splits[split]) if spelt.family == family.name]
            for split in ("unseen_instances", "development")
        }
        first = seeds["unseen_instances"][-1] + 1
        assert seeds["development"] == list(range(first, first + 6))


def test_a_file_may_lack_the_development_split(tmp_path: Path) -> None:
    assert load_names(small_file(tmp_path))["development"] == ()
    added = small_file(tmp_path, splits=changed_splits(development=["trowel_00000", "mug_00002"]))
    assert load_names(added)["development"] == ("trowel_00000", "mug_00002")


@pytest.mark.parametrize("size", ["full", "small"])
def test_command_writes_the_file_that_is_shipped(tmp_path: Path, size: str) -> None:
    main(["--output", str(tmp_path / "again.json"), "--size", size])
    assert (tmp_path / "again.json").read_text() == find_split_file(size).read_text()


def test_a_bare_name_is_the_file_of_the_package_and_anything_else_a_path() -> None:
    assert find_split_file(None) == find_split_file("full")
    assert find_split_file("small").name == "small.json"
    assert find_split_file("./small") == Path("small")
    assert find_split_file(Path("small")) == Path("small")
    assert find_split_file("runs/own.json") == Path("runs/own.json")


def test_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"none.json does not exist; write the file .*or name one of the package: .*small"
    ):
        load_names(tmp_path / "none.json")


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match=r"split.json is no JSON \(.*\); write the file again"):
        load_names(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "grasp_set"}, r"split.json: field 'schema' is 'grasp_set', expected 'object_split'"),
        ({"version": 2}, r"split.json: field 'version' is 2, expected 1"),
        ({"splits": []}, r"split.json: field 'splits' has \[\], expected the keys \(only 'development' may be missing"),
        ({"splits": {"train": []}}, r"field 'splits' has \['train'\], expected the keys"),
        (
            {"splits": changed_splits(train="mug_00000")},
            r"field 'splits.train' is 'mug_00000', expected a non-empty list",
        ),
        ({"splits": changed_splits(train=[])}, r"field 'splits.train' is '\[\]', expected a non-empty list"),
        ({"splits": changed_splits(train=["mug_1"])}, r"field 'splits.train': object name 'mug_1' is malformed"),
        (
            {"splits": changed_splits(train=["teapot_00000"])},
            r"'splits.train'.* unknown family 'teapot'; available: ball",
        ),
        ({"splits": changed_splits(development=[])}, r"field 'splits.development' is '\[\]', expected a non-empty"),
        (
            {"splits": changed_splits(development=["mug_00000"])},
            r"object 'mug_00000' is in 'train' and in 'development'; an object may be named once",
        ),
        (
            {"splits": changed_splits(unseen_instances=["mug_00000"])},
            r"object 'mug_00000' is in 'train' and in 'unseen_instances'; an object may be named once",
        ),
        (
            {"splits": changed_splits(unseen_families=["mug_00002"])},
            r"'splits.unseen_families' names 'mug_00002', whose family is in 'train' too",
        ),
    ],
)
def test_malformed_file_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_names(small_file(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["mug_00000"]', r"split\.json holds a list, expected fields by name; write the file again"),
        ("", r"split\.json is empty, expected fields by name"),
        ("{}", r"split\.json: field 'schema' is None, expected 'object_split'"),
        ('{"splits": {"train": [], "train": []}}', r"split\.json: key 'train' stands twice"),
        (100_000 * "[", r"split\.json is no JSON \(it is nested too deeply\)"),
    ],
)
def test_file_that_holds_no_fields_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_names(path)
