"""The PSYONIC Ability Hand, a prosthesis that people wear: six motors, four fingers with a coupled distal joint.

URDF and meshes come with the package mani_skill. It is found and never imported: it would need a simulator of its own.
"""

import importlib.util
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from envs.hand.foreign_file import Capsule, ForeignFile
from envs.hand.grasp_types import LineRanges, Pad, standard_types
from envs.hand.hand import Hand
from envs.hand.parts import Coupling, Finger

FINGERS: tuple[str, ...] = ("index", "middle", "ring", "pinky")
"""The fingers with one motor each; the thumb has two."""

JOINTS: tuple[str, ...] = (*(f"{finger}_q1" for finger in FINGERS), "thumb_q1", "thumb_q2")
"""thumb_q1 turns the thumb from beside the palm (0) to opposite the ring finger, thumb_q2 flexes it."""

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

_THUMB_PAD = Pad("thumb_L2", (0.0514, 0.0282, 0.0036), (-0.137, 0.988, 0.069))
"""Where a ray from the thumb's axis towards the palm leaves its visual mesh, 15 mm before the tip."""

_SIDE_OF_INDEX = Pad("index_L2", (0.0142, -0.0087, 0.0076), (0.0, 0.0, 1.0))

_TIP_SHARE, _WRAP_SHARE = 0.8, 0.3
"""How far along the distal link from its joint objects touch in precision and in power grasps; chosen here."""

_LINE_RANGES = LineRanges(
    opened=((0.0, 0.6),),
    closed=((0.7, 1.4),),
    held={"straight": ((0.0, 0.15),), "half": ((0.9, 1.4),), "curled": ((1.3, 1.6),)},
    thumb_opened={"thumb_q1": (-2.09, -0.1), "thumb_q2": (0.0, 0.5)},
    thumb_closed={"thumb_q2": (0.4, 1.5)},
)
"""The thumb meets the first finger at thumb_q1 -1.2, the middle one at -1.55, the others at -2."""

_QUARTER_TURN = (0.5**0.5, 0.0, 0.0, -(0.5**0.5))
"""The URDF's base_link has x out of the palm, y towards the thumb and z along the fingers, origin at the wrist."""


@lru_cache(maxsize=1)
def ability_hand() -> Hand:
    """The right Ability Hand. The open hand has straight fingers and the thumb half-way to opposition.

    Raises:
        FileNotFoundError: its package is missing; says how to install it.
    """
    file = ForeignFile(
        ability_hand_path(),
        root="base_link",
        base_quat=_QUARTER_TURN,
        limits=_LIMITS,
        capsules=_CAPSULES,
        left_out=("base",),  # the adapter to the arm: inside the palm for the most part, and 43,000 faces to draw
        inertia_from_shapes=True,  # a finger of 6 g has that of one 25 cm long, the palm one that no body can have
        damping=0.1,
        armature=0.001,  # both as in the Shadow Hand's file: geared motors that hold a position
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
            is_rigid=True,  # four-bar linkages
        ),
        fingers=(
            *(Finger(finger, (f"{finger}_q1",), f"{finger}_L2", (0.035, -0.018, 0.0)) for finger in FINGERS),
            Finger("thumb", ("thumb_q1", "thumb_q2"), "thumb_L2", (0.0655, 0.0195, 0.004)),
        ),
        open_pose=np.array([0.0, 0.0, 0.0, 0.0, -1.0, 0.0]),
        closing=np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0]),
        opposition={"thumb_q1": -1.6},
        grasp_centre_h=(0.005, -0.045, 0.095),
        thumb_pad=_THUMB_PAD,
        grasp_types=standard_types(
            FINGERS,
            tips=[_distal_pad(finger, _TIP_SHARE) for finger in FINGERS],
            middles=[_distal_pad(finger, _WRAP_SHARE) for finger in FINGERS],
            side=_SIDE_OF_INDEX,
        ),
        line_ranges=_LINE_RANGES,
    )


def _distal_pad(finger: str, share: float) -> Pad:
    """The palmar side of a distal link, that share of the way along its capsule."""
    start, end, radius = _DISTAL
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length = math.hypot(along_x, along_y)
    normal = (-along_y / length, along_x / length, 0.0)
    point = (start[0] + share * along_x + radius * normal[0], start[1] + share * along_y + radius * normal[1], 0.0)
    return Pad(f"{finger}_L2", point, normal)


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
