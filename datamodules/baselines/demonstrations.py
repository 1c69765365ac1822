"""Demonstrated grasps: joints that close along human wrist trajectories, without physics (GraspGF App. C)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.types import Batch
from envs.conventions import MAX_JOINT_STEP
from envs.geometry.transforms import pose_compose, pose_invert
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array
from envs.task.episodes import EpisodeSource, join_episodes
from envs.task.observation_builder import ObservationBuilder, Signals
from envs.task.observations import Observation

_BATCH = 128
"""Episodes that are drawn, or looked at, together."""


@dataclass(frozen=True)
class Origin:
    """What demonstrations are made of; they serve a training of the same alone.

    Attributes:
        grasp_set: `grasp_set_identity` of the grasps.
        task: the task in words, `repr` of its settings.
        period_s: seconds of a control step.
    """

    grasp_set: str
    task: str
    period_s: float


@dataclass(frozen=True)
class Demonstrations:
    """D demonstrated episodes; step t of an episode is a tuple of what is seen after t steps, and the action then.

    Joints and clouds are not kept: they follow from the rest (`closing_path`, `demonstrated_steps`).

    Attributes:
        hand: the hand that closes.
        origin: what they are made of.
        objects: names of the objects (O).
        object_index: object of each episode (D,), row of ``objects``.
        object_pose_w: the objects at rest (D, 7).
        wrist_pose_w: wrist poses (D, T + 1, 7), float32; after the end the last one is repeated.
        goal_joint_pos: joints that are closed to (D, J), rad, float32; the open hand where nothing is grasped.
        num_steps: tuples of each episode (D,), up to the moment at which the fingers have to be closed.
        begin: share of these steps in which the hand stays open.
    """

    hand: Hand
    origin: Origin
    objects: tuple[str, ...]
    object_index: NDArray[np.int64]
    object_pose_w: Array
    wrist_pose_w: NDArray[np.float32]
    goal_joint_pos: NDArray[np.float32]
    num_steps: NDArray[np.int64]
    begin: float

    def __len__(self) -> int:
        """Number of tuples."""
        return int(self.num_steps.sum())

    @property
    def max_steps(self) -> int:
        """T."""
        return self.wrist_pose_w.shape[1] - 1


@dataclass(frozen=True)
class DemonstratedSteps(Batch):
    """K tuples of different episodes at one step.

    Attributes:
        observation: what is seen, clouds included.
        action: of the hand (K, J) in [-1, 1].
        episode: row of each episode (K,).
        cloud_pose_h: frames of the objects in the hand frame (K, 7), in which the clouds stand.
    """

    observation: Observation
    action: Tensor
    episode: Tensor
    cloud_pose_h: Tensor


def demonstrate(
    source: EpisodeSource,
    origin: Origin,
    *,
    num_tuples: int = 125_000,
    begin: float = 0.0,
    on_tuples: Callable[[int], object] = lambda _: None,
) -> Demonstrations:
    """Exactly so many tuples, from episodes of a source; the last episode is cut.

    Args:
        source: gives the episodes.
        origin: what the source is made of.
        num_tuples: how many (GraspGF App. C: 125,000).
        begin: share of an episode in which the hand stays open; 0 closes all along the way, as the authors did.
        on_tuples: called with the number of tuples of each batch (progress).

    Raises:
        ValueError: no tuple is wanted, or ``begin`` outside [0, 1).
    """
    if num_tuples < 1 or not 0.0 <= begin < 1.0:
        raise ValueError(f"num_tuples is {num_tuples} and begin {begin}; expected at least 1, and a share in [0, 1)")
    parts, count = [], 0
    while count < num_tuples:
        parts.append(source.sample(_BATCH))
        found = int(parts[-1].grasp_step.sum())
        on_tuples(min(found, num_tuples - count))
        count += found
    episodes = join_episodes(parts)
    ends = np.minimum(episodes.grasp_step.cumsum(), num_tuples)
    num_steps = np.diff(ends, prepend=0)
    kept = num_steps > 0
    names = [thing.name for thing in episodes.grasp_objects]
    objects, index = np.unique(np.array(names)[kept], return_inverse=True)
    goal = np.where(episodes.is_grasp[:, None], episodes.goal_joint_pos, episodes.hand.open_pose)
    return Demonstrations(
        hand=episodes.hand,
        origin=origin,
        objects=tuple(objects.tolist()),
        object_index=index.astype(np.int64),
        object_pose_w=episodes.object_pose_w[kept],
        wrist_pose_w=episodes.wrist_pose_w[kept].astype(np.float32),
        goal_joint_pos=goal[kept].astype(np.float32),
        num_steps=num_steps[kept],
        begin=begin,
    )


def closing_path(hand: Hand, goal: Array, num_steps: NDArray[np.int64], max_steps: int, begin: float) -> Array:
    """Joints (D, T + 1, J), rad, from the open hand to goals (D, J), interpolated over the steps of each episode.

    q_t = open + clip((t / n - begin) / (1 - begin), 0, 1) (goal - open), where no step is larger than actions allow.

    Args:
        hand: the hand.
        goal: joints at the end (D, J), rad.
        num_steps: n (D,).
        max_steps: T.
        begin: share of the steps before the hand begins to close.
    """
    time = np.arange(max_steps + 1) / np.maximum(num_steps, 1)[:, None]
    share = ((time - begin) / (1.0 - begin)).clip(0.0, 1.0)
    wanted = hand.open_pose + share[..., None] * (goal - hand.open_pose)[:, None]
    path = wanted.copy()
    for step in range(max_steps):
        change = (wanted[:, step + 1] - path[:, step]).clip(-MAX_JOINT_STEP, MAX_JOINT_STEP)
        path[:, step + 1] = path[:, step] + change
    return path


def demonstrated_steps(shown: Demonstrations, things: Sequence[GraspObject]) -> Iterator[DemonstratedSteps]:
    """The tuples, step by step of some episodes at a time, as `envs.task.observation_builder` makes observations.

    Joints are one control step behind their commands, about what the simulated hand needs; coupled joints follow them.

    Args:
        shown: the demonstrations.
        things: objects in the order of ``shown.objects``.
    """
    hand, clouds = shown.hand, np.stack([thing.cloud.T for thing in things])
    for rows in np.array_split(np.arange(len(shown.num_steps)), -(-len(shown.num_steps) // _BATCH)):
        builder = ObservationBuilder(hand, shown.origin.period_s)
        lengths, steps = shown.num_steps[rows], int(shown.num_steps[rows].max())
        path = closing_path(hand, shown.goal_joint_pos[rows].astype(float), lengths, steps, shown.begin)
        cloud = torch.as_tensor(clouds[shown.object_index[rows]])
        object_w = torch.as_tensor(shown.object_pose_w[rows]).double()
        for step in range(steps):
            wrist_w = torch.as_tensor(shown.wrist_pose_w[rows, step]).double()
            joints = path[:, max(step - 1, 0)]
            signals = Signals(
                joint_pos=torch.as_tensor(joints),
                coupled_pos=torch.as_tensor(hand.coupled_from_actuated(joints)),
                command=torch.as_tensor(path[:, step]),
                time_s=step * shown.origin.period_s,
                wrist_pose_w=wrist_w,
                cloud=cloud,
                cloud_pose_w=object_w,
            )
            happens = torch.as_tensor(step < lengths).nonzero()[:, 0]
            action = torch.as_tensor((path[:, step + 1] - path[:, step]) / MAX_JOINT_STEP).float()
            yield DemonstratedSteps(
                observation=builder.observe(signals).rows(happens),
                action=action[happens],
                episode=torch.as_tensor(rows)[happens],
                cloud_pose_h=pose_compose(pose_invert(wrist_w), object_w).float()[happens],
            )
