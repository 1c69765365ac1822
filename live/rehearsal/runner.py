"""One trial from the first look of the cameras to the open hand over the box, and how it came out."""

from dataclasses import dataclass

import numpy as np

from envs.task.outcomes import CAUSES, EpisodeFacts, classify
from envs.trials.lift import MIN_RISE
from live.carry import Carry, CarrySettings, Phase
from live.ports import Reading
from live.poses import Array
from live.rehearsal.bench import Bench
from live.rehearsal.disturbances import Disturbances
from live.rehearsal.links import Link
from live.rehearsal.plan import Trial

WAIT_S = 0.6
"""Seconds that the user waits before he moves: the cameras look first."""

PATIENCE_S = 1.0
"""Seconds at the top of the user's own lift after which a hand that does not hold has failed."""

IN_BOX = 0.15
"""Metres from the middle of the box, along the table, within which an object falls into it."""

NOT_HELD, DROPPED = "not_noticed", "dropped_on_the_way"
"""Causes beside `envs.task.outcomes.CAUSES`: the object rose with the hand, which did not notice; it fell after the
lift, or missed the box."""


@dataclass(frozen=True)
class TrialResult:
    """How a trial came out, and what happened: T steps.

    Attributes:
        is_success: lifted and carried to the box without falling before the hand opened (GraspGF App. D.2): then it was
            in the hand, over the box, and higher than MIN_RISE.
        cause: how it ended: one of `CAUSES`, NOT_HELD or DROPPED.
        is_released: in the end it was in the box, and nothing touched it.
        slip: change of the distance between hand and object from where the arm took over to the opening, m; None where
            it did not come to that. Above 0.05 it has turned or slipped in the fingers (GraspGF Sec. 4.2 allows less).
        seconds: simulated.
        frozen_s: seconds in which fingers were frozen.
        num_lost: poses of the wrist that never arrived.
        num_late: control periods that came to an end late, in real time.
        friction, mass: what they were.
        frames: steps of a filmstrip: start, arrival, lift, held or lost, end.
        joint_pos, wrist_pose_w, object_pose_w: at these (5, J), rad, and (5, 7).
    """

    is_success: bool
    cause: str
    is_released: bool
    slip: float | None
    seconds: float
    frozen_s: float
    num_lost: int
    num_late: int
    friction: float
    mass: float
    frames: tuple[int, ...]
    joint_pos: Array
    wrist_pose_w: Array
    object_pose_w: Array


class TrialRun:
    """Runs one trial.

    Args:
        trial: which.
        link: to the controller.
        wrong: all that is wrong.
        carry: where to, and how fast.
    """

    def __init__(self, trial: Trial, link: Link, wrong: Disturbances, carry: CarrySettings | None = None) -> None:
        self._trial, self._link = trial, link
        self._settings = carry or CarrySettings()
        self._carry = Carry(np.asarray(trial.hand.grasp_centre_h), self._settings)
        self._bench = Bench(
            trial.hand, trial.grasp_object, trial.object_pose_w, trial.user_pose_w[0], wrong, trial.seed
        )
        self._facts = EpisodeFacts.at_start(trial.object_pose_w[None])
        self._wait = round(WAIT_S / self._bench.period_s)
        self._lift = self._wait + trial.lift_step
        self._states: list[tuple[Array, Array, Array]] = []
        self._is_touched: list[bool] = []
        self._num_frozen = 0
        self._taken: int | None = None
        self._opened: int | None = None

    def run(self) -> TrialResult:
        """Everything, from the start to the end.

        Raises:
            RuntimeError: the controller does not answer.
        """
        bench, trial = self._bench, self._trial
        last = self._wait + len(trial.user_pose_w) - 1 + round(PATIENCE_S / bench.period_s)
        targets, step, release = trial.hand.open_pose, 0, False
        while self._carry.phase is not Phase.DONE and (self._taken is not None or step < last):
            self._note()
            if bench.state.is_diverged[0]:
                break
            readings = bench.readings()
            if release:
                readings.append(Reading(bench.time_s, wants_release=True))
            answer = self._link.exchange(bench.time_s, readings)
            if answer is None and step > 200:
                raise RuntimeError("the controller does not answer; see its messages beside its log")
            targets = answer.joint_targets if answer is not None and answer.is_ready else targets
            self._num_frozen += answer is not None and answer.is_frozen
            user_w = trial.user_pose_w[min(max(step - self._wait, 0), len(trial.user_pose_w) - 1)]
            asked_w = self._carry.step(bench.time_s, "" if answer is None else answer.state, user_w, bench.arm.pose_w)
            release = self._carry.wants_release
            if self._carry.phase is not Phase.USER and self._taken is None:
                self._taken = step
            if release:
                self._opened = step
            bench.step(targets, asked_w)
            before_lift = np.array([step < min(self._lift, self._taken or self._lift)])
            self._facts.note(trial.hand, bench.touches(), bench.on_table(), before_lift)
            step += 1
        self._note()
        return self._result()

    def _note(self) -> None:
        state = self._bench.state
        self._states.append((state.joint_pos[0], state.wrist_pose_w[0], state.object_pose_w[0]))
        self._is_touched.append(bool(self._bench.touches().any()))

    def _result(self) -> TrialResult:
        bench, end = self._bench, len(self._states) - 1
        lift = min(self._lift, end, end if self._taken is None else self._taken)
        cause = self._cause(lift)
        until = end if self._opened is None else self._opened
        frames = (0, max(0, lift - round(0.5 / bench.period_s)), lift, (lift + until) // 2, until)
        shown = [np.stack([self._states[frame][part] for frame in frames]) for part in range(3)]
        return TrialResult(
            is_success=cause == CAUSES[0],
            cause=cause,
            is_released=self._opened is not None and self._is_over_box(end) and not self._is_touched[end],
            slip=None if self._opened is None else self._slip(self._opened),
            seconds=bench.time_s,
            frozen_s=self._num_frozen * bench.period_s,
            num_lost=bench.tracker.num_lost,
            num_late=getattr(self._link, "num_late", 0),
            friction=bench.friction,
            mass=bench.mass,
            frames=frames,
            joint_pos=shown[0],
            wrist_pose_w=shown[1],
            object_pose_w=shown[2],
        )

    def _cause(self, lift: int) -> str:
        if self._bench.state.is_diverged[0]:
            return "diverged"
        opened = self._opened
        if opened is not None and self._is_touched[opened] and self._rise(opened) > MIN_RISE:
            return CAUSES[0] if self._is_over_box(opened) else DROPPED
        if self._taken is None and self._rise(len(self._states) - 1) > MIN_RISE:
            return NOT_HELD
        highest = max(self._rise(step) for step in range(lift, len(self._states)))
        if self._taken is not None and highest > MIN_RISE:
            return DROPPED
        before_w = self._states[lift][2][None]
        no, yes = np.array([False]), np.array([True])
        return CAUSES[int(classify(self._facts, before_w, no, no, yes)[0])]

    def _rise(self, step: int) -> float:
        """How much higher the object is than at the start, m."""
        return float(self._states[step][2][2] - self._trial.object_pose_w[2])

    def _slip(self, step: int) -> float:
        """Change of the distance between hand base and object since the arm took over, m (GraspGF Sec. 4.2)."""
        first, now = (
            np.linalg.norm(object_w[:3] - wrist_w[:3])
            for _, wrist_w, object_w in (self._states[each] for each in (self._taken or 0, step))
        )
        return float(abs(now - first))

    def _is_over_box(self, step: int) -> bool:
        away = self._states[step][2][:2] - np.array(self._settings.box_w)
        return float(np.linalg.norm(away)) < IN_BOX
