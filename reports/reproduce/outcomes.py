"""How the episodes of a test ended: read from what it kept of them, and kept in few bytes."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.field_files import read_json
from envs.files import write_atomically

MEASURES = ("success", "posture_rad", "translation_m", "rotation_cos")
"""Of GraspGF Sec. 4.2, fields of `EpisodeOutcome` but success, which is ``is_success``."""

_KEPT, _VALUE = "outcomes", "value_"
"""Folder below that of a test, and before the names of measures."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SeedOutcomes:
    """The episodes with a grasp of one training seed, n of them.

    Attributes:
        episodes: digests of all episodes of the test.
        rows: which of them these are (n,).
        values: by measure (n,).
        groups: object of each (n,).
        families: its family (n,).
    """

    episodes: tuple[str, ...]
    rows: NDArray[np.int64]
    values: Mapping[str, Array]
    groups: NDArray[np.int64]
    families: NDArray[np.str_]


Outcomes = Mapping[int, SeedOutcomes]
"""By training seed."""


@lru_cache(maxsize=256)
def read_outcomes(folder: Path, split: str, policy: str) -> SeedOutcomes | None:
    """What the test in a folder kept of a policy on a split; None where it did not run it.

    What is read of ``episodes`` is kept in ``outcomes``, a fiftieth of its size, so that they may go.

    Raises:
        ValueError: files that do not fit together, or were kept by an earlier version of the code.
    """
    compact, found = folder / _KEPT / f"{split}_{policy}.npz", _of_episodes(folder / "episodes", split, policy)
    if found is None:
        return _load(compact) if compact.is_file() else None
    payload = _packed(found)
    if not compact.is_file() or compact.read_bytes() != payload:
        write_atomically(compact, payload)
    return found


def _of_episodes(kept: Path, split: str, policy: str) -> SeedOutcomes | None:
    labels, files = kept / "labels" / f"{split}.npz", sorted((kept / split).glob(f"{policy}_[0-9]*.npz"), key=_number)
    if not files:
        return None
    if not labels.is_file():
        raise ValueError(f"{labels} does not exist, so nothing says what the episodes are; run the test again")
    columns = [_columns(path) for path in files]
    together = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    with np.load(labels, allow_pickle=False) as content:
        rows, groups, families = content[f"rows_{policy}"], content["groups"], content["families"]
    if len(rows) != len(together["success"]):
        raise ValueError(f"{labels} tells of {len(rows)} episodes of {policy}, its files hold others; test again")
    manifest = read_json(labels.with_suffix(".json"), "test again")
    keep = together.pop("is_grasp").astype(bool)
    return SeedOutcomes(
        tuple(manifest["episodes"]), rows[keep], {name: column[keep] for name, column in together.items()},
        groups[rows][keep], families[rows][keep],
    )  # fmt: skip


def _packed(outcomes: SeedOutcomes) -> bytes:
    """The same bytes for the same outcomes."""
    buffer = io.BytesIO()
    values: dict[str, Any] = {f"{_VALUE}{name}": column for name, column in outcomes.values.items()}
    columns = {name: getattr(outcomes, name) for name in ("rows", "groups", "families")}
    np.savez_compressed(buffer, episodes=np.array(outcomes.episodes), **columns, **values)
    return buffer.getvalue()


def _load(path: Path) -> SeedOutcomes:
    try:
        with np.load(path, allow_pickle=False) as content:
            values = {name.removeprefix(_VALUE): content[name] for name in content if name.startswith(_VALUE)}
            episodes = tuple(str(each) for each in content["episodes"])
            return SeedOutcomes(episodes, content["rows"], values, content["groups"], content["families"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and run the test again") from error


def _number(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _columns(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as content:
            found = {name: content[name].astype(np.float64) for name in MEASURES[1:]}
            return {**found, "success": content["is_success"].astype(np.float64), "is_grasp": content["is_grasp"]}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); remove its folder {path.parent}, and test again") from error
