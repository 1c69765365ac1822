"""Limits and thresholds of the controller."""

import math
from dataclasses import dataclass, field, fields

import numpy as np

from live.clouds import Workspace
from live.tracks import PoseLimits


def checked_level(level: float) -> float:
    """An assist level that is one.

    Raises:
        ValueError: no number in [0, 1]. It is not clipped: NaN has no nearest level, and 100 may be meant as per cent.
    """
    if not (isinstance(level, int | float | np.number) and 0.0 <= level <= 1.0):  # NaN is not, either
        raise ValueError(f"level is {level}; an assist level lies in [0, 1]")
    return float(level)


class WithLevel:
    """What has an assist level."""

    _level = 1.0

    @property
    def level(self) -> float:
        """Assist level in [0, 1], may be set at any time.

        Raises:
            ValueError: set to anything else; the one before stays.
        """
        return self._level

    @level.setter
    def level(self, level: float) -> None:
        self._level = checked_level(level)


@dataclass(frozen=True)
class ControllerSettings:
    """Constants of a controller.

    Attributes:
        level: share of the policy's steps that is done, in [0, 1]; 0 leaves the fingers to themselves.
        max_speed: of a joint target, rad/s; a policy moves at most 2.
        max_torque: N m that a joint may press with, of its stiffness; as far as the hand allows when None.
        lost_s: seconds after which a wrist, or joints, that were not seen freeze the fingers.
        max_age_s: seconds after which an object that was not seen, or whose pose was not told, moves no fingers any
            more; a hand that holds keeps its grip anyway. Infinity: one that is told once stays where it is.
        resume_s: seconds over which they come back to full speed.
        max_ahead_s, max_late_s: times that lie farther from the last one are refused until they repeat.
        near, far: m from the grasp centre to the object at which the fingers wake up, and go back to open.
        dwell_s: seconds for which it has to be so.
        press: rad by which a joint lags behind when it presses on something.
        press_s, press_moves: seconds for which it does so, and rad that it moves meanwhile at most: a joint that is
            only on its way lags, too.
        num_press: joints that press in a hand that holds.
        rise: m by which the wrist has risen with contact before the hand holds.
        sure_rise: m after which closed fingers hold without contact, too: what is thin, or hangs on them, presses on no
            joint.
        closed, closed_share: rad by which fingers were closed before, on average, and the least a_s that the policy
            wanted then: a hand that waits for an object is closed a little, too. Of a policy without a_s it is 1.
        set_down: m above or below the place of the grasp within which a wrist that rests sets down.
        rest_speed: m/s below which it rests.
        set_down_s: seconds of rest after which the hand opens by itself; the user's gesture. Infinity: by button alone.
            So long, too, an object that no joint felt has to be told beyond ``far`` before the hand opens.
        open_speed: rad/s of opening.
        leave: m that the wrist has to leave before the fingers assist again.
        workspace: where objects may be.
        wrist, thing: what poses of wrist and object may do.

    Raises:
        ValueError: names the field, what was given and what is allowed.
    """

    level: float = 1.0
    max_speed: float = 2.0
    max_torque: float | None = None
    lost_s: float = 0.15
    max_age_s: float = 3.0
    resume_s: float = 0.25
    max_ahead_s: float = 1.0
    max_late_s: float = 0.5
    near: float = 0.25
    far: float = 0.32
    dwell_s: float = 0.05
    press: float = 0.03
    press_s: float = 0.15
    press_moves: float = 0.02
    num_press: int = 2
    rise: float = 0.03
    sure_rise: float = 0.08
    closed: float = 0.1
    closed_share: float = 0.9
    set_down: float = 0.02
    rest_speed: float = 0.03
    set_down_s: float = 0.8
    open_speed: float = 1.0
    leave: float = 0.08
    workspace: Workspace = field(default_factory=Workspace)
    wrist: PoseLimits = field(default_factory=PoseLimits)
    thing: PoseLimits = field(default_factory=PoseLimits)

    def __post_init__(self) -> None:
        checked_level(self.level)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "level" or not isinstance(value, int | float):
                continue
            if math.isnan(value) or value <= 0:
                raise ValueError(f"{item.name} is {value}; expected a number above 0")
            if math.isinf(value) and item.name in {"max_speed", "open_speed"}:  # times no time it is no number
                raise ValueError(f"{item.name} is {value}; expected a finite number of rad/s")
        if self.sure_rise < self.rise:
            raise ValueError(
                f"sure_rise is {self.sure_rise} m and rise {self.rise}; sure_rise has to be at least as much"
            )
        if self.far <= self.near:
            raise ValueError(f"far is {self.far} m and near {self.near}; far has to be more, or the hand would flutter")
