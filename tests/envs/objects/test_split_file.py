import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from envs.objects.families import SEEN_FAMILIES, UNSEEN_FAMILIES
from envs.objects.split_file import (
    default_split_file,
    default_splits,
    main,
    parse_object_name,
    read_split_file,
)


def small_file(tmp_path: Path, **changes: Any) -> Path:
    splits = {"train": ["mug_00000"], "unseen_instances": ["mug_00001"], "unseen_families": ["pear_00000"]}
    content = {"schema": "object_split", "version": 1, "splits": splits} | changes
    path = tmp_path / "split.json"
    path.write_text(json.dumps(content))
    return path


def changed_splits(**changes: Any) -> dict[str, Any]:
    return {"train": ["mug_00000"], "unseen_instances": ["mug_00001"], "unseen_families": ["pear_00000"]} | changes


def test_default_file_has_the_agreed_sizes_and_is_balanced() -> None:
    splits = read_split_file(default_split_file())
    assert {split: len(names) for split, names in splits.items()} == {
        "train": 300,
        "unseen_instances": 60,
        "unseen_families": 90,
    }
    for names in splits.values():
        per_family = Counter(parse_object_name(name).family for name in names)
        assert len(set(per_family.values())) == 1


def test_default_file_keeps_unseen_things_unseen() -> None:
    splits = read_split_file(default_split_file())
    assert len(set().union(*splits.values())) == 450
    families = {split: {parse_object_name(name).family for name in names} for split, names in splits.items()}
    assert families["train"] == families["unseen_instances"] == {f.name for f in SEEN_FAMILIES}
    assert families["unseen_families"] == {f.name for f in UNSEEN_FAMILIES}
    assert not families["unseen_families"] & families["train"]


def test_command_writes_the_file_that_is_shipped(tmp_path: Path) -> None:
    main(["--output", str(tmp_path / "again.json")])
    assert (tmp_path / "again.json").read_text() == default_split_file().read_text()
    assert {s: list(n) for s, n in read_split_file(default_split_file()).items()} == default_splits()


def test_object_name_spells_family_and_seed() -> None:
    spelt = parse_object_name("wine_glass_00012")
    assert (spelt.family, spelt.seed) == ("wine_glass", 12)


@pytest.mark.parametrize("name", ["mug", "mug_12", "mug_000123", "00012", ""])
def test_malformed_object_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"object name '{name}' is malformed; expected FAMILY_SEED"):
        parse_object_name(name)


def test_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.json does not exist; write the file again with python -m"):
        read_split_file(tmp_path / "none.json")


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = small_file(tmp_path)
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match=r"split.json is not JSON \(.*\); write the file again"):
        read_split_file(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "grasp_set"}, r"split.json: field 'schema' is 'grasp_set', expected 'object_split'"),
        ({"version": 2}, r"split.json: field 'version' is 2, expected 1"),
        ({"splits": []}, r"split.json: field 'splits' has \[\], expected the keys \['train', 'unseen_instances'"),
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
        read_split_file(small_file(tmp_path, **changes))


def test_file_that_holds_a_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text('["mug_00000"]')
    with pytest.raises(ValueError, match=r"field 'schema' is None, expected 'object_split'"):
        read_split_file(path)
