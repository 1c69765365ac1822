"""What happens in each world from one reset to the next: the object, where it stands, and how the wrist moves."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from envs.conventions import CONTROL_DT
from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array
from envs.rows import join_rows
from envs.task.settings import TaskSettings
from envs.task.targets import GraspTargets
from envs.wrist.movement import AUTOMATIC, KINDS, NO_GRASP_KINDS
from envs.wrist.patterns import WristPatterns

START_DECIMALS = 6
"""Digits after the point by which an episode's start names it, metres and parts of a unit quaternion."""

MAX_SHIFT = 0.5
"""Metres by which object and wrist are moved together along x and y (GraspGF App. A.1)."""


@dataclass(frozen=True)
class Episodes:
    """E sampled episodes of at most T control steps.

    Where the user lifts, he does so within the episode, and some come down and try again when the first lift failed;
    elsewhere the environment lifts after the last step. Columns from ``num_steps`` to ``kind`` are those of
    `envs.wrist.movement.WristMovements`, and all are hidden from policies.

    Attributes:
        hand: the hand that grasps.
        grasp_row: row of the grasp in the targets (E,).
        grasp_objects: the objects (E).
        object_index: which object each has (E,): its row in ``clouds``; equal index, equal object.
        object_pose_w: objects at the start (E, 7).
        wrist_pose_w: wrist poses (E, T + 1, 7); index 0 is the start, after the end the last one is repeated.
        goal_joint_pos: joints of the grasp (E, J), rad; hidden from policies.
        other_joint_pos: joints of another grasp of the object (E, J), rad, of the same where it has one alone: what PPO
            (Goal) is told and paid for (GraspGF App. C). They follow from the episode's key.
        num_steps: control steps to the end of the first lift, or of the movement (E,), at most T.
        arrival_step: step from which the wrist rests at the grasp (E,); num_steps where it never does.
        lift_step: step in which the wrist begins to rise (E,); AUTOMATIC where the environment lifts after the last
            step, num_steps where nobody lifts.
        retry_lift_step: the same of the second try (E,), num_steps where there is none.
        retry_steps: control steps to the end of the second try (E,), num_steps where there is none.
        kind: what the wrist is up to (E,), index into `envs.wrist.movement.KINDS`.
        clouds: clouds of all objects that such episodes are made of; None when they are not known beforehand.
    """

    hand: Hand
    grasp_row: NDArray[np.int64]
    grasp_objects: list[GraspObject]
    object_index: NDArray[np.int64]
    object_pose_w: Array
    wrist_pose_w: Array
    goal_joint_pos: Array
    other_joint_pos: Array
    num_steps: NDArray[np.int64]
    arrival_step: NDArray[np.int64]
    lift_step: NDArray[np.int64]
    retry_lift_step: NDArray[np.int64]
    retry_steps: NDArray[np.int64]
    kind: NDArray[np.int64]
    clouds: ObjectClouds | None = None

    def __len__(self) -> int:
        return len(self.grasp_row)

    @property
    def objects(self) -> KnownObjects | None:
        """The objects, as their clouds know them."""
        return None if self.clouds is None else KnownObjects(self.clouds, torch.as_tensor(self.object_index))

    @property
    def max_steps(self) -> int:
        """T."""
        return self.wrist_pose_w.shape[1] - 1

    @property
    def is_grasp(self) -> NDArray[np.bool_]:
        """Whether the wrist comes to grasp at all (E,)."""
        return ~np.isin(self.kind, [KINDS.index(name) for name in NO_GRASP_KINDS])

    @property
    def grasp_step(self) -> NDArray[np.int64]:
        """Step by which the fingers have to be closed (E,): the lift begins, or the movement ends."""
        return np.where(self.lift_step == AUTOMATIC, self.num_steps, self.lift_step)

    @property
    def goal_pose_w(self) -> Array:
        """Wrist poses at the grasp (E, 7); at the end of the movement where there is none."""
        return self.wrist_pose_w[np.arange(len(self)), self.grasp_step]

    @property
    def keys(self) -> NDArray[np.int64]:
        """Numbers that name the episodes wherever they run (E,), by where the wrist starts, which a policy sees."""
        return _keys(self.wrist_pose_w)


def join_episodes(parts: Sequence[Episodes]) -> Episodes:
    """The episodes of all parts, one part after the other; wrists of the shorter ones rest at their grasp.

    Clouds are known where they are those of one set of objects.
    """
    steps = max(part.max_steps for part in parts)

    def padded(part: Episodes) -> Episodes:
        rest = ((0, 0), (0, steps - part.max_steps), (0, 0))
        return replace(part, wrist_pose_w=np.pad(part.wrist_pose_w, rest, mode="edge"))

    joined = join_rows([padded(part) for part in parts])
    is_one = all(part.clouds is joined.clouds for part in parts)
    return joined if is_one else replace(joined, clouds=None)


class EpisodeSource(Protocol):
    """Gives one episode after another."""

    def sample(self, count: int) -> Episodes:
        """The next ``count`` episodes."""
        ...


class EpisodeSampler:
    """Draws episodes over all objects alike; a grasp comes again only once all grasps of its object were used.

    Args:
        targets: the grasps.
        patterns: wrist movements to draw from.
        mix: blend two patterns in each episode (training); one alone otherwise (GraspGF App. A.1, A.3).
        seed: decides everything; a number, or several (zeros at their end do not count).
        task: says how the wrists move; the defaults when None.
        period_s: seconds of a control step.
        second_tries: let users try again where a lift failed; for training the first one is all that counts.
    """

    def __init__(
        self,
        targets: GraspTargets,
        patterns: WristPatterns,
        *,
        mix: bool,
        seed: int | Sequence[int],
        task: TaskSettings | None = None,
        period_s: float = CONTROL_DT,
        second_tries: bool = True,
    ) -> None:
        self.targets = targets
        self.patterns = patterns
        self.mix = mix
        self._movement = (task or TaskSettings()).wrist
        self._period_s = period_s
        self._second_tries = second_tries
        self._rng = np.random.default_rng(seed)
        order = np.argsort(targets.object_index, kind="stable")
        present, first = np.unique(targets.object_index[order], return_index=True)
        self._present = present
        self._grasps_of = np.split(order, first[1:])
        self._queues: list[list[int]] = [[] for _ in present]

    def sample(self, count: int) -> Episodes:
        """The next ``count`` episodes."""
        chosen = self._rng.integers(len(self._present), size=count)
        return self.of_rows(np.array([self._next_grasp(int(index)) for index in chosen]))

    def of_rows(self, rows: NDArray[np.int64]) -> Episodes:
        """Episodes of the given grasps (E,), with wrist movements and shifts drawn anew."""
        targets = self.targets
        moved = self._movement.sample(
            targets.hand,
            targets.wrist_pose_w[rows],
            targets.fingertip_centre_w[rows],
            targets.other_wrist_pose_w(rows),
            period_s=self._period_s,
            patterns=self.patterns,
            mix=self.mix,
            rng=self._rng,
        )
        if not self._second_tries:
            moved = replace(moved, retry_lift_step=moved.num_steps, retry_steps=moved.num_steps)
        shift = self._rng.uniform(-MAX_SHIFT, MAX_SHIFT, size=(len(rows), 2))
        object_pose_w = targets.object_pose_w[rows].copy()
        object_pose_w[:, :2] += shift
        wrist_pose_w = moved.pose_w[:, : int(moved.retry_steps.max()) + 1].copy()
        wrist_pose_w[:, :, :2] += shift[:, None]
        index = targets.object_index[rows]
        return Episodes(
            hand=targets.hand,
            grasp_row=rows,
            grasp_objects=[targets.grasp_objects[i] for i in index],
            object_index=index,
            object_pose_w=object_pose_w,
            wrist_pose_w=wrist_pose_w,
            goal_joint_pos=targets.joint_pos[rows],
            other_joint_pos=targets.other_joint_pos(rows, _keys(wrist_pose_w)),
            num_steps=moved.num_steps,
            arrival_step=moved.arrival_step,
            lift_step=moved.lift_step,
            retry_lift_step=moved.retry_lift_step,
            retry_steps=moved.retry_steps,
            kind=moved.kind,
            clouds=targets.clouds,
        )

    def _next_grasp(self, index: int) -> int:
        queue = self._queues[index]
        if not queue:
            queue.extend(self._rng.permutation(self._grasps_of[index]).tolist())
        return queue.pop()

    def state_dict(self) -> dict[str, Any]:
        """Generator and queues as plain data."""
        return {"generator": _words(self._rng.bit_generator.state), "queues": [list(queue) for queue in self._queues]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the sampler stood that gave ``state``.

        Raises:
            ValueError: the state is of another set of objects.
        """
        if len(state["queues"]) != len(self._queues):
            raise ValueError(
                f"the saved episode sampler knows {len(state['queues'])} objects, this one {len(self._queues)}; resume "
                "with the grasp set that the run was started with"
            )
        self._queues = [list(queue) for queue in state["queues"]]
        self._rng.bit_generator.state = _unwords(state["generator"])


def _keys(wrist_pose_w: Array) -> NDArray[np.int64]:
    """Numbers (E,) that follow from where the wrists (E, T + 1, 7) start, to a micrometre.

    The last bits of a pose depend on the processor; what follows from an episode's key does not.
    """
    starts = np.round(wrist_pose_w[:, 0], START_DECIMALS) + 0.0  # without a sign of zero
    return np.array([zlib.crc32(start.tobytes()) for start in starts], dtype=np.int64)


def _words(state: Mapping[str, Any]) -> dict[str, Any]:
    """A PCG64 state with its 128-bit integers as text: checkpoints hold plain numbers of at most 64 bits."""
    inner = {key: str(value) for key, value in state["state"].items()}
    return {**{key: value for key, value in state.items() if key != "state"}, "state": inner}


def _unwords(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "state": {key: int(value) for key, value in state["state"].items()}}
