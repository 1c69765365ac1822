"""From recordings of MANO hands and objects to the way of a wrist to the object that it takes.

The MANO model (Romero et al. 2017) of a right hand lies flat with its fingers along -x, its palm towards -y and its
thumb towards +z. The hand base frame of this project has z along the fingers, -y out of the palm and x towards the
thumb. A left hand is the right one mirrored in x, so is everything that it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from envs.wrist.recording import WristRecording

Array = NDArray[np.float64]

HAND_IN_MANO = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Columns: x, y and z of the hand base frame in the frame of MANO's right wrist; R_wh = R_wm HAND_IN_MANO."""

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Takes a left hand to a right one: p' = MIRROR p, R' = MIRROR R MIRROR."""

WRIST_IN_MODEL = np.array([0.0957, 0.0064, 0.0062])
"""Metres from the origin of MANO's model of a mean right hand, between palm and fingers, to its wrist."""

SIDES = ("right", "left")

MOVED_M, MOVED_RAD = 0.005, np.deg2rad(5.0)
"""How far an object has gone or turned when it was taken: more than poses that were measured jump about."""

STOOD_M, STOOD_RAD = 0.002, np.deg2rad(2.0)
"""Within so much of where it stood it still stood: the way ends at the last frame of that."""

STAYS_S = 0.1
"""Seconds for which it has to stay moved."""

NEAR_M = 0.3
"""Metres between wrist and object when it is taken, at most: else nobody took it, or it was another hand."""

MIN_FRAMES = 4
"""Frames of a way that are needed to tell how the wrist moved."""

PERIOD_S = 0.005
"""Seconds between two samples of what comes out."""


@dataclass(frozen=True)
class MovingPose:
    """Something that moves, T frames.

    Attributes:
        position_w: (T, 3), m.
        rotation_w: orientations of those F frames in which it is seen, in their order.
        is_seen: (T,) bool, F of them true.
    """

    position_w: Array
    rotation_w: Rotation
    is_seen: NDArray[np.bool_]


@dataclass(frozen=True)
class HandScene:
    """A recorded scene.

    Attributes:
        name: for messages.
        period_s: seconds of a frame.
        hands: MANO wrists.
        sides: of each hand, one of SIDES.
        thing: the object that is taken.
    """

    name: str
    period_s: float
    hands: Sequence[MovingPose]
    sides: Sequence[str]
    thing: MovingPose


def wrist_in_model(side: str) -> Array:
    """WRIST_IN_MODEL (3,) of a hand of that side."""
    return WRIST_IN_MODEL @ MIRROR if side == "left" else WRIST_IN_MODEL


def moving_pose(position_w: Array, rotation: Rotation | None, is_seen: NDArray[np.bool_]) -> MovingPose:
    """A moving pose; ``rotation`` of its seen frames may be None where it is never seen."""
    return MovingPose(position_w, Rotation.identity(0) if rotation is None else rotation, is_seen)


def way_to_object(scene: HandScene) -> WristRecording:
    """The way of the hand that takes the object, from when it is seen until the object moves; a right hand's.

    Raises:
        ValueError: the object is not seen or never moves, no hand is near then, or too little of the way is seen.
    """
    taken = _last_stood(scene)
    hand = _taking_hand(scene, taken)
    moving, is_left = scene.hands[hand], scene.sides[hand] == "left"
    unseen = np.flatnonzero(~moving.is_seen[: taken + 1])
    frames = np.arange(unseen[-1] + 1 if len(unseen) else 0, taken + 1)
    if len(frames) < MIN_FRAMES:
        raise ValueError(
            f"{len(frames)} frames show the hand on its way, at least {MIN_FRAMES} are needed; leave it out"
        )
    first = int(moving.is_seen[: frames[0]].sum())
    position_w, turn = moving.position_w[frames], moving.rotation_w[first : first + len(frames)].as_matrix()
    if is_left:
        position_w, turn = position_w @ MIRROR, MIRROR @ turn @ MIRROR
    time = (frames - frames[-1]) * scene.period_s
    grid = -PERIOD_S * np.arange(int(np.floor(-time[0] / PERIOD_S + 1e-9)), -1, -1)
    from scipy.interpolate import PchipInterpolator  # half a second, which only those who read recordings wait for

    smooth = PchipInterpolator(time, position_w)(grid)
    rotation_w = Slerp(time, Rotation.from_matrix(turn @ HAND_IN_MANO))(np.clip(grid, time[0], time[-1]))
    angles = np.unwrap(rotation_w.as_euler("xyz"), axis=0)
    return WristRecording(scene.name, smooth, angles, PERIOD_S)


def _last_stood(scene: HandScene) -> int:
    """The last frame in which the object is seen where it stood, before it is taken away and stays away."""
    thing = scene.thing
    seen = np.flatnonzero(thing.is_seen)
    if len(seen) == 0:
        raise ValueError("the object that is taken is never seen; leave the recording out")
    distance = np.linalg.norm(thing.position_w[seen] - thing.position_w[seen[0]], axis=1)
    turn = (thing.rotation_w * thing.rotation_w[0].inv()).magnitude()
    moved = (distance > MOVED_M) | (turn > MOVED_RAD)
    stood = (distance <= STOOD_M) & (turn <= STOOD_RAD)
    stays = max(1, round(STAYS_S / scene.period_s))
    for row in np.flatnonzero(moved):
        if moved[row : row + stays].all():
            return int(seen[np.flatnonzero(stood[:row])[-1]])
    raise ValueError(
        f"the object never moves {1e3 * MOVED_M:g} mm or {np.rad2deg(MOVED_RAD):g} degrees for {STAYS_S:g} s: it is "
        "not taken"
    )


def _taking_hand(scene: HandScene, taken: int) -> int:
    """The hand that is nearest to the object when it is taken."""
    thing_w = scene.thing.position_w[taken]
    distances = [
        float(np.linalg.norm(hand.position_w[taken] - thing_w)) if hand.is_seen[taken] else np.inf
        for hand in scene.hands
    ]
    nearest = int(np.argmin(distances)) if distances else 0
    if not distances or not distances[nearest] <= NEAR_M:
        seen = bool(distances) and np.isfinite(distances[nearest])
        far = f"the nearest is {distances[nearest]:.2f} m away" if seen else "none is seen"
        raise ValueError(f"no hand is within {NEAR_M:g} m of the object when it moves ({far}); are these metres?")
    return nearest
