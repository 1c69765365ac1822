"""Results of trials in a folder, one after another, so that an interrupted rehearsal goes on where it stood."""

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from envs.field_files import read_json
from envs.files import write_atomically
from live.rehearsal.runner import TrialResult

_REMEDY = "choose another --output, or delete that folder"

_ARRAYS = ("joint_pos", "wrist_pose_w", "object_pose_w")


class TrialStore:
    """A folder of results: a JSON a trial, and the states of its filmstrip beside it.

    Args:
        folder: made where it is missing.
        made_of: what decides the results; trials of anything else are not mixed with these.

    Raises:
        ValueError: the folder holds trials of other settings; names the first that differs.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any]) -> None:
        self.folder = folder
        path = folder / "settings.json"
        plain = json.loads(json.dumps(made_of))
        if path.is_file():
            there = read_json(path, _REMEDY)
            if there != plain:
                name = next(key for key in sorted({*there, *plain}) if there.get(key) != plain.get(key))
                raise ValueError(
                    f"{folder} holds trials of {name} {there.get(name)!r}, asked for is {plain.get(name)!r}; {_REMEDY}"
                )
        write_atomically(path, json.dumps(plain, indent=1).encode())

    def log(self, name: str) -> Path:
        """Where the controller's log of a trial belongs."""
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        return self.folder / "logs" / f"{name}.npz"

    def load(self, name: str) -> TrialResult | None:
        """How a trial came out; None where it has not been done yet."""
        path = self._path(name)
        if not path.is_file():
            return None
        plain = read_json(path, "delete it, and the trial is done again")
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
            plain |= {each: arrays[each] for each in _ARRAYS}
        return TrialResult(**{**plain, "frames": tuple(plain["frames"])})

    def save(self, name: str, result: TrialResult) -> None:
        """Keep how a trial came out."""
        path, content = self._path(name), io.BytesIO()
        np.savez_compressed(content, **{each: getattr(result, each) for each in _ARRAYS})
        write_atomically(path.with_suffix(".npz"), content.getvalue())
        plain = {item.name: getattr(result, item.name) for item in fields(result) if item.name not in _ARRAYS}
        write_atomically(path, json.dumps(plain, indent=1).encode())

    def _path(self, name: str) -> Path:
        return self.folder / "trials" / f"{name}.json"
