"""What a synthesis made, in numbers: yields and rejections by type, sizes, directions, diversity."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from datamodules.grasps.diversity import pairwise_distance
from datamodules.grasps.grasp_set import GraspSet, iterate_objects
from datamodules.grasps.poses import absolute_pose
from datamodules.synthesis.settings import TypeCount
from envs.conventions import SPLITS

_APERTURE_EDGES_MM = (0, 20, 35, 50, 65, 80, 120)


def merge_counts(parts: list[dict[str, TypeCount]]) -> dict[str, TypeCount]:
    """Counts of many objects added up by type."""
    total: dict[str, TypeCount] = {}
    for part in parts:
        for name, count in part.items():
            total.setdefault(name, TypeCount())
            for attribute in ("checked", "tried", "verified", "kept", "reachable", "seconds"):
                setattr(total[name], attribute, getattr(total[name], attribute) + getattr(count, attribute))
            for cause, number in count.rejected.items():
                total[name].reject(cause, number)
    return {name: count for name, count in total.items() if count.checked or count.kept}


def summarise(
    grasps: GraspSet, counts: dict[str, TypeCount], tried_splits: Sequence[str] | None = None
) -> dict[str, Any]:
    """A JSON-ready summary of a grasp set and of the trials behind it, those of some splits or of all."""
    by_split = {}
    for split in SPLITS:
        members = [index for index, name in enumerate(grasps.object_splits) if name == split]
        rows = np.isin(grasps.object_index, members)
        if rows.any():
            part = grasps.rows(rows)
            by_split[split] = {
                "objects": len(members),
                "objects_with_grasps": len(np.unique(part.object_index)),
                "grasps": len(part),
                "reachable": int(part.is_reachable.sum()),
                **({} if part.is_easy is None else {"easy": int(part.is_easy.sum())}),
                "types": _counts_by_type(part),
                "aperture_mm": _histogram(part),
                "approach": _approach(part),
                "mean_pairwise_distance": _diversity(part),
                "joint_std_rad": round(float(part.joint_pos.std(axis=0).mean()), 4),
            }
    tried = [tried_splits is None or split in tried_splits for split in grasps.object_splits]
    kept = _counts_by_type(grasps.rows(np.array(tried, dtype=bool)[grasps.object_index]))
    with_grasps = {grasps.objects[index] for index in np.unique(grasps.object_index)}
    return {
        "splits": by_split,
        "objects_without_grasps": [name for name in grasps.objects if name not in with_grasps],
        "contact_links": {
            name: round(float(grasps.links[:, column].mean()), 3)
            for column, name in enumerate(grasps.hand.links)
            if grasps.links[:, column].any()
        },
        "trials_of": sorted({split for split, is_tried in zip(grasps.object_splits, tried, strict=True) if is_tried}),
        "trials": {name: {**_trial_row(count), "kept": kept[name]} for name, count in counts.items()},
        "core_seconds": round(sum(count.seconds for count in counts.values()), 1),
    }


def _trial_row(count: TypeCount) -> dict[str, Any]:
    return {
        "starts_checked": count.checked,
        "tried": count.tried,
        "verified": count.verified,
        "yield_of_tried": round(count.verified / max(count.tried, 1), 3),
        "reachable": count.reachable,
        "rejected": count.rejected,
    }


def _counts_by_type(grasps: GraspSet) -> dict[str, int]:
    names = grasps.hand.type_names
    counts = np.bincount(grasps.type_index, minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _histogram(grasps: GraspSet) -> dict[str, int]:
    counts, _ = np.histogram(1e3 * grasps.aperture, bins=_APERTURE_EDGES_MM)
    edges = pairwise(_APERTURE_EDGES_MM)
    return {f"{low}-{high}": int(count) for (low, high), count in zip(edges, counts, strict=True)}


def _approach(grasps: GraspSet) -> dict[str, float]:
    """Shares of grasps whose fingers point down (more than 45 degrees), level, or up."""
    wrist_w = absolute_pose(grasps.object_pose_w.astype(np.float64), grasps.wrist_pose_o.astype(np.float64))
    fingers_up = Rotation.from_quat(wrist_w[:, 3:], scalar_first=True).apply([0.0, 0.0, 1.0])[:, 2]
    down, up = float((fingers_up < -0.7071).mean()), float((fingers_up > 0.2588).mean())
    return {"from_above": round(down, 3), "sideways": round(1.0 - down - up, 3), "slightly_up": round(up, 3)}


def _diversity(grasps: GraspSet) -> float:
    """Mean distance between grasps of one object, averaged over objects (datamodules.grasps.diversity)."""
    means = []
    for _, part in iterate_objects(grasps):
        if len(part) > 1:
            distance = pairwise_distance(part.wrist_pose_o, part.joint_pos)
            means.append(distance[np.triu_indices(len(part), 1)].mean())
    return round(float(np.mean(means)), 3) if means else 0.0
