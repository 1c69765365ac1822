"""The bench of the rehearsal: hand on an arm, object, table, cameras and tracker in MuJoCo, with all that is wrong."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from live.inputs import CloudView
from live.ports import Reading
from live.poses import IDENTITY, Array
from live.rehearsal.cameras import DepthCameras, Seen
from live.rehearsal.devices import Arm, Motors, WristTracker
from live.rehearsal.disturbances import Disturbances, off_by

CAMERA_STEPS = 8
"""Control steps between two pictures: 5 a second."""

IMPRATIO = 50.0
"""Of the bench, in place of 3 in training (`PhysicsSettings.impratio`). MuJoCo's friction creeps: a mug that hangs
still in a hand slides by 7 mm a second at 3, and is dropped on a way of three seconds; real ones do not."""


class Bench:
    """One hand, one object; goes on by a control step at each `step`.

    Args:
        hand: the hand.
        grasp_object: the object as it is known; here it is heavier or lighter.
        object_pose_w: where it stands (7,).
        wrist_pose_w: where the arm has the hand base at first (7,).
        wrong: all that is wrong.
        seed: decides it.

    Attributes:
        time_s: since the beginning.
        period_s: of a control step.
        arm: carries the hand.
        tracker: sees it.
        friction, mass: what they are.
    """

    def __init__(
        self,
        hand: Hand,
        grasp_object: GraspObject,
        object_pose_w: Array,
        wrist_pose_w: Array,
        wrong: Disturbances,
        seed: tuple[int, ...],
    ) -> None:
        rng = np.random.default_rng([*seed, 2])
        friction, heavier = off_by(wrong.share_friction, rng), off_by(wrong.share_mass, rng)
        self.friction, self.mass = PhysicsSettings().friction * friction, grasp_object.mass * heavier
        thing = replace(grasp_object, mass=self.mass, inertia=grasp_object.inertia * heavier)
        self._physics = MujocoCpu(PhysicsSettings(friction=self.friction, impratio=IMPRATIO)).make(
            hand, 1, num_threads=0
        )
        self._physics.reset([thing], object_pose_w[None], wrist_pose_w[None], hand.open_pose[None])
        self.period_s = self._physics.settings.control_dt
        self.arm = Arm(wrist_pose_w, wrong, self.period_s)
        self.tracker = WristTracker(wrong, rng)
        self._motors = Motors(hand, wrong, self.period_s, rng)
        self._cameras = DepthCameras(hand, grasp_object, wrong, rng)
        self._camera_steps = round(wrong.camera_latency_s / self.period_s)
        self._clouds: list[tuple[int, Reading]] = []
        self._hand, self._count = hand, 0
        self._state = self._physics.state()

    @property
    def time_s(self) -> float:
        """Seconds since the beginning."""
        return self._count * self.period_s

    @property
    def state(self) -> PhysicsState:
        """What is true now."""
        return self._state

    def readings(self) -> list[Reading]:
        """What has been measured by now: poses that arrive, a cloud, joints; each with its time."""
        state, now = self._state, self.time_s
        joints = self._motors.read(state.joint_pos[0], state.coupled_pos[0])
        self.tracker.look(now, state.wrist_pose_w[0], self.period_s)
        found = [Reading(seen_s, wrist_pose_w=pose) for seen_s, pose in self.tracker.arrived(now)]
        if self._count % CAMERA_STEPS == 0:
            points = self._look(joints)
            view = CloudView(points, IDENTITY)
            if len(points):
                self._clouds.append((self._count + self._camera_steps, Reading(now, scene=view)))
        while self._clouds and self._clouds[0][0] <= self._count:
            found.append(self._clouds.pop(0)[1])
        return [*found, Reading(now, joint_pos=joints)]

    def _look(self, joints: Array) -> Array:
        state, num = self._state, self._hand.num_joints
        true = Seen(state.joint_pos[0], state.coupled_pos[0], state.wrist_pose_w[0], state.object_pose_w[0])
        believed_w = self.tracker.seen(state.wrist_pose_w[0])
        return self._cameras.cloud(true, Seen(joints[:num], joints[num:], believed_w, true.object_pose_w))

    def step(self, joint_targets: Array, asked_pose_w: Array) -> None:
        """A control step with what the hand is told (J,), rad, and where the arm is to go (7,)."""
        self._physics.set_joint_targets(self._motors.step(joint_targets)[None])
        self._physics.set_wrist_targets(self.arm.step(asked_pose_w)[None])
        self._physics.step()
        self._count += 1
        self._state = self._physics.state()

    def touches(self) -> NDArray[np.bool_]:
        """Links of the hand that touch the object (1, L)."""
        return self._physics.contact_links()

    def on_table(self) -> NDArray[np.bool_]:
        """Links of the hand that touch the table (1, L)."""
        return self._physics.table_links()
