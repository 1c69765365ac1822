"""Verification of foreign grasps: each closes in our simulator; what it holds is lifted twice (GraspGF App. A.2)."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.formats.reading import ReadGrasps
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from datamodules.synthesis.reachability import check_reachable
from datamodules.synthesis.trial import TrialResult, TrialSettings, run_trials
from envs.geometry.transforms import transform_points
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.objects.grasp_object import GraspObject
from envs.objects.meshes.mesh_object import CENTRE
from envs.objects.shapes import shape_digests
from envs.physics.base import PhysicsBackend
from envs.trials.settling import settle

Array = NDArray[np.float64]

TRIAL = TrialSettings(num_lifts=2)

OPENINGS = (0.0, 0.25)
"""Radians by which the flexing joints are opened beyond the pre-grasp: the second is tried where the first fails."""

PRESS = 0.1
"""Radians beyond the grasp up to which fingers close, stopped by the object."""

FINGER_RADIUS = 0.008
"""Metres around the middle of a link that are the hand's when its height over the table is looked at."""


@dataclass(frozen=True)
class Verified:
    """The grasps of one object that hold, and why the others do not.

    Attributes:
        grasps: a set of that object.
        rows: which of the grasps that were tried these are (G,); of `verify`, by row of what was read.
        causes: number of rejected ones by cause.
    """

    grasps: GraspSet
    rows: NDArray[np.int64]
    causes: dict[str, int]


def verify(
    physics: PhysicsBackend, read: ReadGrasps, rows: NDArray[np.int64], thing: GraspObject, split: str
) -> Verified:
    """Try the grasps ``rows`` (K,) of one object.

    The object stands on the table that its source tells, or, where it floats there, in that of its rest poses in which
    the hand is highest above the table.

    Args:
        physics: at least one world.
        read: what was read of the object's unit.
        rows: which grasps of it are the object's.
        thing: the object, of a mesh file at its true size.
        split: the object's split.
    """
    hand = physics.hand
    centre_m = np.array([thing.parameters[name] for name in CENTRE])
    wrist_o = read.wrist_pose_m[rows].copy()
    wrist_o[:, :3] -= centre_m
    object_w = on_the_table(hand, thing, centre_m, read.plane_m[rows], wrist_o, read.joint_pos[rows])
    tried = try_grasps(physics, thing, split, object_w, wrist_o, read.preshape[rows], read.target[rows])
    return replace(tried, rows=rows[tried.rows])


def try_grasps(
    physics: PhysicsBackend,
    thing: GraspObject,
    split: str,
    object_pose_w: Array,
    wrist_pose_o: Array,
    preshape: Array,
    target: Array,
) -> Verified:
    """Close and lift grasps of one object, those that fail once more from a wider opening.

    Args:
        physics: at least one world.
        thing: the object.
        split: the object's split.
        object_pose_w: where it stands (K, 7); NaN where it cannot.
        wrist_pose_o: wrist poses in its frame (K, 7).
        preshape: joints before closing (K, J), rad.
        target: joints of the grasp (K, J), rad; fingers close PRESS farther, stopped by the object.
    """
    rng, hand = np.random.default_rng(crc32(thing.name.encode())), physics.hand
    stands = np.isfinite(object_pose_w).all(axis=1)
    causes = Counter({"under_the_table": int((~stands).sum())})
    left, found = np.flatnonzero(stands), [no_grasps_of(hand, thing.name, split)]
    kept: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    last: dict[int, str] = {}
    for opening in OPENINGS:
        missed = []
        for begin in range(0, len(left), physics.num_worlds):
            batch = left[begin : begin + physics.num_worlds]
            opened = hand.clamp(preshape[batch] - opening * hand.closing)
            pressed = hand.clamp(target[batch] + PRESS * hand.closing)
            wrist_w = absolute_pose(object_pose_w[batch], wrist_pose_o[batch])
            result = run_trials(physics, thing, object_pose_w[batch], wrist_w, opened, pressed, TRIAL, rng)
            found.append(_grasp_set(physics, thing, split, result, opened[result.row], rng))
            kept.append(batch[result.row])
            last |= {int(batch[row]): cause for row, cause in enumerate(result.cause) if cause}
            missed += [row for row in batch if row not in batch[result.row]]
        left = np.array(missed, dtype=np.int64)
    causes.update(last[int(row)] for row in left)
    names = found[0].row_fields
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in found]) for name in names}
    shapes = shape_digests([thing])
    grasps = GraspSet(hand=hand, objects=(thing.name,), object_splits=(split,), shapes=shapes, **columns)
    return Verified(grasps, np.concatenate(kept), {cause: count for cause, count in causes.items() if count})


def on_the_table(
    hand: Hand, thing: GraspObject, centre_m: Array, plane_m: Array, wrist_o: Array, joint_pos: Array
) -> Array:
    """Object poses (K, 7) in the world for tables (K, 4) in the mesh frame; NaN where the hand were in every table."""
    object_w = np.full((len(plane_m), 7), np.nan)
    told = np.isfinite(plane_m).all(axis=1)
    for row in np.flatnonzero(told):
        object_w[row] = _pose_over(plane_m[row], centre_m)
    best = np.zeros(len(plane_m))
    for pose in thing.rest_poses:
        candidate = np.tile(pose, (len(plane_m), 1))
        height = lowest_points(hand, absolute_pose(candidate, wrist_o), joint_pos)
        better = ~told & (height > best)
        object_w[better], best = candidate[better], np.where(better, height, best)
    return object_w


def _pose_over(plane_m: Array, centre_m: Array) -> Array:
    """Pose (7,) of the centre of mass in a world whose table is this plane of the mesh frame."""
    turn, _ = Rotation.align_vectors([[0.0, 0.0, 1.0]], plane_m[None, :3])
    height = float(plane_m[:3] @ centre_m + plane_m[3])
    return np.concatenate([[0.0, 0.0, height], turn.as_quat(scalar_first=True, canonical=True)])


def lowest_points(hand: Hand, wrist_pose_w: Array, joint_pos: Array) -> Array:
    """Height (K,), m, of the lowest point of hands at wrist poses (K, 7) with joints (K, J): links as thick lines."""
    pose = HandKinematics(hand).forward(torch.as_tensor(joint_pos))
    points_w = transform_points(torch.as_tensor(wrist_pose_w), torch.cat([pose.link_position, pose.fingertips], dim=1))
    return points_w[..., 2].amin(dim=1).numpy() - FINGER_RADIUS


def _grasp_set(
    physics: PhysicsBackend,
    thing: GraspObject,
    split: str,
    result: TrialResult,
    preshape: Array,
    rng: np.random.Generator,
) -> GraspSet:
    """The grasps of a batch that held, with rest poses, types and whether a moving wrist takes them."""
    hand = physics.hand
    reachable = check_reachable(
        physics, thing, result.object_pose_w, result.wrist_pose_o, preshape, result.joint_pos, rng
    )
    tips_h = HandKinematics(hand).forward(torch.as_tensor(result.joint_pos)).fingertips.numpy()
    rest_w = settle(physics, [thing] * len(reachable), result.object_pose_w) if len(reachable) else np.zeros((0, 7))
    types = [_type_of(hand, links) for links in result.links]
    apertures = [_aperture(hand, links, tips) for links, tips in zip(result.links, tips_h, strict=True)]
    return GraspSet(
        hand=hand,
        objects=(thing.name,),
        object_splits=(split,),
        object_index=np.zeros(len(reachable), dtype=np.int32),
        object_pose_w=result.object_pose_w.astype(np.float32),
        rest_pose_w=rest_w.astype(np.float32),
        wrist_pose_o=result.wrist_pose_o.astype(np.float32),
        joint_pos=result.joint_pos.astype(np.float32),
        preshape=preshape.astype(np.float32),
        type_index=np.array(types, dtype=np.uint8),
        aperture=np.array(apertures, dtype=np.float32),
        links=result.links,
        is_reachable=reachable,
    )


def no_grasps_of(hand: Hand, name: str, split: str) -> GraspSet:
    """A set of one object without a grasp."""
    widths = dict.fromkeys(("object_pose_w", "rest_pose_w", "wrist_pose_o"), 7)
    widths |= dict.fromkeys(("joint_pos", "preshape"), hand.num_joints)
    columns: dict[str, Any] = {field: np.zeros((0, width), dtype=np.float32) for field, width in widths.items()}
    return GraspSet(
        hand=hand,
        objects=(name,),
        object_splits=(split,),
        object_index=np.zeros(0, dtype=np.int32),
        type_index=np.zeros(0, dtype=np.uint8),
        aperture=np.zeros(0, dtype=np.float32),
        links=np.zeros((0, len(hand.links)), dtype=bool),
        is_reachable=np.zeros(0, dtype=bool),
        **columns,
    )


def _touching(hand: Hand, links: NDArray[np.bool_]) -> set[str]:
    """Names of the fingers of which a link touches."""
    touched = {name for name, touches in zip(hand.links, links, strict=True) if touches}
    return {finger.name for finger in hand.fingers if not touched.isdisjoint(hand.links_of(finger))}


def _type_of(hand: Hand, links: NDArray[np.bool_]) -> int:
    """The grasp type whose closing fingers are most nearly those that touch; of equals the one with contact alike.

    A palm that touches speaks for types that oppose the middles of fingers, such as ``wrap``.
    """
    fingers = _touching(hand, links) - {hand.fingers[-1].name}
    with_palm = bool(links[hand.links.index(hand.palm)])

    def likeness(row: int) -> tuple[float, bool]:
        """Share of fingers in common, and whether the palm touches as it would."""
        kind = hand.grasp_types[row]
        closing = set(kind.closing)
        tip_links = {finger.tip_link for finger in hand.fingers}
        opposes_middles = bool(kind.opposing) and all(pad.link not in tip_links for pad in kind.opposing)
        shared = len(closing & fingers) / max(len(closing | fingers), 1)
        return shared, opposes_middles == with_palm

    return max(range(len(hand.grasp_types)), key=likeness)


def _aperture(hand: Hand, links: NDArray[np.bool_], tips_h: Array) -> float:
    """Metres from the thumb's tip to the middle of the other tips whose fingers touch (of all when none does)."""
    touching = _touching(hand, links)
    others = [row for row, finger in enumerate(hand.fingers[:-1]) if finger.name in touching]
    return float(np.linalg.norm(tips_h[others or slice(0, -1)].mean(axis=0) - tips_h[-1]))
