"""The controller: what a wrist, joints and an object were seen to do becomes joint targets."""

import logging
import math
import time
from dataclasses import dataclass

import numpy as np

from live.clouds import PreparedCloud
from live.inputs import LiveInputs
from live.log import ControllerLog, Step
from live.policies import ControlPolicy, LiveObservation, PolicyParts
from live.poses import Array, Points, points_seen_from
from live.press import PressWatch
from live.rise import RiseWatch
from live.settings import ControllerSettings, WithLevel
from live.states import Facts, State, StateMachine

_LOG = logging.getLogger(__name__)

HISTORY_LENGTH = 5
"""As `envs.task.observations.HISTORY_LENGTH`."""

CLOSE_ANGLE = 0.1
"""As `envs.trials.lift.CLOSE_ANGLE`, rad."""

_OPEN_WITHIN = 0.1
"""Rad from the open hand at which it counts as open."""

_STILL = 1e-9
"""Rad that a command has moved in a step, at most, where it stays: rounding."""


@dataclass(frozen=True)
class JointTargets:
    """What the motors are told.

    Attributes:
        time_s: the controller's time.
        joint_pos: targets of the actuated joints (J,), rad: finite, within the limits, no faster than allowed.
        is_ready: whether they may be sent: not before joints were read, three times in a row as good as the same. It
            stays so: joints that are lost later freeze the fingers, until they are read as often again.
        state: what the hand is doing.
        is_frozen: the fingers stay where they are.
        message: why they do; empty otherwise.
    """

    time_s: float
    joint_pos: Array
    is_ready: bool
    state: State
    is_frozen: bool
    message: str


class AssistController(WithLevel):
    """Assists one hand; `update` as often as anything is seen, at least once a control period.

    Targets follow the policy's commands no faster than ``settings.max_speed``, and no farther ahead of the joints than
    ``settings.max_torque`` allows; where `update` comes once a control period they are these commands. No input,
    however wrong, raises here or reaches the joints.

    Args:
        policy: moves the fingers.
        settings: limits and thresholds.
        log: keeps the last control steps; nothing is kept when None.

    Attributes:
        inputs: what was seen; counts what was refused.
    """

    def __init__(
        self, policy: ControlPolicy, settings: ControllerSettings | None = None, log: ControllerLog | None = None
    ) -> None:
        self.settings = settings or ControllerSettings()
        self._policy, self._facts, self._log = policy, policy.facts, log
        if log is not None:
            log.hand = policy.facts.name
        self.inputs = LiveInputs(self._facts, self.settings)
        self.level = self.settings.level
        facts, torque = self._facts, self.settings.max_torque
        self._max_gap = facts.max_gap if torque is None else min(facts.max_gap, torque / facts.stiffness)
        self._states = StateMachine(self.settings, facts.period_s)
        self._rise: RiseWatch | None = None
        limits = self.settings
        looks = max(1, round(limits.press_s / facts.period_s))
        # a joint that presses lags by the gap at most
        self._press = PressWatch(facts.closing, min(limits.press, 0.5 * self._max_gap), limits.press_moves, looks)
        self._command: Array | None = None
        self._goal = self._targets = np.clip(facts.open_pose, facts.low, facts.high)
        self._now = self._next = -np.inf
        self._share = 1.0
        self._message, self._failure, self._wants_release = "no joints read yet", "", False
        self._cloud: PreparedCloud | None = None
        self._moved, self._place = 0, np.zeros(3)
        self._wanted = self._flexion = 0.0  # before the wrist rose: a_s, and how far fingers were closed, rad
        self._nothing = PolicyParts(*(4 * [np.zeros(len(facts.joints))]))

    @property
    def state(self) -> State:
        """What the hand is doing."""
        return self._states.state

    def know_object(self, points_o: Points, *, is_ordered: bool = False) -> None:
        """The object whose poses will come: its cloud (N, 3), m, in its own frame.

        Args:
            points_o: the cloud.
            is_ordered: it is 1024 points in farthest-point order already, as `GraspObject.cloud` is.

        Raises:
            ValueError: another shape, numbers that are not finite, or too few points.
        """
        self.inputs.know(points_o, is_ordered=is_ordered)

    def release(self) -> None:
        """The user's button: let go at the next control step."""
        self._wants_release = True

    def close(self) -> None:
        """Ends what runs beside."""
        self.inputs.close()

    def update(
        self, time_s: float, wrist_pose_w: object = None, joint_pos: object = None, scene: object = None
    ) -> JointTargets:
        """Take what was seen at a time, and say what the motors should do now.

        Args:
            time_s: when it was measured, s, on one clock for all inputs; may come late and out of order.
            wrist_pose_w: hand base (7,), world; None when not seen.
            joint_pos: actuated joints (J,), or with coupled ones (J + C,), rad; None when not read.
            scene: `ObjectPose` of the known object, or `CloudView`; None when not seen.
        """
        if self.inputs.take(time_s, wrist_pose_w, joint_pos, scene):
            self._now = self._next = -np.inf
        now, joints = self.inputs.clock.now, self.inputs.joints
        if now is None or joints.joint_pos is None:
            return JointTargets(now or 0.0, self._targets.copy(), False, self.state, True, self._message)
        if self._command is None:
            self._command = self._goal = self._targets = joints.joint_pos.copy()
        period = self._facts.period_s
        if now >= self._next - 1e-6:
            at = now if now - self._next > period or not np.isfinite(self._next) else self._next
            self._step(at, joints.joint_pos)
            self._next = at + period
        elapsed = min(now - self._now, 2.0 * period) if np.isfinite(self._now) else 0.0
        if elapsed > 0.0 or not np.isfinite(self._now):
            self._now = now
        way = self.settings.max_speed * elapsed
        moved = self._targets + np.clip(self._goal - self._targets, -way, way)
        self._targets = np.clip(moved, self._facts.low, self._facts.high)
        return JointTargets(now, self._targets.copy(), True, self.state, bool(self._message), self._message)

    # ---- one control step -------------------------------------------------------------------------------------------

    def _step(self, at: float, joint_pos: Array) -> None:
        began = time.perf_counter()
        done = self._nothing
        self._message = self._why_frozen(at)
        if self._message:
            self._share = 0.0
        else:
            self._share = min(1.0, self._share + self._facts.period_s / self.settings.resume_s)
            before = np.array(self._command)
            done = self._act(at, joint_pos)
            if not np.isfinite(np.array(self._command)).all():  # whatever it came of, it goes no further
                self._command, self._message = before, "no number was worked out: the grip is kept"
            elif self.inputs.cloud_fault and np.abs(np.array(self._command) - before).max() < _STILL:
                self._message = f"{self.inputs.cloud_fault}: the fingers stay"
        if at - self.inputs.joints.last_s <= self.settings.lost_s:
            # what a kept grip, or opening, wants stays as it was, for when what stops the joints is gone
            self._goal = np.clip(np.array(self._command), joint_pos - self._max_gap, joint_pos + self._max_gap)
        if self._log is not None:
            nowhere = np.full(7, np.nan)
            pose_w = self.inputs.wrist.at(at) if self.inputs.wrist.last_s is not None else nowhere
            thing_w = nowhere if self.inputs.cloud is None else self.inputs.cloud_pose_w
            spent = time.perf_counter() - began
            told, state = self._goal, self.state.value
            row = (at, pose_w, thing_w, joint_pos, told, done.a_s, done.a_p, state, self._message, spent)
            self._log.add(Step(*row))

    def _why_frozen(self, at: float) -> str:
        seen, read, limit = self.inputs.wrist.last_s, self.inputs.joints.last_s, self.settings.lost_s
        if seen is None or at - seen > limit:
            return "the wrist is not seen: the grip is kept"
        if at - read > limit:
            return "the joints are not read: the grip is kept"
        return ""

    def _act(self, at: float, joint_pos: Array) -> PolicyParts:
        """Observe, decide what the hand is doing, and set the command."""
        wrist, period = self.inputs.wrist, self._facts.period_s
        history_w = [wrist.at(at - back * period) for back in reversed(range(HISTORY_LENGTH))]
        pose_w = history_w[-1]
        if wrist.num_moved != self._moved:
            self._states.move(pose_w[:3] - self._place)
            self._rise = None
        self._place = pose_w[:3].copy()
        if self._rise is None:
            self._rise, self._moved = RiseWatch(pose_w[:3], period), wrist.num_moved
        self._rise.look(pose_w[:3])
        cloud, points_h, distance = self.inputs.cloud, None, np.nan
        is_old = self.inputs.age_s(at) > self.settings.max_age_s
        if cloud is not None and not is_old:
            points_h = points_seen_from(pose_w, cloud.points.astype(float), self.inputs.cloud_pose_w)
            distance = float(np.linalg.norm(points_h[:128] - self._facts.grasp_centre_h, axis=1).min())
        before = self.state
        if not self._rise.is_rising:
            closing = self._facts.closing
            way = float((joint_pos - self._facts.open_pose) @ closing)
            self._flexion = way / max(1.0, float(np.abs(closing).sum()))
        state = self._states.step(self._facts_now(at, history_w, joint_pos, distance))
        self._wants_release = False
        if state is State.ASSIST and before is not State.ASSIST:
            self._wanted = 0.0
        if state is State.IDLE or state is State.RELEASE:
            self._open()
        elif state is State.ASSIST and is_old:
            self._message, self._share = "the object is not seen: the fingers stay", 0.0
        elif state is State.ASSIST and cloud is not None and points_h is not None and not self.inputs.cloud_fault:
            if before is not State.ASSIST or cloud is not self._cloud:
                self._policy.start()
            self._cloud = cloud
            if self._log is not None:
                self._log.cloud = cloud.points
            return self._assist(at, history_w, joint_pos, points_h, cloud)
        return self._nothing

    def _facts_now(self, at: float, history_w: list[Array], joint_pos: Array, distance: float) -> Facts:
        facts, command, settings = self._facts, np.array(self._command), self.settings
        earlier, place = history_w[0][:3], history_w[-1][:3]
        return Facts(
            place=place,
            speed=math.dist(place, earlier) / ((HISTORY_LENGTH - 1) * facts.period_s),
            distance=distance,
            is_told=self.inputs.is_told(at),
            is_rising=self._rise is not None and self._rise.is_rising,
            num_pressing=self._press.look(command, joint_pos),
            is_closed=self._flexion >= settings.closed and self._wanted >= settings.closed_share,
            is_open=bool(np.abs(command - facts.open_pose).max() < _OPEN_WITHIN),
            wants_release=self._wants_release,
        )

    def _open(self) -> None:
        way = self.settings.open_speed * self._facts.period_s * self._share
        self._tell(np.clip(self._facts.open_pose - np.array(self._command), -way, way))

    def _assist(
        self, at: float, history_w: list[Array], joint_pos: Array, points_h: Array, cloud: PreparedCloud
    ) -> PolicyParts:
        facts, wrist, command = self._facts, self.inputs.wrist, np.array(self._command)
        past_w = [wrist.at(at - ago) for ago in facts.past_s]
        coupled = self.inputs.joints.coupled_pos
        seen = LiveObservation(
            points_h, cloud.groups, joint_pos, coupled, command, np.array(history_w), np.array(past_w).reshape(-1, 7)
        )
        try:
            done = self._policy.act(seen)
            self._failure = ""
        except Exception as error:  # of onnxruntime's own types, too: a hand must not be left alone
            failure = f"{type(error).__name__}: {error}"
            if failure != self._failure:  # once, and not in every step
                _LOG.warning("the policy failed: %s", failure, exc_info=True)
            self._failure = failure
            done = PolicyParts(*(4 * [np.full(len(joint_pos), np.nan)]))
        if not np.isfinite((done.action, done.a_p, done.a_s, done.a_r)).all():
            self._message = "the policy gave no numbers: the grip is kept"
            return self._nothing
        if self._rise is not None and self._rise.is_rising:
            if self._rise.has_begun and self.level > 0.0:
                # a little firmer, as long as the wrist rises; a part of it would loosen joints that press harder
                self._tell(joint_pos + CLOSE_ANGLE * facts.closing - command, joint_pos)
        else:
            step = min(facts.max_step, self.settings.max_speed * facts.period_s)
            self._tell(self.level * self._share * step * np.clip(done.action, -1.0, 1.0), joint_pos)
            self._wanted = float(done.a_s.mean())
        return done

    def _tell(self, step: Array, near: Array | None = None) -> None:
        """Move the command (J,), rad, within the limits, and no farther ahead of the joints ``near`` than allowed."""
        command = np.array(self._command) + step
        if near is not None:
            command = np.clip(command, near - self._max_gap, near + self._max_gap)
        self._command = np.clip(command, self._facts.low, self._facts.high)
