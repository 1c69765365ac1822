"""Digests of grasps: what training takes of a set, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from datamodules.grasps.identity import check_trained_on, grasp_set_identity, training_identity
from tests.datamodules.grasps.examples import two_objects


def test_training_grasps_alone_decide() -> None:
    grasps = two_objects()
    is_test = grasps.object_index == 1
    other = replace(grasps, joint_pos=np.where(is_test[:, None], 0.0, grasps.joint_pos).astype(np.float32))
    assert grasp_set_identity(other) != grasp_set_identity(grasps)
    assert training_identity(other) == training_identity(grasps)
    assert training_identity(replace(grasps, shapes=np.zeros((2, 15), dtype=np.int16))) == training_identity(grasps)
    assert training_identity(grasps.split("unseen_instances")) == ""


@pytest.mark.parametrize("field", ["joint_pos", "wrist_pose_o", "object_pose_w", "rest_pose_w", "is_reachable"])
def test_every_part_of_a_training_grasp_counts(field: str) -> None:
    grasps, changed = two_objects(), two_objects()
    column = getattr(changed, field)
    column[0] = ~column[0] if column.dtype == bool else column[0] + 1e-3
    assert training_identity(changed) != training_identity(grasps)


def test_what_a_checkpoint_does_not_tell_is_not_compared() -> None:
    check_trained_on({}, {"training grasps": "a"}, {"training grasps": "set.npz"})
    check_trained_on({"training grasps": "a"}, {"training grasps": "a"}, {"training grasps": "set.npz"})
    message = r"trained on other training grasps than set\.npz holds now \(digest 'b' then, 'a' now\); bring back"
    with pytest.raises(ValueError, match=message):
        check_trained_on({"training grasps": "b"}, {"training grasps": "a"}, {"training grasps": "set.npz"})
