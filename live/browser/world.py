"""A visitor's world: physics, controller, the wrist that he moves, and what comes of it; nothing of the browser."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsState
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.rewards import following
from live.browser.assistants import Assistants
from live.browser.disturbances import LateNoisySource
from live.browser.look import Look, Looker
from live.browser.recordings import Recording
from live.browser.tries import Tries
from live.browser.ways import Way
from live.browser.wrist import WristMover
from live.controller import AssistController, JointTargets
from live.log import ControllerLog, Step
from live.mujoco_hand import MujocoHand
from live.policies import ControlPolicy
from live.ports import pump, readings_at_rest
from live.poses import Array
from live.refusals import Refused, refused_by
from live.settings import ControllerSettings, WithLevel

CURVE_STEPS = 240
"""Control steps that the curves keep: 6 s."""

START: Array = np.array([0.02, -0.14, 0.26, 0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])
"""Where the wrist is at first when there is no way to follow: behind and above the object, the palm down."""


MAX_RECORDED = 4800
"""Control steps that a recording keeps, the first ones: two minutes, some 25 MB."""


class SwitchedLog(ControllerLog):
    """A log that keeps steps only while it is on and not full: without its beginning none could be replayed."""

    def __init__(self) -> None:
        super().__init__(MAX_RECORDED)
        self.is_on = False

    def restart(self) -> None:
        """Forget what is there, and keep what comes."""
        self._steps.clear()
        self.is_on = True

    @property
    def is_full(self) -> bool:
        """Whether it keeps no more steps."""
        return len(self) == self._steps.maxlen

    def add(self, step: Step) -> None:
        """One step more, if it is on and has room."""
        if self.is_on and not self.is_full:
            super().add(step)


@dataclass(frozen=True)
class Curves:
    """The last control steps (T,): time in s, a_s and r_sim."""

    time_s: Array
    a_s: Array
    r_sim: Array


class World(WithLevel):
    """One world; all its methods belong to one thread.

    Args:
        hand: the hand.
        policy: moves the fingers; not shared with other worlds.
        factory: makes the physics; what it keeps of objects is shared.
        seed: of noise.

    Attributes:
        assistants: who moves the fingers.
        latency_s, noise_m: of the tracker (`LateNoisySource`).
        tries: what came of the tries.
        wrist: where the wrist goes.
        log: what is recorded.
        targets: the controller's last answer; None before the first step.
        thing, way: the object that was placed last, and the way to follow, if there is one.
        period_s: seconds of a control step.
    """

    def __init__(self, hand: Hand, policy: ControlPolicy, factory: MujocoCpu, seed: int = 0) -> None:
        self.hand, self._factory, self._rng = hand, factory, np.random.default_rng(seed)
        self.assistants = Assistants(policy, hand)
        self.latency_s, self.noise_m = 0.0, 0.0
        self.tries, self.log = Tries(hand), SwitchedLog()
        self.period_s = policy.facts.period_s
        self.wrist = WristMover(hand, START, self.period_s)
        self.way: Way | None = None
        self.targets: JointTargets | None = None
        self._controller: AssistController | None = None
        self._curve: deque[tuple[float, float, float]] = deque(maxlen=CURVE_STEPS)

    def place(self, thing: GraspObject, way: Way | None) -> None:
        """Begin anew with an object, at the beginning of a way to follow, or as it stands most often when None.

        Raises:
            ValueError: an object that cannot be simulated; what was there before stays.
        """
        object_w = _likely_rest(thing) if way is None else way.object_pose_w
        start_w = START if way is None else way.wrist_pose_w[0]
        model = self._factory.cache(self.hand).get(thing)
        placed = MujocoHand(self.hand, thing, object_w, start_w, factory=self._factory)
        controller = AssistController(self.assistants, ControllerSettings(level=self.level), self.log)
        controller.know_object(thing.cloud, is_ordered=True)
        for reading in readings_at_rest(placed.time_s, placed.read()[0].joint_pos):
            controller.update(reading.time_s, joint_pos=reading.joint_pos)
        self.close()
        self.thing, self.way, self._placed = thing, way, placed
        self.log.object_name, self.log.object_start_w = thing.name, object_w
        self._looker = Looker(self.hand, model)
        self.wrist.jump(start_w)
        self._source = LateNoisySource(placed, self._rng)
        self._controller = controller
        self.assistants.start()
        self.tries.begin()
        self._curve.clear()

    def reset(self) -> None:
        """The same once more."""
        self.place(self.thing, self.way)

    def record(self) -> None:
        """Begin anew, and keep what comes: so a recording tells where the object stood."""
        self.reset()
        self.log.restart()

    def replay(self, recording: Recording, thing: GraspObject) -> None:
        """Begin anew with an object, and let the wrist go as it was recorded, which becomes the way to follow.

        Raises:
            ValueError: the recording puts the object elsewhere than onto the table; what was there before stays.
        """
        stands_w = self.log.object_start_w if thing is self.thing else None
        way = recording.past(thing, _likely_rest(thing) if stands_w is None else stands_w)
        self.place(thing, way)
        self.wrist.play(way.wrist_pose_w)

    def refused(self) -> dict[str, Refused]:
        """What the controller refused since the object was placed."""
        return {} if self._controller is None else refused_by(self._controller.inputs)

    def release(self) -> None:
        """The visitor's button: open the hand."""
        if self._controller is not None:
            self._controller.release()

    def follow(self) -> None:
        """Begin anew and let the wrist go its way by itself; without a way nothing happens."""
        if self.way is not None:
            self.reset()
            self.wrist.play(self.way.wrist_pose_w)

    def close(self) -> None:
        """End what runs beside."""
        if self._controller is not None:
            self._controller.close()

    def step(self) -> PhysicsState:
        """One control step; the state after it.

        Raises:
            RuntimeError: nothing was placed yet.
        """
        controller = self._controller
        if controller is None:
            raise RuntimeError("the world is empty; place an object first")
        placed = self._placed
        controller.level, self._source.latency_s, self._source.noise_m = self.level, self.latency_s, self.noise_m
        before = placed.physics.state().joint_pos
        self.assistants.last = None
        placed.move_wrist(self.wrist.step())
        self.targets = pump(controller, [self._source], [placed], placed.time_s)
        state = placed.physics.state()
        self._note(placed.time_s, state.joint_pos - before)
        self.tries.step(state, placed.physics.contact_links(), placed.physics.table_links())
        if state.is_diverged[0]:
            self.reset()
        return state

    def look(self, state: PhysicsState) -> Look:
        """What is drawn of a state."""
        return self._looker.at(state)

    def field_arrows(self, state: PhysicsState, scale: float = 4.0) -> Array:
        """From each fingertip, ``scale`` times the way of a control step along a_p: starts and ends (F, 2, 3), m."""
        done, joints = self.assistants.last, state.joint_pos[0]
        step = np.zeros_like(joints) if done is None else self.assistants.facts.max_step * done.a_p
        tips_w = self._looker.tips(state, joints)
        return np.stack([tips_w, tips_w + scale * (self._looker.tips(state, joints + step) - tips_w)], axis=1)

    def curves(self) -> Curves:
        """a_s (mean over the joints) and r_sim (GraspGF eq. 11) of the last steps."""
        rows = np.array(self._curve, dtype=float).reshape(-1, 3)
        return Curves(rows[:, 0], rows[:, 1], rows[:, 2])

    def _note(self, time_s: float, joint_change: Array) -> None:
        done = self.assistants.last
        if done is None:
            self._curve.append((time_s, 0.0, 0.0))
            return
        a_p = torch.as_tensor(done.a_p)[None]
        self._curve.append((time_s, float(done.a_s.mean()), float(following(a_p, torch.as_tensor(joint_change))[0])))


def _likely_rest(thing: GraspObject) -> Array:
    """The pose (7,) in which an object stands most often."""
    return np.asarray(thing.rest_poses[int(thing.rest_probabilities.argmax())])
