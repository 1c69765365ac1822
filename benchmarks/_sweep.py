"""Measurements one after another, in processes of their own under limits, kept in a file as soon as they are there."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from _machine import proportional_gb

from envs.files import write_atomically

LOOK_S = 1.0
"""Seconds between two looks at the memory of a measurement."""

_SHORT_OF_MEMORY = ("MemoryError", "not enough memory", "Cannot allocate memory")

Row = dict[str, Any]
"""A choice with what was measured, or with ``failed``, how it did, and ``error``, what to do."""


@dataclass(frozen=True)
class Limits:
    """What a measurement may take: seconds, and GB (10^9 bytes) of all its processes, what they share counted once."""

    seconds: float
    gigabytes: float


def measured(command: Sequence[str], limits: Limits, environment: Mapping[str, str] | None = None) -> Row:
    """What the last line that a command prints says (a JSON object), and ``highest_gb``, its highest memory.

    Where the command does not come to its end: ``failed``, which is "time", "memory", "killed" or "error", and
    ``error``. Nothing of its process group is left, however this ends: an interruption ends it, too.

    Args:
        command: program and arguments.
        limits: beyond which it is killed.
        environment: the present one when None.
    """
    ends, highest, found = time.monotonic() + limits.seconds, 0.0, Row()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        env=environment,
    ) as process:  # fmt: skip
        try:
            while process.returncode is None:
                try:
                    out, err = process.communicate(timeout=LOOK_S)
                except subprocess.TimeoutExpired:
                    highest = max(highest, _together_gb(process.pid))
                    if psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE:
                        _end(process.pid)  # others of it hold its pipes open
                    elif highest > limits.gigabytes:
                        found = {"failed": "memory", "error": f"took {highest:.1f} GB of {limits.gigabytes:g}"}
                    elif time.monotonic() > ends:
                        found = {"failed": "time", "error": f"not done after {limits.seconds:g} s"}
                    if found:
                        _end(process.pid)
        finally:
            _end(process.pid)
    return (found or _told(process.returncode, out, err)) | {"highest_gb": round(highest, 2) or None}


def _end(group: int) -> None:
    """Kill all processes of a group, ranks and workers, if there are any left."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _together_gb(number: int) -> float:
    """Memory of a process and all below it, what they share counted once; 0 where the system does not tell."""
    try:
        every = [number, *(each.pid for each in psutil.Process(number).children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(proportional_gb(each) or 0.0 for each in every)


def _told(status: int, out: str, err: str) -> Row:
    if status < 0:
        return {"failed": "killed", "error": f"ended by signal {-status}; 9 is what a system short of memory sends"}
    if status:
        failed = "memory" if any(words in err for words in _SHORT_OF_MEMORY) else "error"
        return {"failed": failed, "error": _last_line(err) or f"ended with status {status}, without a word"}
    try:
        found = json.loads(_last_line(out))
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return {
            "failed": "error",
            "error": f"the last line that it printed is no JSON object: {_last_line(out)!r:.200}",
        }
    return found


def _last_line(text: str) -> str:
    return "".join(text.strip().splitlines()[-1:])


@dataclass
class KeptRows:
    """The rows of a sweep, read from a file that an earlier command left, and written to it whenever one is added.

    Attributes:
        path: the file; None keeps nothing.
        about: what all rows have in common.
        rows: in the order in which they were measured.

    Raises:
        ValueError: the file is not one of these rows, or holds such with something else in common; names it.
    """

    path: Path | None
    about: Mapping[str, Any]
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self.path} is damaged or no JSON ({error}); give another --output") from error
        rows = kept.get("choices") if isinstance(kept, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"{self.path} holds no list of measured choices; give another --output")
        other = [name for name, value in self.about.items() if kept.get(name) != value]
        if other:
            raise ValueError(
                f"{self.path} was measured with {other[0]} {kept.get(other[0])!r}, now it is {self.about[other[0]]!r}; "
                "give another --output"
            )
        self.rows = rows

    def has(self, choice: Mapping[str, Any]) -> bool:
        """Whether there is a row of this choice."""
        return any(_is_of(row, choice) for row in self.rows)

    def forget_failed(self, choices: Sequence[Mapping[str, Any]]) -> None:
        """Leave out the rows of these choices that failed."""
        self.rows = [row for row in self.rows if "failed" not in row or not any(_is_of(row, each) for each in choices)]

    def add(self, choice: Mapping[str, Any], row: Row) -> None:
        """Put in a row of a choice that has none."""
        self.rows.append({**choice, **row})
        if self.path is not None:
            write_atomically(self.path, (self.text() + "\n").encode())

    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps({**self.about, "choices": self.rows}, indent=1)


def _is_of(row: Row, choice: Mapping[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in choice.items())
