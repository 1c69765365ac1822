"""A grasp as in the paper's real experiment: python examples/carry_to_box.py FOLDER_OR_CHECKPOINT.

A user comes to a mug in MuJoCo and rises; once the controller holds, the arm goes by itself: up, over a box, and there
the hand opens (GraspGF App. D.2). In place of MuJoCo: whatever reads a hand and moves an arm. Run it from the project's
folder.
"""

import sys

from datamodules.grasps.grasp_file import load_grasp_set
from envs.conventions import CONTROL_DT
from envs.objects.library import ObjectLibrary
from live.carry import Carry, Phase
from live.controller import AssistController
from live.inputs import ObjectPose
from live.mujoco_hand import MujocoHand
from live.policies import load_control_policy
from live.ports import pump
from live.rehearsal.plan import TrialPlan

policy = load_control_policy(sys.argv[1])
plan = TrialPlan(load_grasp_set("data/grasps.npz"), ObjectLibrary(), "development", trials=1, families=("mug",))
trial = plan.trials()[1]
controller = AssistController(policy)
controller.know_object(trial.grasp_object.cloud, is_ordered=True)
arm = trial.user_pose_w[0]
world = MujocoHand(trial.hand, trial.grasp_object, trial.object_pose_w, arm)
carry, phase = Carry(policy.facts.grasp_centre_h), None
while carry.phase is not Phase.DONE and world.time_s < 20.0:
    targets = pump(controller, [world], [world], world.time_s)
    user = trial.user_pose_w[min(round(world.time_s / CONTROL_DT), len(trial.user_pose_w) - 1)]
    arm = carry.step(world.time_s, targets.state, user, arm)
    world.move_wrist(arm)
    if carry.wants_release:
        controller.release()
    if carry.phase is not phase:
        phase, scene = carry.phase, world.read()[0].scene
        up = scene.pose_w[2] - trial.object_pose_w[2] if isinstance(scene, ObjectPose) else 0.0
        print(f"{world.time_s:5.2f} s  {phase:5}  hand {targets.state:8}  object {100 * up:5.1f} cm up")  # noqa: T201
controller.close()
