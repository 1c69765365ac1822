"""What a run was made of, written into its folder: one made by something else is never taken for it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from callbacks.store.made_of import LAYERS, digest, made_of_code
from envs.field_files import read_json, read_yaml
from envs.files import write_atomically
from reports.reproduce.runs import Run

STAMP, DONE = "stamp.json", "done.json"

_FILES = (".npz", ".ckpt", ".json", ".yaml", ".pt")
"""Ends of what configurations name and runs are made of."""

_NOT_DECIDING = ("default_root_dir",)
"""Settings that say where to, not what."""


class State(Enum):
    """What there is of a run."""

    MISSING = "missing"
    BEGUN = "begun"
    DONE = "done"
    SPENT = "done, output gone"
    OTHER = "made by something else"


@dataclass(frozen=True)
class Stamp:
    """What a run is made of.

    Attributes:
        settings: what its configurations and options say together.
        seed: of the training.
        files: digests of the files that the settings name: grasp set, checkpoints, demonstrations.
        needs: identities of the runs before it.
        code: digest of the project's code, and versions of libraries.
    """

    settings: Mapping[str, Any]
    seed: int
    files: Mapping[str, str]
    needs: Mapping[str, str]
    code: Mapping[str, str]

    @property
    def identity(self) -> str:
        """Stands for all but the code."""
        return digest(self.settings, self.seed, self.files, self.needs)

    def differences(self, kept: Mapping[str, Any], *, with_code: bool = True) -> list[str]:
        """What is otherwise in a stamp that was kept, in words: ``model.init_args.gamma was 0.99, is 0.995``."""
        now = json.loads(json.dumps(vars(self)))
        parts = ("settings", "seed", "files", "needs", *(("code",) if with_code else ()))
        found = []
        for part in parts:
            before, after = _flat(kept.get(part), part), _flat(now[part], part)
            found += [
                f"{key.removeprefix('settings.')} was {before.get(key, 'not set')}, is {after.get(key, 'not set')}"
                for key in dict.fromkeys([*before, *after])
                if before.get(key) != after.get(key)
            ]
        return found


def stamp_of(run: Run, stamps: Mapping[str, Stamp], outputs: Sequence[str]) -> Stamp:
    """The stamp of a run.

    Args:
        run: to be stamped.
        stamps: of the runs that it needs.
        outputs: files that runs of the plan make, which need not exist yet: their runs stand for them.

    Raises:
        FileNotFoundError: a setting names a file that is not there.
    """
    settings = merged_settings(run.configs, run.options)
    settings |= {} if run.subcommand else {"module": run.module}
    files, missing = {}, []
    named = [*_files_in(settings), *_own_modules(settings), *([run.checkpoint] if run.checkpoint else [])]
    for path in dict.fromkeys(named):
        if path in outputs:
            continue
        if Path(path).is_file():
            files[path] = _file_digest(path)
        else:
            missing.append(path)
    if missing:
        raise FileNotFoundError(
            f"{run.name} names files that are not there: {', '.join(missing)} (configurations "
            f"{', '.join(run.configs)}); make them first, or name others"
        )
    needs = {name: stamps[name].identity for name in run.needs}
    return Stamp(settings, run.seed, files, needs, made_of_code())


def merged_settings(configs: Sequence[str], options: Sequence[str]) -> dict[str, Any]:
    """What configurations say together, later ones over earlier ones, and options over all of them.

    What is left to defaults of the code is not in it: the code's digest stands for that.
    """
    merged: dict[str, Any] = {}
    for config in configs:
        merged = _merge(merged, read_yaml(Path(config), "give configurations such as those in configs/"))
    for key, value in _option_pairs(options):
        _set(merged, key.split("."), yaml.safe_load(value))
    for section in merged.values():
        if isinstance(section, dict):
            for name in _NOT_DECIDING:
                section.pop(name, None)
    return merged


def _merge(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if above.get("class_path", below.get("class_path")) != below.get("class_path"):
        return above  # settings of another class say nothing of this one
    return below | {name: _merge(below[name], item) if name in below else item for name, item in above.items()}


def _option_pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    pairs, rest = [], list(options)
    while rest:
        key, has_value, value = rest.pop(0).removeprefix("--").partition("=")
        pairs.append((key, value if has_value or not rest else rest.pop(0)))
    return pairs


def _set(settings: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Set a value below some keys; of a list its last item is meant, as on the command line."""
    place: Any = settings
    for key in keys[:-1]:
        following = place.get(key)
        if isinstance(following, list) and following and isinstance(following[-1], dict):
            place = following[-1]
            continue
        if not isinstance(following, dict):
            following = place[key] = {}
        place = following
    place[keys[-1]] = value


def _files_in(value: Any) -> list[str]:
    """Paths among settings."""
    if isinstance(value, Mapping):
        return [path for item in value.values() for path in _files_in(item)]
    if isinstance(value, list):
        return [path for item in value for path in _files_in(item)]
    return [value] if isinstance(value, str) and value.endswith(_FILES) and "{" not in value else []


def _own_modules(value: Any) -> list[str]:
    """Files of classes among settings that are neither this project's, whose code has its digest, nor a library's."""
    if isinstance(value, list):
        return [path for item in value for path in _own_modules(item)]
    if not isinstance(value, Mapping):
        return []
    found = [path for item in value.values() for path in _own_modules(item)]
    module = str(value.get("class_path", "")).rpartition(".")[0]
    if not module or module.partition(".")[0] in (*LAYERS, "lightning", "torch"):
        return found
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    return found if spec is None or spec.origin is None else [*found, spec.origin]


@lru_cache
def _file_digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]


def _flat(value: Any, prefix: str) -> dict[str, Any]:
    """Leaves by their dotted names; lists of plain values are leaves."""
    items: dict[str, Any] = {}
    if isinstance(value, Mapping):
        items = dict(value)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        items = {str(number): item for number, item in enumerate(value)}
    if not items:
        return {} if value is None or value == {} else {prefix: value}
    return {name: leaf for key, item in items.items() for name, leaf in _flat(item, f"{prefix}.{key}").items()}


def read_stamp(folder: Path) -> dict[str, Any] | None:
    """The stamp in a folder; None without one that can be read."""
    try:
        return read_json(folder / STAMP, "")
    except (OSError, ValueError):
        return None


def stamp_digest(folder: Path) -> str:
    """Stands for the stamp in a folder, code and all; another one where there is none."""
    return digest(read_stamp(folder))


def state_of(run: Run, stamp: Stamp, folder: Path, *, with_code: bool = True) -> State:
    """What there is of a run in its folder, made of what its stamp says, whoever needs its output."""
    if not folder.is_dir() or not any(path.name != "lock" for path in folder.iterdir()):
        return State.MISSING
    kept = read_stamp(folder)
    if kept is None or stamp.differences(kept, with_code=with_code):
        return State.OTHER
    if not (folder / DONE).is_file():
        return State.BEGUN
    return State.DONE if (folder / run.output).is_file() else State.SPENT


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Say in a folder what will be made there of what."""
    write_atomically(folder / STAMP, (json.dumps(vars(stamp), indent=1) + "\n").encode())


def write_done(folder: Path, minutes: float, *, went_on: bool = False) -> None:
    """Say in a folder that its run came to its end, and how long it took, or the last part of one that ``went_on``."""
    done = {"minutes": round(minutes, 2), **({"went_on": True} if went_on else {})}
    write_atomically(folder / DONE, (json.dumps(done) + "\n").encode())


def minutes_of(folder: Path) -> float | None:
    """Minutes that a finished run took; None of one that is not, or was interrupted on its way."""
    try:
        done = read_json(folder / DONE, "")
        return None if done.get("went_on") else float(done["minutes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
