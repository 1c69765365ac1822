"""A grasp as in the paper's real experiment: python examples/carry_to_box.py FOLDER_OR_CHECKPOINT.

A user comes down on a box in MuJoCo and rises; once the controller holds, the arm goes by itself: up, over another one,
and the hand opens (GraspGF App. D.2). In place of MuJoCo: whatever reads a hand and moves an arm.
"""

import sys

import numpy as np

from envs.hand.registry import load_hand
from envs.objects.builder import make_object
from live.carry import Carry, Phase
from live.controller import AssistController
from live.inputs import ObjectPose
from live.mujoco_hand import MujocoHand
from live.policies import load_control_policy
from live.ports import pump

policy = load_control_policy(sys.argv[1])
thing = make_object("box", 0)
controller = AssistController(policy)
controller.know_object(thing.cloud)
down = np.array([-0.085, 0.0, 0.11, 0.5, 0.5, 0.5, 0.5])  # palm down over the box, fingers along x
wrist = down + np.array([0.0, 0.0, 0.12, 0.0, 0.0, 0.0, 0.0])
world = MujocoHand(load_hand(policy.facts.name), thing, thing.rest_poses[0], wrist)
carry, phase = Carry(policy.facts.grasp_centre_h), None
while carry.phase is not Phase.DONE and world.time_s < 15.0:
    targets = pump(controller, [world], [world], world.time_s)
    user = down.copy()  # comes down in a second, waits for one, rises by 10 cm/s
    user[2] += 0.12 * max(0.0, 1.0 - world.time_s) + 0.1 * max(0.0, world.time_s - 2.2)
    wrist = carry.step(world.time_s, targets.state, user, wrist)
    world.move_wrist(wrist)
    if carry.wants_release:
        controller.release()
    if carry.phase is not phase:
        phase = carry.phase
        scene = world.read()[0].scene
        up = 0.0 if not isinstance(scene, ObjectPose) else scene.pose_w[2] - thing.rest_poses[0][2]
        print(f"{world.time_s:5.2f} s  {phase:5}  hand {targets.state:8}  object {100 * up:5.1f} cm up")  # noqa: T201
controller.close()
