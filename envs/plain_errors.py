"""How a command ends that was given what it cannot use: with a sentence, not with a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TRACEBACK_VARIABLE = "GRASPGF_TRACEBACK"
"""Environment variable: set to anything, errors show where in the code they come from."""


@contextmanager
def plain_errors(*more: type[Exception]) -> Iterator[None]:
    """End the process with what a ValueError or an OSError says, status 1.

    Args:
        more: other errors that users can mend.
    Raises:
        SystemExit: in their place.
    """
    ends: tuple[type[Exception], ...] = (ValueError, OSError, *more)
    try:
        yield
    except ends as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        # the parser of configurations shows the whole object that could not be made
        text = "\n".join(line for line in str(error).splitlines() if not line.startswith("Given value"))
        here = ""
        if isinstance(error, FileNotFoundError) or "does not exist" in text:
            here = f"\nrelative paths are taken from the present folder, {Path.cwd()}"
        sys.exit(f"error: {text}{here}\n({TRACEBACK_VARIABLE}=1 shows where in the code)")
