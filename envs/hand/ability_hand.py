"""The PSYONIC Ability Hand, a prosthesis that people wear: six motors, four fingers with a coupled distal joint.

URDF and meshes come with the package mani_skill. It is found and never imported: it would need a simulator of its own.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

from envs.hand.hand import Hand
from envs.hand.parts import Coupling, Finger
from envs.hand.urdf_file import Capsule, UrdfFile

FINGERS: tuple[str, ...] = ("index", "middle", "ring", "pinky")
"""The fingers with one motor each; the thumb has two."""

JOINTS: tuple[str, ...] = (*(f"{finger}_q1" for finger in FINGERS), "thumb_q1", "thumb_q2")
"""thumb_q1 turns the thumb from beside the palm (0) to opposite the ring finger, thumb_q2 flexes it."""

LINKS: tuple[str, ...] = (
    "palm",
    *(f"{finger}_{part}" for finger in FINGERS for part in ("L1", "L2")),
    "thumb_L1", "thumb_L2",
)  # fmt: skip

COUPLING_RATIO = 1.05851325
COUPLING_OFFSET = 0.72349796
"""Distal joint of a finger over its motor's angle, rad (mimic tags of the URDF): the distal joint is bent by 0.72 rad
where the finger is straight."""

_LIMITS = (*((f"{finger}_q1", 0.0, 1.65) for finger in FINGERS), ("thumb_q1", -2.0943951, 0.0), ("thumb_q2", 0.0, 1.5))
"""The URDF lets fingers and thumb flex by 2.09 rad; fingers meet the palm at 1.66 rad, the thumb at 1.5 to 1.8."""

_PROXIMAL = ((0.004, -0.001, 0.0), (0.0325, -0.001, 0.0), 0.0085)
_DISTAL = ((0.0006, -0.0019, 0.0), (0.0278, -0.0154, 0.0), 0.0076)
"""Axis and radius of the finger links, m: least squares to the hulls of the visual meshes (distal: 0.7 mm rms)."""

_CAPSULES = tuple(
    Capsule(f"{finger}_{part}", *shape) for finger in FINGERS for part, shape in (("L1", _PROXIMAL), ("L2", _DISTAL))
)

_QUARTER_TURN = (0.5**0.5, 0.0, 0.0, -(0.5**0.5))
"""The URDF's base_link has x out of the palm, y towards the thumb and z along the fingers, origin at the wrist."""


@lru_cache(maxsize=1)
def ability_hand() -> Hand:
    """The right Ability Hand. The open hand has straight fingers and the thumb half-way to opposition.

    Raises:
        FileNotFoundError: its package is missing; says how to install it.
    """
    file = UrdfFile(
        ability_hand_path(),
        root="base_link",
        base_quat=_QUARTER_TURN,
        limits=_LIMITS,
        capsules=_CAPSULES,
        without_collision=("base",),  # the adapter to the arm
    )
    return Hand(
        name="ability",
        file=file,
        joints=JOINTS,
        coupled=Coupling(
            tuple(f"{finger}_q2" for finger in FINGERS),
            tuple(f"{finger}_q1" for finger in FINGERS),
            (COUPLING_RATIO,) * 4,
            (COUPLING_OFFSET,) * 4,
        ),
        links=LINKS,
        fingers=(
            *(Finger(finger, (f"{finger}_q1",), f"{finger}_L2", (0.035, -0.018, 0.0)) for finger in FINGERS),
            Finger("thumb", ("thumb_q1", "thumb_q2"), "thumb_L2", (0.065, 0.016, 0.0)),
        ),
        open_pose=np.array([0.0, 0.0, 0.0, 0.0, -1.0, 0.0]),
        closing=np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0]),
        grasp_centre_h=(0.005, -0.045, 0.095),
    )


def ability_hand_path() -> Path:
    """The URDF of the right hand inside the installed package mani_skill.

    Raises:
        FileNotFoundError: the package or its file is missing; says how to install it.
    """
    package = importlib.util.find_spec("mani_skill")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "hand 'ability' needs the package mani_skill, which is not installed; run: make ability-hand "
            "(or: pip install --no-deps mani_skill==3.0.1)"
        )
    path = Path(package.origin).parent / "assets" / "robots" / "ability_hand" / "ability_hand_right.urdf"
    if not path.is_file():
        raise FileNotFoundError(f"mani_skill is installed but holds no {path}; expected version 3.0.1")
    return path
