"""Files of fields: what is none is named with what it holds, and no key stands twice."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from envs.field_files import read_json, read_yaml, yaml_value

REMEDY = "give another file"


def told(read: Callable[[Path, str], Any], path: Path, content: str | bytes) -> str:
    """What is said of a file with that content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(REMEDY) + "|remove one of them") as caught:
        read(path, REMEDY)
    return str(caught.value)


@pytest.mark.parametrize("read", [read_yaml, read_json])
@pytest.mark.parametrize(
    ("content", "found"),
    [("", "is empty"), (" \n", "is empty"), ("null", "is empty"), ("[1, 2]", "holds a list"), ("5", "holds 5"),
     ('"text"', "holds 'text'")],
)  # fmt: skip
def test_a_file_without_fields_is_named_with_what_it_holds(
    read: Callable[[Path, str], Any], content: str, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    assert told(read, path, content) == f"{path} {found}, expected fields by name; {REMEDY}"


@pytest.mark.parametrize(
    ("read", "content", "why"),
    [
        (read_yaml, "a: 1\nb: [2\n", r"a is no YAML \(line 3: "),
        (read_yaml, b"\xff\xfea", r"a is no YAML \('utf-8' codec"),
        (read_yaml, "a: b\0", r"a is no YAML \(unacceptable character"),
        (read_yaml, "a: " + 6000 * "9", r"a is no YAML \(Exceeds the limit"),
        (read_yaml, 2000 * "[", r"a is no YAML \(it is nested too deeply\)"),
        (read_yaml, "a: !!python/object:os.system 1", r"a is no YAML \(line 1: could not determine"),
        (read_json, '{"a": ', r"a is no JSON \(Expecting value"),
        (read_json, 200_000 * "[", r"a is no JSON \(it is nested too deeply\)"),
    ],
)
def test_a_file_of_another_kind_is_named_with_the_reason_in_one_line(
    read: Callable[[Path, str], Any], content: str | bytes, why: str, tmp_path: Path
) -> None:
    said = told(read, tmp_path / "a", content)
    assert re.search(why, said)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "key", "lines"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", (1, 3)),
        ("a:\n  b:\n    - c: 1\n      d: 2\n      c: 3\n", "c", (3, 5)),
        ("{a: 1, b: 2,\n 'a': 3}", "a", (1, 2)),
    ],
)
def test_a_repeated_key_of_yaml_is_named_with_its_lines(
    content: str, key: str, lines: tuple[int, int], tmp_path: Path
) -> None:
    said = told(read_yaml, tmp_path / "a", content)
    assert f"a: key '{key}' stands in line {lines[0]} and again in line {lines[1]}" in said


def test_a_repeated_key_of_json_is_named(tmp_path: Path) -> None:
    assert "a: key 'x' stands twice" in told(read_json, tmp_path / "a", '{"y": {"x": 1, "x": 1}}')


def test_the_same_key_in_two_mappings_and_what_aliases_repeat_is_fine() -> None:
    text = "first: &one {a: 1}\nsecond: *one\nthird:\n  <<: *one\n  <<: *one\n  a: 2\nfourth: [{a: 1}]\n1: x\n'1': y\n"
    assert yaml_value(text) == yaml.safe_load(text)


def test_fields_are_what_the_file_says(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None], "b": {"c": "text"}}
    for read, text in ((read_yaml, yaml.safe_dump(content)), (read_json, json.dumps(content))):
        (tmp_path / "a").write_text("\ufeff" + text, encoding="utf-8")  # editors of Windows put this mark first
        assert read(tmp_path / "a", REMEDY) == content
    with pytest.raises(FileNotFoundError, match="none"):
        read_yaml(tmp_path / "none", REMEDY)
