"""Can a moving hand take the grasp? Two approaches with collisions on, each of which has to end in a lift."""

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.poses import absolute_pose
from envs.conventions import MAX_JOINT_STEP
from envs.hand.kinematics import fingertip_centres
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsBackend, to_host
from envs.trials.lift import LIFT_STEPS, SURE_VERDICT, lift_test
from envs.wrist.approach import straight_approach

Array = NDArray[np.float64]

ARRIVAL_STEPS = (18, 26)
"""The wrist arrives between these control steps; the rest of the episode is for closing."""

NUM_STEPS = 50
"""Control steps of an approach, closing included."""

HOLD_STEPS = 6
"""Control steps that a hand waits for the lift after the last target of its fingers: they arrive, the object rests."""

MAX_SHOVE = 0.06
"""Once the object has been pushed this far, m, the approach has failed: the grasp is not where the wrist goes."""


def check_reachable(
    physics: PhysicsBackend,
    thing: GraspObject,
    object_pose_w: Array,
    wrist_pose_o: Array,
    preshape: Array,
    joint_pos: Array,
    rng: np.random.Generator,
    *,
    num_episodes: int = 2,
) -> NDArray[np.bool_]:
    """Grasps (K,) that lift in every one of ``num_episodes`` approaches.

    The hand starts open, takes the preshape on its way and closes to the stored joints on arrival, all joints limited
    to 0.05 rad a step, as an assisting policy would be. The last approach's lift goes all the way up.

    Args:
        physics: at least one world.
        thing: the object.
        object_pose_w: where it stands (K, 7).
        wrist_pose_o: wrist poses in the object frame (K, 7).
        preshape: joints before closing (K, J), rad.
        joint_pos: joints of the grasp (K, J), rad.
        rng: draws the approaches.
        num_episodes: approaches of each grasp.
    """
    reachable = np.ones(len(wrist_pose_o), dtype=bool)
    for episode in range(num_episodes):
        rise_steps = LIFT_STEPS if episode == num_episodes - 1 else SURE_VERDICT
        for begin in range(0, len(reachable), physics.num_worlds):
            rows = np.arange(begin, min(begin + physics.num_worlds, len(reachable)))
            rows = rows[reachable[rows]]
            if len(rows):
                reachable[rows] = _episode(
                    physics, thing, object_pose_w[rows], wrist_pose_o[rows], preshape[rows], joint_pos[rows], rng,
                    rise_steps,
                )  # fmt: skip
    return reachable


def _episode(
    physics: PhysicsBackend,
    thing: GraspObject,
    object_pose_w: Array,
    wrist_pose_o: Array,
    preshape: Array,
    joint_pos: Array,
    rng: np.random.Generator,
    rise_steps: int,
) -> NDArray[np.bool_]:
    count, worlds = len(wrist_pose_o), np.arange(len(wrist_pose_o))
    final_w = absolute_pose(object_pose_w, wrist_pose_o)
    arrival = rng.integers(ARRIVAL_STEPS[0], ARRIVAL_STEPS[1] + 1, size=count)
    poses_w = straight_approach(final_w, fingertip_centres(physics.hand, final_w, joint_pos), NUM_STEPS, arrival, rng)
    open_joints = np.tile(physics.hand.open_pose, (count, 1))
    physics.reset([thing] * count, object_pose_w, poses_w[:, 0], open_joints, worlds=worlds)
    active = np.zeros(physics.num_worlds, dtype=bool)
    active[:count] = True
    state = physics.state().host()
    wrist_target, command = state.wrist_pose_w, state.joint_pos
    held = np.zeros(physics.num_worlds, dtype=np.int64)  # control steps since the fingers were told their last target
    for step in range(NUM_STEPS):
        arrived = step >= arrival
        goal = np.where(arrived[:, None], joint_pos, preshape)
        command[:count] += np.clip(goal - command[:count], -MAX_JOINT_STEP, MAX_JOINT_STEP)
        held[:count] += arrived & (np.abs(command[:count] - joint_pos).max(axis=1) < 1e-6)
        wrist_target[:count] = poses_w[:, step]
        physics.set_wrist_targets(wrist_target)
        physics.set_joint_targets(command)
        moving = active & (held <= HOLD_STEPS)
        if not moving.any():
            break
        physics.step(moving)
        if step % 5 == 4:
            shove = physics.state().host().object_pose_w[:count, :3] - object_pose_w[:, :3]
            active[:count] &= np.linalg.norm(shove, axis=1) < MAX_SHOVE
    active &= to_host(physics.contact_links()).any(axis=1)  # a hand that touches nothing need not be lifted
    return lift_test(physics, active=active, rise_steps=rise_steps).is_lifted[:count]
