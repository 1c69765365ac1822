"""Files metrics.json of several tests put side by side: one column for each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.field_files import read_json

_REMEDY = "give metrics.json files of `test`"


@dataclass(frozen=True)
class ResultColumn:
    """One split of one file.

    Attributes:
        title: what stands above the column.
        split: its name in the file.
        report: content of the file.
    """

    title: str
    split: str
    report: Mapping[str, Any]

    def section(self, name: str, *keys: str) -> Mapping[str, Any]:
        """What a section of the report says about the split, below some keys; empty where it says nothing."""
        return self.find(name, *keys) or {}

    def find(self, name: str, *keys: str) -> Any:
        """The same, None where it says nothing."""
        found: Any = self.report.get(name)
        for key in (self.split, *keys):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def read_columns(files: Sequence[str]) -> list[ResultColumn]:
    """The splits of files given as ``FILE``, or as ``TITLE=FILE`` when they need another title (other objects).

    Raises:
        FileNotFoundError: no such file.
        ValueError: no metrics.json, or two columns of one title.
    """
    columns: list[ResultColumn] = []
    for given in files:
        title, _, path = given.rpartition("=")
        report = read_report(Path(path))
        for split in report["splits"]:
            own = split.replace("_", " ")
            named = f"{title}, {own}" if title and len(report["splits"]) > 1 else title or own
            if named in [column.title for column in columns]:
                raise ValueError(f"two columns are called {named!r}; give {path} as TITLE={path}, with another title")
            columns.append(ResultColumn(named, split, report))
    return columns


def read_report(path: Path) -> dict[str, Any]:
    """The content of a file of measurements.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is something else.
    """
    content = read_json(path, _REMEDY)
    if not isinstance(content.get("splits"), dict) or not content["splits"]:
        raise ValueError(f"{path} has no 'splits'; {_REMEDY}")
    return content
