"""What the test in a folder measured: the numbers of a test of another plan must not be mixed with those kept there."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from callbacks.store.made_of import settings_of
from envs.field_files import read_json
from envs.files import write_atomically

_LOG = logging.getLogger(__name__)

PLAN_FILE = "test_plan.json"
"""In the folder of a test: what it measures, but for policies, splits and weights."""

METRICS_FILE = "metrics.json"

RESULT_FOLDERS = ("episodes", "trials")
"""Folders in which results of a test are kept as they come."""

_SHOWN = 4
"""Differences that are named."""


def hold_to_plan(root: Path, plan: Mapping[str, Any]) -> None:
    """Refuse a test of another plan than that of the results which a folder holds; note the plan there otherwise.

    A list may have become longer, such as that of the seeds: what is kept is a part of the whole then.

    Args:
        root: folder of the test.
        plan: what decides which trials are made, by the names that users give it.

    Raises:
        ValueError: another plan; names what differs, and the remedy.
    """
    path, wanted = root / PLAN_FILE, settings_of(dict(plan))
    if _has_results(root):
        kept = _read(path)
        if kept is None:
            _LOG.warning(
                "%s holds results of a test that did not note its plan (%s); what is run again replaces them, the "
                "rest of them stays: use another --trainer.default_root_dir if that was another test",
                root, PLAN_FILE,
            )  # fmt: skip
        differences = [] if kept is None else list(_differences(kept, wanted))
        if differences:
            more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
            folders = " and ".join(name for name in (*RESULT_FOLDERS, METRICS_FILE) if (root / name).exists())
            raise ValueError(
                f"{root} holds the results of another test, with which those of this one would be mixed: "
                f"{'; '.join(differences[:_SHOWN])}{more}. Give another --trainer.default_root_dir, or delete "
                f"{folders} there to begin anew"
            )
    write_atomically(path, (json.dumps(wanted, indent=1) + "\n").encode())


def _has_results(root: Path) -> bool:
    kept = (path for name in RESULT_FOLDERS for path in (root / name).rglob("*.npz"))
    return (root / METRICS_FILE).exists() or next(kept, None) is not None


def _read(path: Path) -> dict[str, Any] | None:
    """The plan that is noted in a file; None where there is none that can be read."""
    try:
        return read_json(path, "")
    except (OSError, ValueError):
        return None


def _differences(kept: Any, wanted: Any, name: str = "") -> Iterator[str]:
    """What differs between two settings, in words; of two classes nothing but their names."""
    if isinstance(kept, dict) and isinstance(wanted, dict) and kept.get("class") == wanted.get("class"):
        for key in dict.fromkeys([*kept, *wanted]):
            yield from _differences(kept.get(key), wanted.get(key), f"{name}.{key}" if name else key)
    elif isinstance(kept, list) and isinstance(wanted, list) and wanted[: len(kept)] == kept:
        return
    elif kept != wanted:
        yield f"{name} is {_told(wanted)}, theirs was {_told(kept)}"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("class", value))
    return "none" if value is None else str(value)
