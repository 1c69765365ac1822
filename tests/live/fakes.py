"""A hand of three joints with one coupled one, and policies that do what they are told."""

import numpy as np

from envs.hand.hand import Hand
from live.controller import AssistController, JointTargets
from live.hand_facts import HandFacts
from live.inputs import ObjectPose
from live.policies import LiveObservation, PolicyParts
from live.ports import Reading
from live.poses import Array
from live.settings import ControllerSettings
from live.states import State

PERIOD = 0.025
WRIST: Array = np.array([0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0])
THING: Array = np.array([0.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0])
BALL: Array = 0.03 * (lambda points: points / np.linalg.norm(points, axis=1, keepdims=True))(
    np.random.default_rng(0).normal(size=(300, 3))
)
OPEN: Array = np.array([0.0, 0.1, 0.2])

FACTS = HandFacts(
    name="fake",
    joints=("a", "b", "c"),
    low=np.array([-0.2, 0.0, 0.0]),
    high=np.array([0.2, 1.5, 1.5]),
    open_pose=OPEN,
    closing=np.array([0.0, 1.0, 1.0]),
    parents=(1,),
    ratio=np.array([0.8]),
    offset=np.array([0.0]),
    grasp_centre_h=np.array([0.0, 0.0, -0.05]),
    stiffness=10.0,
    period_s=PERIOD,
    max_step=0.05,
    max_gap=0.3,
    past_s=(0.8, 0.6, 0.4, 0.2),
    grouping=((16, 0.02, 8), (4, 0.05, 8)),
)


class FakePolicy:
    """Always the same action; remembers what it saw."""

    def __init__(self, action: float = 1.0) -> None:
        self.facts = FACTS
        self.action = np.full(3, action)
        self.share = 1.0
        self.seen: list[LiveObservation] = []

    def start(self) -> None:
        self.seen.clear()

    def act(self, observation: LiveObservation) -> PolicyParts:
        self.seen.append(observation)
        return PolicyParts(self.action, np.zeros(3), np.full(3, self.share), np.zeros(3))


class Bench:
    """A controller with an ideal hand: joints go where they are told, unless something stops them at ``stop``, or
    at ``least`` as they open.

    The object stays where it is, or hangs on the hand from where it is when ``hangs`` is set; its pose is told while
    ``tells`` is.
    """

    def __init__(self, action: float = 1.0, settings: ControllerSettings | None = None) -> None:
        self.policy = FakePolicy(action)
        self.controller = AssistController(self.policy, settings)
        self.controller.know_object(BALL)
        self.joints = OPEN.copy()
        self.wrist = WRIST.copy()
        self.stop: float | Array = np.inf
        self.least: float | Array = -np.inf
        self.hangs, self.tells = False, True
        self.thing = THING.copy()
        self.time = 0.0

    def state(self) -> State:
        return self.controller.state

    def run(self, seconds: float, rise: float = 0.0, sees_wrist: bool = True, aside: float = 0.0) -> Array:
        """The targets after so many seconds with a wrist that rises, and goes aside, at m/s."""
        for _ in range(round(seconds / PERIOD)):
            self.time += PERIOD
            way = np.array([aside * PERIOD, 0.0, rise * PERIOD, 0, 0, 0, 0])
            self.wrist, self.thing = self.wrist + way, self.thing + self.hangs * way
            scene = ObjectPose(self.thing) if self.tells else None
            targets = self.controller.update(self.time, self.wrist if sees_wrist else None, self.joints, scene)
            self.last = targets
            self.joints = np.clip(targets.joint_pos, self.least, self.stop)
        return self.last.joint_pos


def facts_of(hand: Hand) -> HandFacts:
    """A real hand for policies without networks."""
    return HandFacts(
        name=hand.name,
        joints=tuple(hand.joints),
        low=np.array(hand.limits.low),
        high=np.array(hand.limits.high),
        open_pose=hand.open_pose.copy(),
        closing=np.array(hand.closing),
        parents=tuple(hand.parent_columns),
        ratio=np.array(hand.coupled.ratio),
        offset=np.array(hand.coupled.offset),
        grasp_centre_h=np.array(hand.grasp_centre_h),
        stiffness=hand.gains.position,
        period_s=PERIOD,
        max_step=0.05,
        max_gap=0.3,
        past_s=(0.8, 0.6, 0.4, 0.2),
        grouping=((16, 0.04, 8), (4, 0.1, 8)),
    )


class ToldControl:
    """Knows the joints of the grasp and closes to them, a little further, once the object is within ``near`` metres."""

    def __init__(self, hand: Hand, goal: Array, near: float = 0.07) -> None:
        self.facts, self._goal, self._near = facts_of(hand), goal + 0.15 * np.array(hand.closing), near

    def start(self) -> None:
        """Nothing to forget."""

    def act(self, observation: LiveObservation) -> PolicyParts:
        away = np.linalg.norm(observation.points_h - self.facts.grasp_centre_h, axis=1).min()
        step = (self._goal - observation.command) / self.facts.max_step
        action = np.clip(step, -1.0, 1.0) if away < self._near else np.zeros(len(step))
        return PolicyParts(action, action, np.ones(len(step)), np.zeros(len(step)))


class Script:
    """A source that gives what it was told, and a sink that remembers."""

    def __init__(self) -> None:
        self.waiting: list[Reading] = []
        self.sent: list[JointTargets] = []

    def read(self) -> list[Reading]:
        found, self.waiting = self.waiting, []
        return found

    def send(self, targets: JointTargets) -> None:
        self.sent.append(targets)
