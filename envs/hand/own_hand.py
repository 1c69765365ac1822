"""A user's hand from a YAML file that names what a model file cannot say (docs/own_hand.md)."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jsonargparse import ArgumentError

from envs.command_line import SettingsParser
from envs.hand.grasp_types import GraspType, LineRanges, Pad, standard_ranges, standard_types
from envs.hand.hand import Hand
from envs.hand.model_file import Capsule, HandFile, Point, bare_model
from envs.hand.parts import Array, Coupling, Finger, Gains, JointLimits
from envs.plain_errors import plain_text
from envs.ranges import reversed_note
from envs.workers import error_text

_PACKAGE = "package:"


@dataclass(frozen=True)
class FingerEntry:
    """A finger of the file.

    Attributes:
        name: its name.
        joints: its actuated joints, from the palm outwards.
        tip_link: its outermost link.
        tip_point: the fingertip in that link's frame, metres.
        pad: where it touches in precision grasps.
        middle: where it touches when it wraps around something; its pad when None.
    """

    name: str
    joints: list[str]
    tip_link: str
    tip_point: Point
    pad: Pad
    middle: Pad | None = None


@dataclass(frozen=True)
class CoupledEntry:
    """A joint that follows another: angle = ratio times the parent's angle + offset, rad."""

    joint: str
    parent: str
    ratio: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class HandEntry:
    """The YAML file of a hand.

    Attributes:
        name: what grasp sets and checkpoints call it.
        model: URDF or MJCF file, relative to the YAML file; ``package:NAME/PATH`` inside an installed Python package,
            which is never imported.
        root: link of the model that becomes the palm.
        fingers: the fingers, the one beside the thumb first, the thumb last.
        closing: joints that close the hand, with +1 or -1; all others spread or oppose.
        grasp_centre: where held objects tend to be, palm frame, metres.
        install: what to run where that package is missing.
        base_quat: as in `HandFile`; so are base_pos, prefix, capsules, left_out, inertia_from_shapes, damping and
            armature.
        coupled: joints that follow others.
        is_rigid: linkages tie the coupled joints to their parents; tendons pull them where False.
        opposition: joints that bring the thumb before the fingers, and where they do, rad.
        gains: what drives the joints.
        open_pose: joints of the open hand that are not at zero, or their limit next to it, rad.
        limits: joint to lower and upper limit, rad, where they are not the model's.
        side: the pad on the first finger's side that faces the thumb; without it there is no lateral grasp.
        line_ranges: where the pilot looks for hand shapes; shares of the joints' ranges when None.
    """

    name: str
    model: str
    root: str
    fingers: list[FingerEntry]
    closing: dict[str, float]
    grasp_centre: Point
    install: str | None = None
    base_quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    base_pos: Point = (0.0, 0.0, 0.0)
    prefix: str = ""
    coupled: list[CoupledEntry] = field(default_factory=list)
    is_rigid: bool = False
    opposition: dict[str, float] = field(default_factory=dict)
    gains: Gains = field(default_factory=Gains)
    open_pose: dict[str, float] = field(default_factory=dict)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    capsules: list[Capsule] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    inertia_from_shapes: bool = False
    damping: float | None = None
    armature: float | None = None
    side: Pad | None = None
    line_ranges: LineRanges | None = None

    def file(self, folder: Path) -> HandFile:
        """Its model file, found from the folder of the YAML file."""
        return HandFile(
            path=_model_path(self, folder),
            root=self.root,
            base_quat=self.base_quat,
            base_pos=self.base_pos,
            prefix=self.prefix,
            limits=tuple((joint, low, high) for joint, (low, high) in self.limits.items()),
            capsules=tuple(self.capsules),
            left_out=tuple(self.left_out),
            inertia_from_shapes=self.inertia_from_shapes,
            damping=self.damping,
            armature=self.armature,
        )


def read_hand(path: Path, reference: str = "") -> Hand:
    """The hand that a YAML file describes.

    Args:
        path: the file.
        reference: see `Hand`.
    Raises:
        FileNotFoundError: the file, its model or the package that holds it is missing.
        ValueError: a field is missing, unknown or of the wrong kind, or names what the model lacks.
    """
    if not path.is_file():
        raise FileNotFoundError(f"hand file {path} does not exist; docs/own_hand.md says what it has to hold")
    try:
        return _hand(path, reference)
    except Exception as error:  # a stranger's text leads the parsers to whatever
        if isinstance(error, ValueError | FileNotFoundError) and str(path) in str(error):
            raise
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"hand file {path}: {error}") from error
        told = plain_text(error_text(error))
        raise ValueError(f"hand file {path}: {told}; docs/own_hand.md says what it has to hold") from error


def _hand(path: Path, reference: str) -> Hand:
    entry = _read(path)
    if len(entry.fingers) < 2:
        raise ValueError(f"hand file {path}, fingers: {len(entry.fingers)} given, at least a finger and a thumb needed")
    for joint, (low, high) in entry.limits.items():
        if not low < high:
            raise ValueError(
                f"hand file {path}, limits: {joint} has [{low:g}, {high:g}]{reversed_note(low, high)}, expected a "
                "lower and a higher limit, rad"
            )
    file = entry.file(path.parent)
    joints = tuple(joint for finger in entry.fingers for joint in finger.joints)
    fingers = tuple(Finger(item.name, tuple(item.joints), item.tip_link, item.tip_point) for item in entry.fingers)
    limits = _limits(file, joints)
    open_pose = np.clip(_by_joint(entry.open_pose, joints, "open_pose", path), limits.low, limits.high)
    closing = np.sign(_by_joint(entry.closing, joints, "closing", path))
    ranges = entry.line_ranges or standard_ranges(joints, fingers, limits, open_pose, closing)
    return Hand(
        name=entry.name,
        file=file,
        joints=joints,
        coupled=Coupling(
            tuple(item.joint for item in entry.coupled),
            tuple(item.parent for item in entry.coupled),
            tuple(item.ratio for item in entry.coupled),
            tuple(item.offset for item in entry.coupled),
            is_rigid=entry.is_rigid,
        ),
        fingers=fingers,
        open_pose=open_pose,
        closing=closing,
        opposition=entry.opposition,
        gains=entry.gains,
        grasp_centre_h=entry.grasp_centre,
        thumb_pad=entry.fingers[-1].pad,
        grasp_types=_grasp_types(entry),
        line_ranges=ranges,
        reference=reference,
    )


def _grasp_types(entry: HandEntry) -> tuple[GraspType, ...]:
    fingers = entry.fingers[:-1]
    types = standard_types(
        [finger.name for finger in fingers],
        tips=[finger.pad for finger in fingers],
        middles=[finger.middle or finger.pad for finger in fingers],
        side=entry.side or fingers[0].pad,
    )
    return types if entry.side else tuple(kind for kind in types if kind.name != "lateral")


def _read(path: Path) -> HandEntry:
    parser = SettingsParser(exit_on_error=False)
    parser.add_class_arguments(HandEntry)
    try:
        values = parser.instantiate(parser.parse_path(path))
    except ArgumentError as error:
        raise ValueError(f"hand file {error}; docs/own_hand.md says what it has to hold") from error
    return HandEntry(**vars(values))


def _model_path(entry: HandEntry, folder: Path) -> Path:
    path = folder / entry.model
    if entry.model.startswith(_PACKAGE):
        package, _, inside = entry.model.removeprefix(_PACKAGE).partition("/")
        if not package.isidentifier():  # finding a.b would run the code of a
            raise ValueError(
                f"hand {entry.name!r}, model: {entry.model!r} given, expected package:NAME/PATH, plain NAME"
            )
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            remedy = entry.install or f"pip install --no-deps {package}"
            raise FileNotFoundError(
                f"hand {entry.name!r} needs the package {package}, which is not installed; run: {remedy}"
            )
        path = Path(found.origin).parent / inside
    if not path.is_file():
        raise FileNotFoundError(f"hand {entry.name!r}: its model {path} does not exist; correct the field model")
    return path


def _by_joint(values: Mapping[str, float], joints: tuple[str, ...], what: str, path: Path) -> Array:
    unknown = [name for name in values if name not in joints]
    if unknown:
        raise ValueError(
            f"hand file {path}, {what}: {unknown[0]!r} is no joint of a finger; those are {', '.join(joints)}"
        )
    return np.array([values.get(name, 0.0) for name in joints], dtype=np.float64)


def _limits(file: HandFile, joints: tuple[str, ...]) -> JointLimits:
    model = bare_model(file)
    known = {model.joint(index).name: model.joint(index).range for index in range(model.njnt)}
    missing = [name for name in joints if file.element(name) not in known]
    if missing:
        there = ", ".join(name.removeprefix(file.element("")) for name in known)
        raise ValueError(f"fingers, joints: {file.path} has no joint {missing[0]!r}; it has: {there}")
    ranges = np.array([known[file.element(name)] for name in joints])
    return JointLimits(low=ranges[:, 0].copy(), high=ranges[:, 1].copy())
