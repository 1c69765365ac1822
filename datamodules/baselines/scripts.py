"""Fingers moved by rule, without learning: what a learnt policy has to beat, and the stored grasp as an upper bound."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.baselines.joints import cloud_descriptor
from envs.conventions import MAX_JOINT_STEP
from envs.geometry.transforms import pose_compose, pose_invert, transform_points
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from envs.task.targets import GraspTargets

Goals = Callable[[Episodes], Array]
"""Joints (E, J), rad, that a script closes to in each episode."""

SETTLING_STEPS = 2
"""Control steps that fingers are given at the end to catch up with their commands."""

_CHUNK = 256
"""Clouds described at once."""


@dataclass
class FixedStepClose:
    """Stays open until a step, then moves every joint at full speed to its goal; looks at nothing.

    Attributes:
        hand: the hand.
        goal: joints to close to (J,), rad.
        step: first control step of closing, from 0 on.

    Raises:
        ValueError: a negative step, or another number of joints.
    """

    hand: Hand
    goal: Array
    step: int

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ValueError(f"closing starts at step {self.step}, expected at least 0")
        if self.goal.shape != (self.hand.num_joints,):
            raise ValueError(
                f"goal has shape {self.goal.shape}, expected ({self.hand.num_joints},): one joint vector, rad"
            )

    def start(self, num_worlds: int) -> None:
        """Nothing to prepare."""

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        towards = _towards(self.hand, self.goal, observation)
        return towards if step >= self.step else np.zeros_like(towards)


@dataclass
class GoalOnArrival:
    """Stays open until the wrist has arrived, then closes; a joint that would come too late starts just early enough.

    A `ToldPolicy`: knows the time of arrival, which is hidden from policies.

    Attributes:
        goals: what to close to.
    """

    goals: Goals
    _hand: Hand = field(init=False, repr=False)
    _goal: Array = field(init=False, repr=False)
    _first_step: NDArray[np.int64] = field(init=False, repr=False)

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        self._hand, self._goal = episodes.hand, self.goals(episodes)
        self._first_step = closing_steps(self._goal, episodes)

    def start(self, num_worlds: int) -> None:
        """Everything was told."""

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        return np.where(step >= self._first_step, _towards(self._hand, self._goal, observation), 0.0)


def closing_steps(goal: Array, episodes: Episodes) -> NDArray[np.int64]:
    """First step (E, J) in which each joint moves from the open hand to its goal (E, J), rad.

    The step of arrival, or as much earlier as the joint needs to be there when the hand rises; never where the wrist
    comes for no grasp.
    """
    needed = np.ceil(np.abs(goal - episodes.hand.open_pose) / MAX_JOINT_STEP).astype(np.int64)
    latest = np.maximum(episodes.grasp_step[:, None] - SETTLING_STEPS - needed, 0)
    first = np.minimum(episodes.arrival_step[:, None], latest)
    return np.where(episodes.is_grasp[:, None], first, episodes.retry_steps.max() + 1)


def _towards(hand: Hand, goal: Array, observation: Observation) -> Array:
    """Actions (E, J) that bring the joints to the goal, at full speed while they are far."""
    joint_pos = hand.denormalise(observation["joint_pos"].double()).cpu().numpy()
    return np.asarray(((goal - joint_pos) / MAX_JOINT_STEP).clip(-1.0, 1.0))


def stored_goals(episodes: Episodes) -> Array:
    """The joints of the grasp that the episode was made of (hidden from policies)."""
    return episodes.goal_joint_pos


class NearestGoals:
    """The joints of the training grasp whose cloud looks most alike, seen from the wrist at the grasp.

    Knows where the wrist will end, which is hidden from policies. Grasps of the same object are left out.

    Args:
        train: training grasps to choose from.
    """

    def __init__(self, train: GraspTargets) -> None:
        self._joint_pos = train.joint_pos
        self._names = np.array([train.grasp_objects[index].name for index in train.object_index])
        grasp_objects = [train.grasp_objects[index] for index in train.object_index]
        self._descriptors = _describe(grasp_objects, train.object_pose_w, train.wrist_pose_w)

    def __call__(self, episodes: Episodes) -> Array:
        """Joints (E, J), rad.

        Raises:
            ValueError: all training grasps are of an episode's own object.
        """
        seen = _describe(episodes.grasp_objects, episodes.object_pose_w, episodes.goal_pose_w)
        distance = torch.cdist(seen, self._descriptors)
        own = np.array([thing.name for thing in episodes.grasp_objects])
        is_own = own[:, None] == self._names
        if is_own.all(axis=1).any():
            name = str(own[is_own.all(axis=1)][0])
            raise ValueError(f"object {name!r} can be compared with no other object; give training grasps of several")
        distance[torch.as_tensor(is_own)] = torch.inf
        return self._joint_pos[distance.argmin(dim=1).numpy()]


def _describe(grasp_objects: list[GraspObject], object_pose_w: Array, wrist_pose_w: Array) -> Tensor:
    """Cloud descriptors (K, P) of objects seen from wrists, poses (K, 7)."""
    object_h = pose_compose(pose_invert(torch.as_tensor(wrist_pose_w)), torch.as_tensor(object_pose_w)).float()
    parts = []
    for rows in torch.arange(len(grasp_objects)).split(_CHUNK):
        clouds_o = torch.as_tensor(np.stack([grasp_objects[row].cloud[::2] for row in rows.tolist()]))
        parts.append(cloud_descriptor(transform_points(object_h[rows], clouds_o)))
    return torch.cat(parts)


def mean_goal(train: GraspTargets) -> Array:
    """The mean joints of the training grasps (J,), rad."""
    return train.joint_pos.mean(axis=0)


def scripted_close(train: GraspTargets, step: int) -> FixedStepClose:
    """The mean training joints, closed from a fixed step on."""
    return FixedStepClose(train.hand, mean_goal(train), step)


def blind_script(hand: Hand, step: int) -> FixedStepClose:
    """Every flexing joint closed as far as it goes, from a fixed step on."""
    return FixedStepClose(hand, hand.closed_pose, step)


def nearest_grasp(train: GraspTargets) -> GoalOnArrival:
    """The nearest training grasp, closed on arrival."""
    return GoalOnArrival(NearestGoals(train))


def oracle() -> GoalOnArrival:
    """The stored grasp, closed on arrival: an upper bound."""
    return GoalOnArrival(stored_goals)
