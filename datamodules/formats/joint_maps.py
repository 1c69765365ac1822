"""Joints of other models of the Shadow Hand as joints of this project's; every sign is tested by forward kinematics."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

JOINTS = (
    *(f"{finger}J{number}" for finger in ("FF", "MF", "RF") for number in (3, 2, 1, 0)),
    *(f"LFJ{number}" for number in (4, 3, 2, 1, 0)),
    *(f"THJ{number}" for number in (4, 3, 2, 1, 0)),
)
"""The 22 joints by their names in this project, in the order of the OpenAI model, of which also the files of
UniDexGrasp and DexGraspNet are (``shadow_hand_wrist_free.xml`` has the same axes and offsets: no sign differs)."""

NEGATED = frozenset(("FFJ3", "MFJ3", "RFJ3", "LFJ3", "THJ4", "THJ2", "THJ1", "THJ0"))
"""Joints whose axes are the other way round in models that some tools load (``robot_simple_dgn.xml`` of the GraspGF
release). A file written with such a model has its last thumb joint at or above zero, where ours bends below."""

MENAGERIE = tuple(f"rh_{name[:3]}{int(name[3:]) + 1}" for name in JOINTS)
"""The same joints in MuJoCo Menagerie's ``right_hand.xml``, the order of DexGraspBench."""

_MENAGERIE_SIGNS = {name: -1.0 if name in ("FFJ3", "MFJ3", "THJ1", "THJ0") else 1.0 for name in JOINTS}


def from_menagerie(joint_pos: Sequence[float] | NDArray[np.floating]) -> dict[str, float]:
    """Angles (22,), rad, in Menagerie's order as angles of this project's joints."""
    return {name: _MENAGERIE_SIGNS[name] * float(angle) for name, angle in zip(JOINTS, joint_pos, strict=True)}


def to_menagerie(joints: Mapping[str, float]) -> NDArray[np.float64]:
    """The inverse of `from_menagerie`, (22,)."""
    return np.array([_MENAGERIE_SIGNS[name] * joints[name] for name in JOINTS])


def flipped(joints: Mapping[str, float]) -> dict[str, float]:
    """The angles as a model with the axes of NEGATED the other way round has them; its own inverse."""
    return {name: -angle if name in NEGATED else angle for name, angle in joints.items()}


def is_flipped(grasps: Iterable[Mapping[str, float]]) -> bool:
    """Whether these grasps were written with a model whose axes of NEGATED are the other way round.

    The last joint of the thumb tells: its range is one-sided, -1.571 to 0 rad here.
    """
    return sum(joints.get("THJ0", 0.0) for joints in grasps) > 0.0
