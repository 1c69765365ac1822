"""Options of commands, whose files of settings are looked at before the parser takes them for something else."""

import ast
import difflib
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser, Namespace, auto_cli, get_loader, set_loader

from envs.field_files import RepeatedKeyError, check_keys, read_yaml, what_it_holds
from envs.plain_errors import plain_text

_MODE = "fields"
"""Name under which the parser knows how values and files are read here."""

_REMEDY = "write settings as `name: value`, those of one thing indented below its name; configs/ has examples"

_load_yaml = get_loader("yaml")

_REPEATED: ContextVar[dict[str, str] | None] = ContextVar("repeated", default=None)
"""Texts of the command line that is being parsed in which a key stands twice, and what was said of them: where settings
of a class are expected, the parser takes such a text for a name or a path, and says that it is neither."""

_NO_FIELDS = "'str' object has no attribute 'keys'"
"""What it says where a text stands for settings within a class, which it has not read then."""

_TEXT = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_GIVEN = re.compile(rf"Given value: .*(?:'init_args': |key='init_args', val=){_TEXT}")
"""Where it then says which text that was."""


class SettingsParser(ArgumentParser):
    """A parser that names the file in which something is wrong, and takes none in which a setting stands twice.

    What is no mapping where settings are expected would otherwise replace, without a word, all that files before it
    said of the same thing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._file = ""
        super().__init__(*args, **{"parser_mode": _MODE, **kwargs})

    def parse_args(self, *args: Any, **kwargs: Any) -> Namespace:  # type: ignore[override]
        """See `ArgumentParser.parse_args`, which parsers of commands and of settings within settings call in turn."""
        token = _REPEATED.set({}) if _REPEATED.get() is None else None
        try:
            return super().parse_args(*args, **kwargs)
        finally:
            if token is not None:
                _REPEATED.reset(token)

    def parse_path(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Namespace:
        """See `ArgumentParser.parse_path`; what is wrong with the file ends the command."""
        above = self._file
        try:
            settings = read_yaml(Path(path), _REMEDY)
            self._check_groups(settings, path)
            self._check_names(settings, path)
        except ValueError as error:
            self.error(str(error), error)
        self._file = f"{path}: "
        try:
            return super().parse_path(path, *args, **kwargs)
        finally:
            self._file = above

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """See `ArgumentParser.error`; names the file that is being read, and gives reasons, not all that was tried."""
        # parsers of settings within settings pass theirs on to the parser around them, which knows the whole name
        is_outermost = self.exit_on_error or bool(self._file)
        message = _told_repeated(message)
        super().error(self._file + (plain_text(message) if is_outermost else message), ex)

    def _check_groups(self, settings: dict[str, Any], path: str | os.PathLike[str]) -> None:
        """ValueError for a group of settings, such as ``trainer``, that is neither a mapping nor a name."""
        for group in self.groups or {}:
            held: Any = settings
            for name in group.split("."):
                held = held.get(name, {}) if isinstance(held, dict) else {}
            if not isinstance(held, dict | str):
                raise ValueError(f"{path}: {group} {what_it_holds(held)}, expected fields by name; {_REMEDY}")

    def _check_names(self, settings: dict[str, Any], path: str | os.PathLike[str]) -> None:
        """ValueError for a setting that no option has; those of classes are left to the parser, which builds them."""
        if self._subcommands_action is not None:
            return
        known = {action.dest for action in self._actions if not action.dest.endswith(".help")}
        for given in _paths(settings, known):
            if given in known or any(name.startswith(f"{given}.") for name in known):
                continue
            above = given.rpartition(".")[0]
            beside = sorted(name for name in known if name.rpartition(".")[0] == above)
            near = difflib.get_close_matches(given, sorted(known), 3) or beside
            hint = f"did you mean {' or '.join(near)}?" if near else "--help lists what is"
            raise ValueError(f"{path}: {given} is no setting here; {hint}")


def _paths(settings: Mapping[Any, Any], known: Collection[str], above: str = "") -> Iterator[str]:
    """Names of settings with those of their groups before them, as far down as ``known`` ones go.

    A name that is no text is left to the parser.
    """
    for name, held in settings.items():
        if not isinstance(name, str):
            continue
        path = f"{above}{name}"
        if isinstance(held, Mapping) and any(each.startswith(f"{path}.") for each in known):
            yield from _paths(held, known, f"{path}.")
        else:
            yield path


def run_command(function: Callable[..., Any], args: Sequence[str] | None, *, as_positional: bool = False) -> Any:
    """What a function returns that is called with the arguments of a command line, or of its ``--config`` files.

    Args:
        function: whose parameters are the options.
        args: arguments in place of the process's, in tests and notebooks.
        as_positional: required parameters are given without their names.
    """
    given = None if args is None else list(args)
    return auto_cli(function, args=given, as_positional=as_positional, parser_class=SettingsParser)


def _told_repeated(message: str) -> str:
    """What the parser says, or, where the cause is a text in which a key stands twice, that."""
    repeated = _REPEATED.get() or {}
    if any(said in message for said in repeated.values()):
        return message
    settings = _GIVEN.search(message) if _NO_FIELDS in message else None
    if settings:
        text = ast.literal_eval(settings[1])
        said = _twice(text)
    else:
        text = next((each for each in reversed(repeated) if each in message), "")
        said = repeated.get(text, "")
    if not said:
        return message
    setting = re.match(r'(?:Parser key )?"?([\w.]+)"?:\s', message)
    before = f"{setting[1]}: " if setting else ""
    return f"{before}{text}: {said}"


def _twice(text: str) -> str:
    """What is wrong with a text in which a key stands twice; empty for others."""
    try:
        check_keys(text)
    except RepeatedKeyError as error:
        return str(error)
    except yaml.YAMLError:
        return ""
    return ""


def _load(text: str) -> Any:
    """A value, or a file that a setting names, as the parser reads it; a YAMLError for a key that stands twice."""
    if text.count(":") > 1:
        try:
            check_keys(text)
        except RepeatedKeyError as error:
            repeated = _REPEATED.get()
            if repeated is not None:
                repeated.pop(text, None)
                repeated[text] = str(error)  # the last one stands last
            raise
    return _load_yaml(text)


set_loader(_MODE, _load, (yaml.YAMLError,))
