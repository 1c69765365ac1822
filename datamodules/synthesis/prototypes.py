"""The open-to-closed lines of joints along which a hand closes in each grasp type, and their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.field_files import read_json
from envs.hand.hand import Hand


@dataclass(frozen=True)
class Prototype:
    """A line of joints from open to closed, radians (J,) each; ``verified`` grasps it had in the pilot."""

    open: NDArray[np.float64]
    closed: NDArray[np.float64]
    verified: int = 0


Prototypes = Mapping[str, tuple[Prototype, ...]]
"""Prototypes by grasp type."""

_MADE_BY = "make it with: python -m datamodules.pilot --output prototypes.json"


def load_prototypes(hand: Hand, path: Path | None = None) -> Prototypes:
    """Prototypes of a hand, from a JSON file or the ones that ship with the project.

    Raises:
        FileNotFoundError: none of this hand ship with the project; says which command makes them.
        ValueError: no such file, of another hand, an unknown type, or joints of wrong number or beyond their limits.
    """
    source = resources.files("datamodules.synthesis") / f"prototypes_{hand.name}.json" if path is None else path
    if not source.is_file():
        raise FileNotFoundError(
            f"there are no prototypes {source} of the hand {hand.name}; make them with: python -m datamodules.pilot "
            f"--hand {hand.name} --output prototypes.json, and give the file as --prototypes"
        )
    content = _content(source)
    if content.get("joint_order") != list(hand.joints):
        raise ValueError(
            f"prototype file {source}, field joint_order: expected {list(hand.joints)}, given "
            f"{content.get('joint_order')}; reorder the columns, or choose the hand that the file is of"
        )
    prototypes: dict[str, tuple[Prototype, ...]] = {}
    for grasp_type, entries in content["types"].items():
        hand.grasp_type(grasp_type)
        prototypes[grasp_type] = tuple(
            Prototype(
                open=_joints(hand, entry["open"], f"{source}: {grasp_type}[{index}].open"),
                closed=_joints(hand, entry["closed"], f"{source}: {grasp_type}[{index}].closed"),
                verified=int(entry.get("verified", 0)),
            )
            for index, entry in enumerate(entries)
        )
    return prototypes


def _content(source: Traversable) -> dict[str, Any]:
    """ValueError for a file that does not hold grasp types with lines of joints."""
    content = read_json(source, _MADE_BY)
    types = content.get("types")
    if not isinstance(types, dict):
        raise ValueError(f"prototype file {source}, field types: expected lines of joints by grasp type; {_MADE_BY}")
    for grasp_type, entries in types.items():
        lines = entries if isinstance(entries, list) else [None]
        if not all(isinstance(line, dict) and {"open", "closed"} <= set(line) for line in lines):
            raise ValueError(
                f"prototype file {source}, grasp type {grasp_type!r}: expected a list of objects with 'open' and "
                f"'closed'; {_MADE_BY}"
            )
    return content


def _joints(hand: Hand, values: list[float], what: str) -> NDArray[np.float64]:
    """The vector, its rounding to three digits clamped away."""
    joints = np.asarray(values, dtype=np.float64)
    hand.check_limits(joints, what, tolerance=1e-3)
    return hand.clamp(joints)
