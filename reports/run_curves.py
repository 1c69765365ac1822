"""Scalars of a run of the residual policy, read back from all of its TensorBoard logs."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator, ScalarEvent

AGENT_STEPS = "train/agent_steps"
"""Scalar that says how much was learnt from; every curve is drawn against it."""

Array = NDArray[np.float64]


Log = dict[str, list[ScalarEvent]]
"""What a log holds, by scalar."""


def event_files(run: Path) -> list[Path]:
    """TensorBoard event files of a run.

    Raises:
        FileNotFoundError: there are none below its folder.
    """
    files = sorted(run.rglob("events.out.tfevents.*"))
    if not files:
        raise FileNotFoundError(f"no TensorBoard events below {run}; give the default_root_dir of a run")
    return files


def read_log(path: Path) -> Log:
    """All scalars of an event file, or of those in a folder."""
    accumulator = EventAccumulator(str(path), size_guidance={SCALARS: 0})
    accumulator.Reload()
    return {tag: accumulator.Scalars(tag) for tag in accumulator.Tags()["scalars"]}


def began(log: Log) -> float:
    """Time of the first value."""
    return min((events[0].wall_time for events in log.values() if events), default=math.inf)


@dataclass(frozen=True)
class RunCurve:
    """One scalar over a run: agent steps learnt from (N,) and values (N,)."""

    agent_steps: Array
    value: Array

    def where(self, keep: NDArray[np.bool_]) -> "RunCurve":
        """Some of it, by a mask (N,)."""
        return RunCurve(self.agent_steps[keep], self.value[keep])

    def before(self, agent_steps: float) -> "RunCurve":
        """The part with fewer agent steps."""
        return self.where(self.agent_steps < agent_steps)

    def followed_by(self, other: "RunCurve") -> "RunCurve":
        """This one, then the other."""
        return RunCurve(
            np.concatenate([self.agent_steps, other.agent_steps]), np.concatenate([self.value, other.value])
        )

    def finite(self) -> "RunCurve":
        """Without values that are not finite."""
        return self.where(np.isfinite(self.value))


@dataclass(frozen=True)
class RunCurves:
    """All scalars of a run, and the minutes that its logs of training cover together."""

    curves: dict[str, RunCurve]
    minutes: float


def read_run(run: Path) -> RunCurves:
    """All scalars of a run, from every TensorBoard event file below its folder.

    A run that was interrupted has one file a start. What a later start learnt again replaces what an earlier one had
    logged from there on.

    Raises:
        FileNotFoundError: no TensorBoard events below the folder.
        ValueError: no log of a training of the residual policy among them.
    """
    logs = sorted((log for log in map(read_log, event_files(run)) if log), key=began)
    if not any(AGENT_STEPS in log for log in logs):
        raise ValueError(
            f"the logs below {run} have no scalar {AGENT_STEPS}; is it a run of configs/residual_ppo.yaml?"
        )
    curves: dict[str, RunCurve] = {}
    minutes = reached = 0.0
    for log in logs:
        counted = log.get(AGENT_STEPS, [])
        if counted:
            curves = {tag: curve.before(counted[0].value) for tag, curve in curves.items()}
            minutes += (counted[-1].wall_time - counted[0].wall_time) / 60.0
            reached = min(reached, counted[0].value)
        for tag, events in log.items():
            part = _against_agent_steps(events, counted, reached)
            curves[tag] = curves[tag].followed_by(part) if tag in curves else part
        reached = counted[-1].value if counted else reached
    return RunCurves({tag: curve for tag, curve in curves.items() if len(curve.value)}, minutes)


def _against_agent_steps(events: list[ScalarEvent], counted: list[ScalarEvent], reached: float) -> RunCurve:
    """Values over the agent steps that were counted last, at or before their own step; ``reached`` where none was."""
    steps = np.array([event.step for event in counted])
    counts = np.array([reached, *(event.value for event in counted)])
    rows = np.searchsorted(steps, [event.step for event in events], side="right")
    return RunCurve(counts[rows], np.array([event.value for event in events], dtype=np.float64))
