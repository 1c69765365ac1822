"""What happens in one episode, step by step, while it is run: a policy and a simulator that are watched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.policy import FingerPolicy, ToldPolicy, hidden_groups
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array, PhysicsBackend, PhysicsFactory, to_host
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from envs.trials.lift import CLOSE_STEPS
from envs.wrist.movement import AUTOMATIC
from lightning_modules.policy.finger_policies import LearntPolicy, PrimitivePolicy, TriggeredPrimitive


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode of T steps, the environment's lift included, in the first S of which a policy acted.

    Attributes:
        hand: the hand.
        grasp_object: the object.
        period_s: seconds of a step.
        joint_pos: actuated joints at the start and after each step (T + 1, J), rad.
        command: what they were told for it (T + 1, J), rad; at the start the joints.
        wrist_pose_w: (T + 1, 7).
        object_pose_w: (T + 1, 7).
        start_pose_w: where the object was put, from which its movement counts (T + 1, 7).
        touches: links that touch the object (T + 1, L) bool.
        on_table: links that touch the table (T + 1, L) bool.
        actions: of the policy by name, as far as it has them: a, a_p, a_s, a_r (S, J).
        arrival: step from which the wrist rests at the grasp; None where it never does.
        lift: step from which the wrist rises; None where nobody lifts.
        end: step at which the lift is judged, or the episode ends.
        is_by_user: the user lifts, not the environment.
    """

    hand: Hand
    grasp_object: GraspObject
    period_s: float
    joint_pos: Array
    command: Array
    wrist_pose_w: Array
    object_pose_w: Array
    start_pose_w: Array
    touches: NDArray[np.bool_]
    on_table: NDArray[np.bool_]
    actions: dict[str, Array]
    arrival: int | None
    lift: int | None
    end: int
    is_by_user: bool

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.joint_pos) - 1

    @property
    def before(self) -> int:
        """The last step before the lift, or of the episode: what was touched until then decides the cause."""
        if self.lift is None:
            return self.end
        return self.lift if self.is_by_user else self.lift - CLOSE_STEPS


@dataclass
class WorldWatch:
    """What one world of a batch goes through; filled by `WatchedPhysics` and `WatchedPolicy`.

    Attributes:
        world: which one.
    """

    world: int
    columns: dict[str, list[Array]] = field(default_factory=dict)
    actions: dict[str, list[Array]] = field(default_factory=dict)

    def add(self, columns: dict[str, list[Array]], **values: Any) -> None:
        """Append a copy of the world's row of each of the values (E, ...)."""
        for name, value in values.items():
            columns.setdefault(name, []).append(np.array(to_host(value)[self.world]))

    def record(self, episodes: Episodes, period_s: float) -> EpisodeRecord:
        """What was noted of the episode in the world, one of these."""
        world = self.world
        steps, lift_step, is_grasp = (
            int(getattr(episodes, name)[world]) for name in ("num_steps", "lift_step", "is_grasp")
        )
        columns: dict[str, Any] = {name: np.stack(values) for name, values in self.columns.items()}
        is_by_user = lift_step != AUTOMATIC
        taken = len(columns["joint_pos"]) - 1
        acted = taken if is_by_user else min(steps, taken)  # others of the batch may go on for longer
        return EpisodeRecord(
            hand=episodes.hand,
            grasp_object=episodes.grasp_objects[world],
            period_s=period_s,
            actions={name: np.stack(values)[:acted] for name, values in self.actions.items()},
            arrival=min(int(episodes.arrival_step[world]), taken) if is_grasp else None,
            lift=min(lift_step if is_by_user else steps + CLOSE_STEPS, taken) if is_grasp else None,
            end=min(steps, taken) if is_by_user else taken,
            is_by_user=is_by_user,
            **columns,
        )


class WatchedPhysics:
    """Worlds of any backend, one of which is watched; otherwise they are what they are (`PhysicsBackend`).

    Args:
        backend: the worlds.
        watch: is told.
    """

    def __init__(self, backend: PhysicsBackend, watch: WorldWatch) -> None:
        self._backend = backend
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def reset(self, objects: Sequence[GraspObject], object_pose_w: Any, *poses: Any, worlds: Any = None) -> None:
        """See `PhysicsBackend.reset`; where a running episode puts its object elsewhere, it counts from there."""
        self._backend.reset(objects, object_pose_w, *poses, worlds=worlds)
        rows = np.arange(len(objects)) if worlds is None else to_host(worlds)
        own = to_host(object_pose_w)[rows == self._watch.world]
        if len(own) and not self._watch.columns:
            self._start_pose_w, self._shift_w = own[0].copy(), np.zeros(7)
            self._command = self._backend.state().joint_pos
            self._note()
        elif len(own):
            self._shift_w[:2] = (own[0] - self._watch.columns["object_pose_w"][-1])[:2]

    def set_joint_targets(self, joint_target: Any) -> None:
        """See `PhysicsBackend.set_joint_targets`."""
        self._backend.set_joint_targets(joint_target)
        self._command = joint_target

    def step(self, active: Any = None) -> None:
        """See `PhysicsBackend.step`."""
        self._backend.step(active)
        if active is None or bool(active[self._watch.world]):
            self._note()

    def _note(self) -> None:
        state = self._backend.state().host()
        self._watch.add(
            self._watch.columns,
            joint_pos=state.joint_pos,
            command=self._command,
            wrist_pose_w=state.wrist_pose_w,
            object_pose_w=state.object_pose_w,
            start_pose_w=np.broadcast_to(self._start_pose_w + self._shift_w, state.object_pose_w.shape),
            touches=to_host(self._backend.contact_links()),
            on_table=to_host(self._backend.table_links()),
        )


@dataclass(frozen=True)
class WatchedFactory:
    """Makes worlds of which one is watched; as a `PhysicsFactory`.

    Attributes:
        factory: makes them.
        watch: is told.
    """

    factory: PhysicsFactory
    watch: WorldWatch

    @property
    def settings(self) -> Any:
        """See `PhysicsFactory.settings`."""
        return self.factory.settings

    def make(self, hand: Hand, num_worlds: int, *, num_threads: int | None = None) -> PhysicsBackend:
        """See `PhysicsFactory.make`."""
        backend = self.factory.make(hand, num_worlds, num_threads=num_threads)
        return cast(PhysicsBackend, WatchedPhysics(backend, self.watch))

    def prepare(self, hand: Hand, objects: Iterable[GraspObject]) -> None:
        """See `PhysicsFactory.prepare`."""
        self.factory.prepare(hand, objects)

    def memory_need(self, hand: Hand, example: GraspObject, num_objects: int) -> Any:
        """See `PhysicsFactory.memory_need`."""
        return self.factory.memory_need(hand, example, num_objects)


class WatchedPolicy:
    """A policy whose actions in one world are noted, with what they are made of.

    Args:
        policy: acts.
        watch: is told.
    """

    def __init__(self, policy: FingerPolicy, watch: WorldWatch) -> None:
        self._policy = policy
        self._watch = watch
        self.hidden_groups = hidden_groups(policy)

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        if isinstance(self._policy, ToldPolicy):
            self._policy.tell(episodes)

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._policy.start(num_worlds)

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        if isinstance(self._policy, LearntPolicy):
            parts = self._policy.parts(observation)
            action = parts.action.double().cpu().numpy()
            made_of = {name: getattr(parts, name) for name in ("a_p", "a_s", "a_r")}
        else:
            action = self._policy.act(observation, step)
            is_primitive = isinstance(self._policy, PrimitivePolicy | TriggeredPrimitive)
            made_of = {"a_p": action} if is_primitive else {}
        present = {name: value for name, value in made_of.items() if value is not None}
        self._watch.add(self._watch.actions, a=action, **present)
        return action
