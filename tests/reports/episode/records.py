"""Made-up records of episodes: a wrist that comes, dwells and rises, and an object that does what a test says."""

from dataclasses import replace
from typing import Any

import numpy as np

from envs.hand.shadow import shadow_hand
from reports.episode.record import EpisodeRecord
from tests.datamodules.grasps.examples import thing

HAND = shadow_hand()
ARRIVAL, LIFT, END = 20, 40, 80
"""Steps of 25 ms: arrival at 0.5 s, rise from 1 s to 2 s."""


def link(name: str) -> int:
    return HAND.links.index(name)


def made_up_record(**columns: Any) -> EpisodeRecord:
    """The wrist stands 20 cm above an object that stays where it is, and rises by 20 cm; nothing touches anything."""
    count = END + 1
    pose_w = np.tile([0.0, 0.0, 0.02, 1.0, 0.0, 0.0, 0.0], (count, 1))
    wrist_w = pose_w.copy()
    wrist_w[:, 2] = 0.22 + np.interp(np.arange(count), [0, LIFT, END], [0.0, 0.0, 0.2])
    joints = np.tile(HAND.open_pose, (count, 1))
    none = np.zeros((count, len(HAND.links)), dtype=bool)
    actions = {name: np.zeros((END, HAND.num_joints)) for name in ("a", "a_p", "a_s", "a_r")}
    record = EpisodeRecord(
        hand=HAND, grasp_object=thing(), period_s=0.025, joint_pos=joints, command=joints.copy(),
        wrist_pose_w=wrist_w, object_pose_w=pose_w, start_pose_w=pose_w.copy(), touches=none, on_table=none.copy(),
        actions=actions, arrival=ARRIVAL, lift=LIFT, end=END, is_by_user=True,
    )  # fmt: skip
    return replace(record, **columns)
