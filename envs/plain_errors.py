"""How a command ends that was given what it cannot use: with a sentence, not with a traceback."""

import difflib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from envs.physics.unavailable import PhysicsUnavailableError

TRACEBACK_VARIABLE = "GRASPGF_TRACEBACK"
"""Environment variable: set to anything, errors show where in the code they come from."""

_UNION = "Does not validate against any of the Union subtypes"
"""With this the parser of configurations begins its report on a setting that may be of several types."""

_GIVEN = "Given value"
"""With this, lines that show the whole of what was given."""

_AROUND = (_UNION, _GIVEN, "Subtypes: ", "Errors:", "Problem with given class_path ")
"""With these, lines of the report that give no reason."""

_NO_CLASS = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
"""What Python says of a class that is not where settings look for it."""

_EXPECTED = "Expected a "
"""With this, reasons that are a type of Python's or a path."""


@contextmanager
def plain_errors(*more: type[Exception]) -> Iterator[None]:
    """End the process with what a ValueError, an OSError or a simulator that cannot be had says, status 1.

    Args:
        more: other errors that users can mend.
    Raises:
        SystemExit: in their place.
    """
    ends: tuple[type[Exception], ...] = (ValueError, OSError, PhysicsUnavailableError, *more)
    try:
        yield
    except ends as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        text = plain_text(str(error))
        here = ""
        if isinstance(error, FileNotFoundError) or "does not exist" in text:
            here = f"\nrelative paths are taken from the present folder, {Path.cwd()}"
        sys.exit(f"error: {text}{here}\n({TRACEBACK_VARIABLE}=1 shows where in the code)")


def plain_text(text: str) -> str:
    """What an error says, without what the parser of configurations puts around it.

    Where a setting may be of several types, the parser tells of each why it is none of it, type within type, and shows
    the whole of what was given. What is left is why the innermost ones are not, behind the setting's name where the
    parser knows it: sentences of the classes that refused their settings, else the types that were expected.
    """
    text = _NO_CLASS.sub(_with_classes, text)
    lines = [line for line in text.splitlines() if not line.strip().startswith(_GIVEN)]
    if _UNION not in text:
        return "\n".join(lines)
    reasons = list(_reasons(text.splitlines()))
    own = [reason for reason in reasons if _EXPECTED not in reason]
    typed = [reason for reason in reasons if "NoneType" not in reason]
    return "\n".join(dict.fromkeys(own or typed)) or "\n".join(lines)


def _with_classes(said: re.Match[str]) -> str:
    """The same with the classes that the module has, those of a similar name if there are such."""
    module, wanted = said.groups()
    held = vars(sys.modules[module]) if module in sys.modules else {}
    own = [name for name, each in held.items() if isinstance(each, type) and each.__module__ == module]
    near = difflib.get_close_matches(wanted, own, 3) or sorted(name for name in own if not name.startswith("_"))
    return f"{said[0]}; did you mean {' or '.join(near)}?" if near else said[0]


def _reasons(lines: Iterable[str]) -> Iterator[str]:
    """Why a setting is none of its types, each with the setting's name where it is known."""
    above: list[tuple[int, str]] = []  # indentation and key of what the line is inside of
    for line in lines:
        indent, said = len(line) - len(line.lstrip()), line.strip().removeprefix("- ")
        above = [each for each in above if each[0] < indent]
        key = re.match(r'(?:error: )?Parser key "?([^":]+)"?:\s*', said)
        if key is not None:
            above.append((indent, key[1]))
            said = said[key.end() :]
        if said and not said.startswith(_AROUND):
            name = ".".join(key for _, key in above)
            yield f"{name}: {said}" if name else said
