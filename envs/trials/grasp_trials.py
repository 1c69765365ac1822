"""Trials of G grasps in the world, batch by batch: placed at once, or closed from an open hand with collisions on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from envs.hand.commands import next_command
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend, PhysicsFactory
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.settings import TaskSettings
from envs.trials.lift import LiftResult, lift_test

Controller = Callable[[NDArray[np.int64], Array, int], Array]
"""controller(rows (E,), joint_pos (E, J) rad, step) -> action (E, J) in [-1, 1], as in the assisting task."""


@dataclass(frozen=True)
class TrialOutcome:
    """How G trials ended.

    Attributes:
        is_lifted: success of the lift test (G,) bool; diverged worlds count as failures.
        joint_pos: joints before the lift (G, J), rad.
        shift: how far the object moved before the lift (G,), m.
        is_diverged: worlds whose physics broke down (G,) bool.
    """

    is_lifted: NDArray[np.bool_]
    joint_pos: Array
    shift: Array
    is_diverged: NDArray[np.bool_]


class TrialWatcher(Protocol):
    """Looks at trials while they run, to say afterwards what happened; K of them at a time, ``rows`` (K,)."""

    def step(self, rows: NDArray[np.int64], physics: PhysicsBackend, step: int) -> None:
        """After ``step`` control steps; 0 is the start. Placed grasps have no other."""
        ...

    def closed(self, rows: NDArray[np.int64], physics: PhysicsBackend) -> None:
        """The hand has closed for the lift, and has not risen."""
        ...

    def lifted(self, rows: NDArray[np.int64], physics: PhysicsBackend, result: LiftResult) -> None:
        """After the lift."""
        ...


class GraspTrials:
    """The worlds of G grasps: each an object on the table and a wrist that stands at its grasp pose.

    Args:
        hand: the hand that grasps.
        grasp_objects: object of each grasp, length G.
        object_pose_w: object poses at the grasp (G, 7).
        wrist_pose_w: wrist poses (G, 7).
        rest_pose_w: object poses with no hand near (G, 7), from which fingers close; those at the grasp when None.
        num_worlds: worlds simulated at once.
        physics: makes the worlds; MuJoCo on the CPU when None.
        task: how long fingers may close, and how fast; the defaults when None.
        on_batch: called with the number of trials of each finished batch (progress).
    """

    def __init__(
        self,
        hand: Hand,
        grasp_objects: Sequence[GraspObject],
        object_pose_w: Array,
        wrist_pose_w: Array,
        *,
        rest_pose_w: Array | None = None,
        num_worlds: int = 128,
        physics: PhysicsFactory | None = None,
        task: TaskSettings | None = None,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        rest_pose_w = object_pose_w if rest_pose_w is None else rest_pose_w
        if not len(grasp_objects) == len(object_pose_w) == len(wrist_pose_w) == len(rest_pose_w):
            raise ValueError(
                f"{len(grasp_objects)} objects, {len(object_pose_w)} object poses, {len(wrist_pose_w)} wrist poses and "
                f"{len(rest_pose_w)} rest poses; expected one of each for every grasp"
            )
        self._hand = hand
        self._grasp_objects = list(grasp_objects)
        self._object_pose_w = object_pose_w
        self._wrist_pose_w = wrist_pose_w
        self._rest_pose_w = rest_pose_w
        self._physics: PhysicsFactory = physics or MujocoCpu()
        self.task = TaskSettings() if task is None else task
        self._num_worlds = num_worlds
        self._on_batch = on_batch
        self.num_diverged = 0

    def __len__(self) -> int:
        return len(self._grasp_objects)

    def place(self, joint_pos: Array, watcher: TrialWatcher | None = None) -> TrialOutcome:
        """Put the fingers at ``joint_pos`` (G, J), rad, without collisions on the way, then lift."""
        return self._run(lambda rows: joint_pos[rows], None, self._object_pose_w, watcher)

    def follow(self, controller: Controller, watcher: TrialWatcher | None = None) -> TrialOutcome:
        """Start from the open hand, let the controller act for an episode with collisions on, then lift.

        The object starts from its rest pose: at the grasp closing fingers had pushed it, and often it leans.
        """
        return self._run(
            lambda rows: np.tile(self._hand.open_pose, (len(rows), 1)), controller, self._rest_pose_w, watcher
        )

    def close_towards(self, goal: Array) -> TrialOutcome:
        """Close from the open hand to the joints ``goal`` (G, J), rad, at full speed with collisions on, then lift."""

        def controller(rows: NDArray[np.int64], joint_pos: Array, step: int) -> Array:
            return (goal[rows] - joint_pos) / self.task.max_joint_step

        return self.follow(controller)

    def _batches(self) -> Iterator[NDArray[np.int64]]:
        # grasps of one object next to one another, so that its compiled model serves a whole batch
        order = np.array(sorted(range(len(self)), key=lambda row: self._grasp_objects[row].name), dtype=np.int64)
        for begin in range(0, len(order), self._num_worlds):
            yield order[begin : begin + self._num_worlds]

    def _run(
        self,
        start: Callable[[NDArray[np.int64]], Array],
        controller: Controller | None,
        object_pose_w: Array,
        watcher: TrialWatcher | None,
    ) -> TrialOutcome:
        count = len(self)
        outcome = TrialOutcome(
            np.zeros(count, dtype=bool),
            np.zeros((count, self._hand.num_joints)),
            np.zeros(count),
            np.zeros(count, dtype=bool),
        )
        for rows in self._batches():
            physics = self._physics.make(self._hand, len(rows))
            grasp_objects = [self._grasp_objects[row] for row in rows]
            physics.reset(grasp_objects, object_pose_w[rows], self._wrist_pose_w[rows], self._hand.clamp(start(rows)))
            if watcher is not None:
                watcher.step(rows, physics, 0)
            if controller is not None:
                self._control(physics, controller, rows, watcher)
            before = physics.state().host()
            outcome.joint_pos[rows] = before.joint_pos
            offset = before.object_pose_w[:, :3] - object_pose_w[rows, :3]
            outcome.shift[rows] = np.linalg.norm(offset, axis=1)
            lifted = _lift(physics, rows, watcher)
            outcome.is_lifted[rows] = lifted.is_lifted
            outcome.is_diverged[rows] = lifted.is_diverged
            self.num_diverged += int(lifted.is_diverged.sum())
            self._on_batch(len(rows))
        return outcome

    def _control(
        self,
        physics: PhysicsBackend,
        controller: Controller,
        rows: NDArray[np.int64],
        watcher: TrialWatcher | None,
    ) -> None:
        """An episode of control steps."""
        physics.set_wrist_targets(self._wrist_pose_w[rows])
        gap = physics.settings.max_target_gap
        commands = closed_loop(self._hand, controller, rows, lambda: physics.state().host().joint_pos, self.task, gap)
        for step, command in enumerate(commands):
            physics.set_joint_targets(command)
            physics.step()
            if watcher is not None:
                watcher.step(rows, physics, step + 1)


def _lift(physics: PhysicsBackend, rows: NDArray[np.int64], watcher: TrialWatcher | None) -> LiftResult:
    """The lift test, watched."""
    if watcher is None:
        return lift_test(physics)
    result = lift_test(physics, on_closed=lambda: watcher.closed(rows, physics))
    watcher.lifted(rows, physics, result)
    return result


def closed_loop(
    hand: Hand,
    controller: Controller,
    rows: NDArray[np.int64],
    joint_pos: Callable[[], Array],
    task: TaskSettings,
    max_gap: float,
) -> Iterator[Array]:
    """The commanded joints (E, J), rad, of every control step; the present joints are read anew for each.

    Wrists stand still, nothing is observed but the joints: the loop of `envs.task.assist_env` without what trials do
    not need.
    """
    command = torch.as_tensor(joint_pos())
    for step in range(task.episode_steps):
        present = joint_pos()
        action = torch.as_tensor(controller(rows, present, step))
        command = next_command(
            command,
            action,
            torch.as_tensor(present),
            hand.limits,
            max_step=task.max_joint_step,
            max_gap=max_gap,
        )
        yield command.numpy()


def follow_freely(hand: Hand, controller: Controller, num_grasps: int, task: TaskSettings | None = None) -> Array:
    """Joints (G, J), rad, after an episode from the open hand with nothing in the way."""
    joint_pos = [np.tile(hand.open_pose, (num_grasps, 1))]
    task = TaskSettings() if task is None else task
    for command in closed_loop(hand, controller, np.arange(num_grasps), lambda: joint_pos[0], task, np.inf):
        joint_pos[0] = command
    return joint_pos[0]
