"""YAML and JSON files of fields: one that holds something else, or a key twice, is refused and named."""

import json
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"
"""Of the key ``<<``, which may stand several times: nothing of it is lost."""


class RepeatedKeyError(yaml.YAMLError):
    """A key stands twice in one mapping, where the last one alone would count."""


def read_yaml(file: Path | Traversable, remedy: str) -> dict[str, Any]:
    """The fields of a YAML file in UTF-8, by name.

    Args:
        file: whose fields are read.
        remedy: what the user may do about a file that is none, for the message.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no YAML, no fields (empty, a list, a number), or a key that stands twice; names file and line.
    """
    return _fields(file, yaml_value, "YAML", remedy)


def read_json(file: Path | Traversable, remedy: str) -> dict[str, Any]:
    """The fields of a JSON file in UTF-8, by name; arguments and errors are those of `read_yaml`, without lines."""
    return _fields(file, json_value, "JSON", remedy)


def yaml_value(text: str) -> Any:
    """What a text of YAML says; errors are those of `check_keys`, and a ValueError for a date that there is not."""
    check_keys(text)
    return yaml.safe_load(text)


def check_keys(text: str) -> None:
    """See that no key of a text of YAML stands twice in its mapping.

    Raises:
        yaml.YAMLError: it is no YAML, or nested too deeply.
        RepeatedKeyError: a key stands twice; names it and both lines.
    """
    try:
        _check_node(yaml.compose(text, yaml.SafeLoader), set())
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


def json_value(text: str) -> Any:
    """What a text of JSON says.

    Raises:
        json.JSONDecodeError: it is none.
        RepeatedKeyError: a key stands twice; names it.
        ValueError: it is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def what_it_holds(value: object) -> str:
    """What stands where fields are expected, in words: ``holds a list``, ``is empty``."""
    if value is None:
        return "is empty"
    return "holds a list" if isinstance(value, list) else f"holds {repr(value)[:60]}"


def _fields(file: Path | Traversable, parse: Callable[[str], Any], kind: str, remedy: str) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        content = parse(text) if text.strip() else None
    except RepeatedKeyError as error:
        raise ValueError(f"{file}: {error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{file} is no {kind} ({_why(error)}); {remedy}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} {what_it_holds(content)}, expected fields by name; {remedy}")
    return content


def _why(error: Exception) -> str:
    """A parser's reason in one line, with the line of the file where the parser knows it."""
    mark = getattr(error, "problem_mark", None)
    return (
        " ".join(str(error).split())
        if mark is None
        else f"line {mark.line + 1}: {getattr(error, 'problem', None) or error}"
    )


def _check_node(node: yaml.Node | None, seen: set[int]) -> None:
    """RepeatedKeyError for a key that stands twice in a mapping, at any depth."""
    if id(node) in seen:  # what an alias stands for has been looked at
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_node(item, seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    again = f"in line {lines[name]} and again in line {line}"
                    raise RepeatedKeyError(_told_twice(key.value, again if lines[name] != line else "twice"))
                lines[name] = line
            _check_node(value, seen)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepeatedKeyError(_told_twice(twice, "twice"))
    return found


def _told_twice(key: str, where: str) -> str:
    return f"key {key!r} stands {where}, and the last one alone would count; remove one of them"
