"""The grasps of a set as targets of episodes."""

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from datamodules.grasps.shape_check import check_shapes, tells_shapes
from envs.objects.library import ObjectLibrary
from envs.objects.shapes import shape_digests
from envs.task.targets import GraspTargets


def grasp_targets(
    grasps: GraspSet, library: ObjectLibrary, *, reachable_only: bool = True, share: tuple[int, int] = (0, 1)
) -> GraspTargets:
    """Targets in the order of the set: the object starts at rest, the wrist ends where it was when the hand closed.

    Closing had pushed the object by up to 2 cm (``object_pose_w`` against ``rest_pose_w``); the wrist pose in the world
    is the one of that moment, so it is taken from the pushed object.

    Args:
        grasps: grasps of one split.
        library: gives the objects.
        reachable_only: leave out the grasps that no moving wrist took with collisions on.
        share: (r, R): of the objects, in their order, every R-th from the r-th on, so that processes that train
            together build and keep different ones; all of them where there are fewer than R.

    Raises:
        ValueError: no grasp is left, or an object that the library does not know or that has another shape now.
    """
    kept = grasps.rows(grasps.is_reachable) if reachable_only else grasps
    if len(kept) == 0:
        remedy = "; pass reachable_only=False, or synthesise with reachability" if len(grasps) else ""
        raise ValueError(f"none of the {len(grasps)} grasps can be a target of an episode{remedy}")
    present = np.unique(kept.object_index)
    if len(present) >= share[1]:
        kept = kept.rows(np.isin(kept.object_index, present[share[0] :: share[1]]))
    present, thing_row = np.unique(kept.object_index, return_inverse=True)
    names = [kept.objects[index] for index in present]
    unknown = [name for name in names if name not in library]
    if unknown:
        raise ValueError(
            f"object {unknown[0]!r} of the grasp set is not in the split file; use the one it was made with "
            "(--data.init_args.split_file)"
        )
    things = library.get_many(names)
    if tells_shapes(kept):
        check_shapes(kept, names, shape_digests(things))
    object_w = kept.object_pose_w.astype(np.float64)
    return GraspTargets(
        hand=kept.hand,
        grasp_objects=tuple(things),
        object_index=thing_row.astype(np.int64),
        object_pose_w=_unit(kept.rest_pose_w.astype(np.float64)),
        wrist_pose_w=absolute_pose(_unit(object_w), _unit(kept.wrist_pose_o.astype(np.float64))),
        joint_pos=kept.joint_pos.astype(np.float64),
        type_index=kept.type_index.astype(np.int64),
        is_easy=kept.is_easy,
    )


def _unit(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Poses with quaternions of unit length: the file holds single precision."""
    pose[:, 3:] /= np.linalg.norm(pose[:, 3:], axis=1, keepdims=True)
    return pose
