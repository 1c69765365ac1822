"""What the hand is doing, in steps that a user can predict."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from live.poses import Array
from live.settings import ControllerSettings

_BEFORE_S = 0.6
"""Seconds before a rise is noticed in which it may have begun: the longest window of `live.rise`."""


class State(StrEnum):
    """Idle: open. Assist: the policy moves the fingers. Holding: the grip is kept. Release: the hand opens."""

    IDLE = "idle"
    ASSIST = "assist"
    HOLDING = "holding"
    RELEASE = "release"


@dataclass(frozen=True)
class Facts:
    """What the states go by, at one control step.

    Attributes:
        place: of the wrist (3,), m, world.
        speed: of the wrist, m/s.
        distance: from the grasp centre to the object, m; NaN, which is neither near nor far, while none is seen.
        is_told: whether that is where the object is now: its pose is told.
        is_rising: whether the wrist rises.
        is_closed: whether the fingers had closed before that, as the policy wanted.
        num_pressing: joints that press on something.
        is_open: whether the hand is open.
        wants_release: whether the user pressed the button.
    """

    place: Array
    speed: float
    distance: float
    is_told: bool
    is_rising: bool
    num_pressing: int
    is_closed: bool
    is_open: bool
    wants_release: bool


class StateMachine:
    """idle -> assist -> holding -> release -> idle, each by a rule with hysteresis.

    Args:
        settings: the thresholds.
        period_s: seconds between two steps.

    Attributes:
        state: the present one.
    """

    def __init__(self, settings: ControllerSettings, period_s: float) -> None:
        self._settings, self._period_s = settings, period_s
        self.state = State.IDLE
        self._since = 0.0
        self._base: Array | None = None
        self._left: Array | None = None
        self._heights: deque[float] = deque(maxlen=max(1, round(_BEFORE_S / period_s)))  # before the wrist rose, m
        self._is_felt = False
        self._distance = np.inf  # at the base

    def step(self, facts: Facts) -> State:
        """The state of this step."""
        before = self.state
        rules = {
            State.IDLE: self._idle,
            State.ASSIST: self._assist,
            State.HOLDING: self._holding,
            State.RELEASE: self._release,
        }
        after = rules[before](facts)
        if after is not before:
            self.state, self._since = after, 0.0
            if after is State.ASSIST:
                self._base = None
                self._heights.clear()
        return self.state

    def move(self, by: Array) -> None:
        """The wrist was found elsewhere, off by (3,), m: what happened before happened there, too."""
        self._base = None if self._base is None else self._base + by
        self._left = None if self._left is None else self._left + by
        self._heights.extend([height + by[2] for height in self._heights])  # as many as there were, in their place

    def _for(self, holds: bool, seconds: float) -> bool:
        self._since = self._since + self._period_s if holds else 0.0
        return holds and self._since >= seconds

    def _idle(self, facts: Facts) -> State:
        if self._left is not None and np.linalg.norm(facts.place - self._left) >= self._settings.leave:
            self._left = None
        is_near = self._left is None and facts.distance < self._settings.near
        return State.ASSIST if self._for(is_near, self._settings.dwell_s) else State.IDLE

    def _assist(self, facts: Facts) -> State:
        settings = self._settings
        if facts.wants_release:
            return self._let_go(facts)
        if not facts.is_rising:
            self._base, self._distance = facts.place, facts.distance
            self._heights.append(float(facts.place[2]))
        self._is_felt = facts.num_pressing >= settings.num_press
        risen = 0.0 if self._base is None else facts.place[2] - self._base[2]
        is_left = facts.is_told and facts.distance - self._distance > 0.5 * risen
        is_sure = facts.is_closed and risen >= settings.sure_rise and not is_left
        if facts.is_rising and (is_sure or (self._is_felt and risen >= settings.rise)):
            return State.HOLDING
        return State.IDLE if self._for(facts.distance > settings.far, settings.dwell_s) else State.ASSIST

    def _holding(self, facts: Facts) -> State:
        settings = self._settings
        self._is_felt |= facts.num_pressing >= settings.num_press
        is_lost = not self._is_felt and facts.is_told and facts.distance > settings.far
        # higher, what is held would fall; lower, it may hang beside a table as well as stand on something
        rests = abs(facts.place[2] - self._stood()) < settings.set_down and facts.speed < settings.rest_speed
        ends = self._for(is_lost or rests, settings.set_down_s)
        if facts.wants_release or (ends and rests):
            return self._let_go(facts)
        return State.IDLE if ends else State.HOLDING

    def _stood(self) -> float:
        """Height of the wrist at the grasp, m: a rise is noticed late, by centimetres where the tracker is noisy."""
        return float(np.quantile(self._heights, 0.25)) if self._heights else np.inf

    def _let_go(self, facts: Facts) -> State:
        self._left, self._base = facts.place, None
        return State.RELEASE

    def _release(self, facts: Facts) -> State:
        return State.IDLE if self._for(facts.is_open, self._settings.dwell_s) else State.RELEASE
