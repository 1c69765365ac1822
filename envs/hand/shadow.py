"""The Shadow Hand without forearm and wrist joints: 18 actuated joints, 4 coupled ones, five fingers.

The model is the OpenAI Shadow Hand that Gymnasium-Robotics distributes (the one of GraspGF). Its files are found
without importing that package, so no environment gets registered as a side effect.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

from envs.hand.grasp_types import GraspType, LineRanges, Pad, standard_types
from envs.hand.hand import Hand
from envs.hand.model_file import HandFile, bare_model
from envs.hand.parts import Coupling, Finger

JOINTS: tuple[str, ...] = (
    "FFJ3", "FFJ2", "FFJ1",
    "MFJ3", "MFJ2", "MFJ1",
    "RFJ3", "RFJ2", "RFJ1",
    "LFJ4", "LFJ3", "LFJ2", "LFJ1",
    "THJ4", "THJ3", "THJ2", "THJ1", "THJ0",
)  # fmt: skip
"""The 18 joints that an action moves (GraspGF Sec. 2; released code)."""

COUPLING_RATIO = 0.8
"""A distal joint's target over that of its middle joint, whose tendon drives it (released code: J0 = 0.8 * J1)."""

_CLOSING = {
    **dict.fromkeys(("FFJ2", "FFJ1", "MFJ2", "MFJ1", "RFJ2", "RFJ1", "LFJ2", "LFJ1", "THJ3"), 1.0),
    **dict.fromkeys(("THJ1", "THJ0"), -1.0),  # these two flex towards their lower limits
}

_PALMAR = (0.0, -1.0, 0.0)
_THUMB_PALMAR = (-1.0, 0.0, 0.0)
_RADIAL = (1.0, 0.0, 0.0)

_LINE_RANGES = LineRanges(
    opened=((0.0, 0.5), (0.05, 0.6)),
    closed=((0.8, 1.45), (0.3, 1.1)),
    held={
        "straight": ((0.0, 0.15), (0.0, 0.15)),
        "half": ((1.0, 1.4), (1.1, 1.3)),
        "curled": ((1.2, 1.55), (1.2, 1.55)),
    },
    thumb_opened={
        "THJ4": (0.2, 1.04),
        "THJ3": (0.0, 0.7),
        "THJ2": (-0.2, 0.2),
        "THJ1": (0.0, 0.5),
        "THJ0": (-0.4, 0.0),
    },
    thumb_closed={"THJ3": (0.3, 1.22), "THJ1": (-0.52, 0.3), "THJ0": (-0.9, -0.1)},
    spread={"FFJ3": 1.0, "MFJ3": 0.2, "RFJ3": 0.4, "LFJ3": 0.8, "LFJ4": 1.2},
)


@lru_cache(maxsize=1)
def shadow_hand() -> Hand:
    """The Shadow Hand. The open hand has straight fingers, the thumb aside.

    Raises:
        FileNotFoundError: its package is missing; says how to install it.
    """
    file = HandFile(hand_model_path(), root="palm", prefix="robot0:", looks=("V_thbase",))
    model = bare_model(file)
    low, high = np.array([model.joint(file.element(name)).range for name in JOINTS]).T
    parents = ("FFJ1", "MFJ1", "RFJ1", "LFJ1")
    return Hand(
        name="shadow",
        file=file,
        joints=JOINTS,
        coupled=Coupling(("FFJ0", "MFJ0", "RFJ0", "LFJ0"), parents, (COUPLING_RATIO,) * 4, (0.0,) * 4),
        fingers=tuple(_finger(name, file) for name in ("ff", "mf", "rf", "lf", "th")),
        open_pose=np.clip(np.zeros(len(JOINTS)), low, high),
        closing=np.array([_CLOSING.get(name, 0.0) for name in JOINTS]),
        opposition={"THJ4": 0.8},
        grasp_centre_h=(0.0, -0.03, 0.085),
        thumb_pad=_pad("thdistal", _THUMB_PALMAR, file),
        grasp_types=_grasp_types(file),
        line_ranges=_LINE_RANGES,
    )


def _grasp_types(file: HandFile) -> tuple[GraspType, ...]:
    fingers = ("ff", "mf", "rf", "lf")
    return standard_types(
        fingers,
        tips=[_pad(f"{finger}distal", _PALMAR, file) for finger in fingers],
        middles=[_pad(f"{finger}middle", _PALMAR, file) for finger in fingers],
        side=_pad("ffmiddle", _RADIAL, file),
        labels=("FF", "MF", "RF", "LF"),
    )


def _pad(link: str, normal: tuple[float, float, float], file: HandFile) -> Pad:
    """The point of a link's collision capsule, at its middle, on the side of ``normal``."""
    geom = bare_model(file).geom(file.element(f"C_{link}"))
    x, y, z = np.asarray(geom.pos) + geom.size[0] * np.asarray(normal)
    return Pad(link=link, point=(float(x), float(y), float(z)), normal=normal)


def _finger(name: str, file: HandFile) -> Finger:
    x, y, z = bare_model(file).site(file.element(f"S_{name}tip")).pos
    joints = tuple(joint for joint in JOINTS if joint.startswith(name.upper()))
    return Finger(name, joints, f"{name}distal", (float(x), float(y), float(z)))


def hand_model_path() -> Path:
    """The XML file of the Shadow Hand inside the installed gymnasium-robotics package.

    Raises:
        FileNotFoundError: the package or its file is missing; says how to install it.
    """
    package = importlib.util.find_spec("gymnasium_robotics")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "the Shadow Hand model comes from the package gymnasium-robotics, which is not installed; "
            "run: pip install gymnasium-robotics"
        )
    path = Path(package.origin).parent / "envs" / "assets" / "hand" / "reach.xml"
    if not path.is_file():
        raise FileNotFoundError(f"gymnasium-robotics is installed but holds no {path}; expected version 1.3 or newer")
    return path
