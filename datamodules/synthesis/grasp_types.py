"""The named grasp types: which pads oppose the thumb, and the open-to-closed lines of joints they close along."""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from envs.conventions import ACTUATED_JOINTS, NUM_JOINTS
from envs.hand.model import bare_hand, element_name, joint_limits


@dataclass(frozen=True)
class Pad:
    """A spot on a link's surface that touches the object: link, point and outward normal in the link frame, metres."""

    link: str
    point: tuple[float, float, float]
    normal: tuple[float, float, float]


OPPOSING_LINKS: dict[str, tuple[str, ...]] = {
    "lateral": ("ffmiddle",),
    "wrap": ("ffmiddle", "mfmiddle", "rfmiddle", "lfmiddle"),
    "pinch_FF": ("ffdistal",),
    "pinch_MF": ("mfdistal",),
    "pinch_RF": ("rfdistal",),
    "pinch_LF": ("lfdistal",),
    "tripod": ("ffdistal", "mfdistal"),
    "precision": ("ffdistal", "mfdistal", "rfdistal"),
    "spherical": ("ffdistal", "mfdistal", "rfdistal", "lfdistal"),
}
"""What the thumb's pad opposes in each type. Lateral: the side of the first finger that faces the thumb."""

GRASP_TYPES: tuple[str, ...] = tuple(OPPOSING_LINKS)

_PALMAR = (0.0, -1.0, 0.0)
_THUMB_PALMAR = (-1.0, 0.0, 0.0)
_RADIAL = (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Prototype:
    """A line of joints from open to closed, radians (18,) each; ``verified`` grasps it had in the pilot."""

    open: NDArray[np.float64]
    closed: NDArray[np.float64]
    verified: int = 0


def thumb_pad() -> Pad:
    """The thumb's pad: the palmar side of its distal link."""
    return _pad("thdistal", _THUMB_PALMAR)


def opposing_pads(grasp_type: str) -> tuple[Pad, ...]:
    """The pads that the thumb opposes in a grasp of this type.

    Raises:
        ValueError: unknown type; lists the known ones.
    """
    check_grasp_type(grasp_type)
    normal = _RADIAL if grasp_type == "lateral" else _PALMAR
    return tuple(_pad(link, normal) for link in OPPOSING_LINKS[grasp_type])


def check_grasp_type(grasp_type: str) -> None:
    """Accept the name of a grasp type.

    Raises:
        ValueError: unknown type; lists the known ones.
    """
    if grasp_type not in OPPOSING_LINKS:
        raise ValueError(f"grasp type {grasp_type!r} is unknown; available: {', '.join(GRASP_TYPES)}")


def _pad(link: str, normal: tuple[float, float, float]) -> Pad:
    """The point of a link's collision capsule, at its middle, on the side of ``normal``."""
    geom = bare_hand().geom(element_name(f"C_{link}"))
    point = np.asarray(geom.pos) + geom.size[0] * np.asarray(normal)
    return Pad(link=link, point=(float(point[0]), float(point[1]), float(point[2])), normal=normal)


def load_prototypes(path: Path | None = None) -> dict[str, tuple[Prototype, ...]]:
    """Prototypes by grasp type, from a JSON file or the ones that ship with the project.

    Raises:
        ValueError: another joint order, an unknown type, or joints of wrong number or beyond their limits.
    """
    source = resources.files("datamodules.synthesis") / "prototypes.json" if path is None else path
    content = json.loads(source.read_text())
    if tuple(content.get("joint_order", ())) != ACTUATED_JOINTS:
        raise ValueError(
            f"prototype file {source}, field joint_order: expected {list(ACTUATED_JOINTS)}, "
            f"given {content.get('joint_order')}; reorder the columns"
        )
    prototypes: dict[str, tuple[Prototype, ...]] = {}
    for grasp_type, entries in content["types"].items():
        check_grasp_type(grasp_type)
        prototypes[grasp_type] = tuple(
            Prototype(
                open=_joints(entry["open"], f"{source}: {grasp_type}[{index}].open"),
                closed=_joints(entry["closed"], f"{source}: {grasp_type}[{index}].closed"),
                verified=int(entry.get("verified", 0)),
            )
            for index, entry in enumerate(entries)
        )
    return prototypes


def _joints(values: list[float], what: str) -> NDArray[np.float64]:
    joints = np.asarray(values, dtype=np.float64)
    limits = joint_limits()
    if joints.shape != (NUM_JOINTS,):
        raise ValueError(f"{what} has {joints.size} joints, expected {NUM_JOINTS}")
    if not ((joints >= limits.low - 1e-3) & (joints <= limits.high + 1e-3)).all():
        column = int(np.argmax(np.maximum(limits.low - joints, joints - limits.high)))
        raise ValueError(
            f"{what}: joint {ACTUATED_JOINTS[column]} is {joints[column]:.3f} rad, allowed "
            f"[{limits.low[column]:.3f}, {limits.high[column]:.3f}]"
        )
    return np.clip(joints, limits.low, limits.high)
