"""What follows a lift in the paper's real experiment (GraspGF App. D.2): lift on, carry to a box, open.

Once the controller holds, the arm is no longer the user's: it goes straight up, over the box, and the hand opens there.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from envs.wrist.strokes import minimum_jerk
from live.poses import Array, rotation_matrix
from live.states import State


class Phase(StrEnum):
    """User: he moves the wrist. Lift, carry: the arm goes by itself. Open: over the box. Done: the hand is open."""

    USER = "user"
    LIFT = "lift"
    CARRY = "carry"
    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True)
class CarrySettings:
    """Where to, and how fast.

    Attributes:
        box_w: middle of the box (2,), m, world: over it the grasp centre stands when the hand opens.
        height: that the wrist is lifted by, m.
        speed: mean one of lift and way, m/s.
        rest_s: that the arm rests over the box before the hand opens.
        open_s: seconds after which the hand counts as open.

    Raises:
        ValueError: a height, speed or time that is not above 0.
    """

    box_w: tuple[float, float] = (0.45, 0.0)
    height: float = 0.25
    speed: float = 0.25
    rest_s: float = 0.4
    open_s: float = 1.2

    def __post_init__(self) -> None:
        for name in ("height", "speed", "rest_s", "open_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} of the carrying is {getattr(self, name)}; expected a number above 0")


class Carry:
    """Takes the arm over from the user when the controller holds.

        carry = Carry(facts.grasp_centre_h)
        arm.go_to(carry.step(time_s, answer.state, users_pose_w, arm_pose_w))
        if carry.wants_release:
            ...  # to the controller, as a press of the button

    Args:
        grasp_centre_h: where held objects tend to be in the hand (3,), m.
        settings: where to, and how fast.

    Attributes:
        phase: what the arm does now.
        wants_release: the hand has to open, told once.
    """

    def __init__(self, grasp_centre_h: Array, settings: CarrySettings | None = None) -> None:
        self._centre_h, self._settings = grasp_centre_h, settings or CarrySettings()
        self.phase = Phase.USER
        self.wants_release = False
        self._began_s = 0.0
        self._from_w = self._to_w = np.zeros(7)
        self._takes_s = 0.0

    def step(self, time_s: float, state: State | str, user_pose_w: Array, arm_pose_w: Array) -> Array:
        """The pose (7,) that the arm is to go to now.

        Args:
            time_s: now.
            state: of the controller.
            user_pose_w: where the user wants the hand base (7,).
            arm_pose_w: where the arm has it (7,).
        """
        self.wants_release = False
        if self.phase is Phase.USER:
            if state != State.HOLDING:
                return user_pose_w
            up_w = arm_pose_w.copy()
            up_w[2] += self._settings.height
            self._begin(Phase.LIFT, time_s, arm_pose_w, up_w)
        share = (time_s - self._began_s) / self._takes_s
        if share >= 1.0:
            self._next(time_s)
            share = (time_s - self._began_s) / self._takes_s
        return self._from_w + minimum_jerk(np.array(share)) * (self._to_w - self._from_w)

    def _begin(self, phase: Phase, time_s: float, from_w: Array, to_w: Array, takes_s: float | None = None) -> None:
        way = float(np.linalg.norm(to_w[:3] - from_w[:3]))
        self.phase, self._began_s = phase, time_s
        self._from_w, self._to_w = from_w.copy(), to_w.copy()
        self._takes_s = max(way / self._settings.speed, 1e-3) if takes_s is None else takes_s

    def _next(self, time_s: float) -> None:
        here_w, settings = self._to_w, self._settings
        if self.phase is Phase.LIFT:
            over_w = here_w.copy()
            over_w[:2] = np.array(settings.box_w) - (rotation_matrix(here_w[3:]) @ self._centre_h)[:2]
            way = float(np.linalg.norm(over_w - here_w))
            self._begin(Phase.CARRY, time_s, here_w, over_w, way / settings.speed + settings.rest_s)
        elif self.phase is Phase.CARRY:
            self.wants_release = True
            self._begin(Phase.OPEN, time_s, here_w, here_w, settings.open_s)
        else:
            self._begin(Phase.DONE, time_s, here_w, here_w, settings.open_s)
