"""Named ways to grasp, as data of a hand: which pads oppose the thumb's, and how the fingers are held meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from envs.hand.parts import Array, Finger, JointLimits
from envs.ranges import reversed_note

Range = tuple[float, float]


@dataclass(frozen=True)
class Pad:
    """A spot on a link's surface that touches the object: link, point and outward normal in the link frame, metres."""

    link: str
    point: tuple[float, float, float]
    normal: tuple[float, float, float]


@dataclass(frozen=True)
class GraspType:
    """A way to grasp.

    Attributes:
        name: what grasp sets call it.
        opposing: the pads that the thumb's pad opposes.
        closing: fingers that close with the thumb.
        held: how the other fingers are held, one of `LineRanges.held`.
        is_spread: the fingers are spread.
    """

    name: str
    opposing: tuple[Pad, ...]
    closing: tuple[str, ...]
    held: str = "straight"
    is_spread: bool = False


@dataclass(frozen=True)
class LineRanges:
    """Where the pilot looks for lines of joints from open to closed, radians.

    Attributes:
        opened: how far the flexing joints of a finger, from the palm outwards, are flexed where the line begins.
        closed: and where it ends.
        held: the same for fingers that do not close, by the way in which they are held.
        thumb_opened: joints of the thumb where the line begins; those not named are as in the open hand.
        thumb_closed: those that move, where it ends.
        spread: joints that spread the fingers, and how much of a spread each takes.

    Raises:
        ValueError: a range whose ends are the wrong way round or not finite; names it.
    """

    opened: tuple[Range, ...]
    closed: tuple[Range, ...]
    held: Mapping[str, tuple[Range, ...]]
    thumb_opened: Mapping[str, Range]
    thumb_closed: Mapping[str, Range]
    spread: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_finger = {"opened": self.opened, "closed": self.closed}
        by_finger |= {f"held.{name}": ranges for name, ranges in self.held.items()}
        named = {f"{name}[{index}]": each for name, ranges in by_finger.items() for index, each in enumerate(ranges)}
        named |= {f"thumb_opened.{joint}": each for joint, each in self.thumb_opened.items()}
        named |= {f"thumb_closed.{joint}": each for joint, each in self.thumb_closed.items()}
        for name, (low, high) in named.items():
            if not -np.inf < low <= high < np.inf:
                raise ValueError(
                    f"line_ranges: {name} is [{low:g}, {high:g}]{reversed_note(low, high)}, expected a lower and a "
                    "higher end, rad"
                )


def standard_types(
    fingers: Sequence[str], tips: Sequence[Pad], middles: Sequence[Pad], side: Pad, labels: Sequence[str] | None = None
) -> tuple[GraspType, ...]:
    """The nine types of a hand of four fingers and a thumb (GraspGF Sec. 4.1), fewer of one with fewer fingers.

    Args:
        fingers: names of the fingers but the thumb, that next to the thumb first.
        tips: the pad of each finger's tip.
        middles: the pad of each finger's middle.
        side: the pad on the first finger's side that faces the thumb.
        labels: what pinches call the fingers; their names when None.
    """
    every = tuple(fingers)
    types = [
        GraspType("lateral", (side,), (), held="half"),
        GraspType("wrap", tuple(middles), every),
        *(
            GraspType(f"pinch_{label}", (tip,), (finger,))
            for label, tip, finger in zip(labels or fingers, tips, fingers, strict=True)
        ),
        GraspType("tripod", tuple(tips[:2]), every[:2], held="curled"),
        GraspType("precision", tuple(tips[:3]), every[:3]),
        GraspType("spherical", tuple(tips), every, is_spread=True),
    ]
    most = {"tripod": 2, "precision": 3, "spherical": 1}  # with as many fingers these are what another type is
    return tuple(kind for kind in types if len(every) > most.get(kind.name, 0))


def standard_ranges(
    joints: Sequence[str], fingers: Sequence[Finger], limits: JointLimits, open_pose: Array, closing: Array
) -> LineRanges:
    """Ranges for a hand of which only the limits are known, as shares of each joint's way from open to closed.

    The thumb's joints that do not close lie anywhere in their range.
    """
    end = np.where(closing > 0, limits.high, np.where(closing < 0, limits.low, open_pose))
    way = dict(zip(joints, np.abs(end - open_pose), strict=True))
    flexing = {joint for joint, sign in zip(joints, closing, strict=True) if sign}
    longest = max(([way[joint] for joint in finger.joints if joint in flexing] for finger in fingers[:-1]), key=len)

    def shares(low: float, high: float) -> tuple[Range, ...]:
        return tuple((low * length, high * length) for length in longest)

    opened: dict[str, Range] = {}
    closed: dict[str, Range] = {}
    for joint in fingers[-1].joints:
        column = list(joints).index(joint)
        start, sign = float(open_pose[column]), float(closing[column])
        if sign:
            opened[joint] = _ordered(start, start + sign * 0.45 * way[joint])
            closed[joint] = _ordered(start + sign * 0.25 * way[joint], start + sign * way[joint])
        else:
            opened[joint] = (float(limits.low[column]), float(limits.high[column]))
    return LineRanges(
        opened=shares(0.0, 0.35),
        closed=shares(0.45, 0.95),
        held={"straight": shares(0.0, 0.1), "half": shares(0.6, 0.85), "curled": shares(0.8, 1.0)},
        thumb_opened=opened,
        thumb_closed=closed,
    )


def _ordered(first: float, second: float) -> Range:
    return min(first, second), max(first, second)
