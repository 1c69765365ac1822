"""Scalars of a training run, read back from its TensorBoard logs."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator, ScalarEvent

AGENT_STEPS = "train/agent_steps"
"""Scalar that says how much a residual policy has learnt from; its curves are drawn against it."""

Array = NDArray[np.float64]

Log = dict[str, list[ScalarEvent]]
"""What a log holds, by scalar."""


@dataclass(frozen=True)
class Curve:
    """One scalar over a run: minutes or agent steps (N,) and values (N,)."""

    at: Array
    value: Array

    def where(self, keep: NDArray[np.bool_]) -> "Curve":
        """Some of it, by a mask (N,)."""
        return Curve(self.at[keep], self.value[keep])

    def followed_by(self, other: "Curve") -> "Curve":
        """This one, then the other."""
        return Curve(np.concatenate([self.at, other.at]), np.concatenate([self.value, other.value]))


@dataclass(frozen=True)
class PolicyRun:
    """All scalars of a run over agent steps, and the minutes that its logs of training cover together."""

    curves: dict[str, Curve]
    minutes: float


def read_logs(run: Path) -> list[Log]:
    """What the TensorBoard event files below a run's folder hold, one for every start, in the order of their begin.

    Raises:
        FileNotFoundError: there are none.
    """
    files = sorted(run.rglob("events.out.tfevents.*"))
    if not files:
        raise FileNotFoundError(f"no TensorBoard events below {run}; give the default_root_dir of a run")
    return sorted(filter(None, map(_read_log, files)), key=began)


def _read_log(file: Path) -> Log:
    accumulator = EventAccumulator(str(file), size_guidance={SCALARS: 0})
    accumulator.Reload()
    return {tag: accumulator.Scalars(tag) for tag in accumulator.Tags()["scalars"]}


def began(log: Log) -> float:
    """Time of the first value."""
    return min((events[0].wall_time for events in log.values() if events), default=math.inf)


def minutes(log: Log, tag: str) -> list[float]:
    """Minutes from the begin of a log to each value of a scalar."""
    return [round((event.wall_time - began(log)) / 60.0, 3) for event in log[tag]]


def policy_run(logs: Sequence[Log]) -> PolicyRun:
    """All scalars of a run of the residual policy over agent steps, out of `read_logs`.

    A run that was interrupted has one log a start. What a later start learnt again replaces what an earlier one had
    logged from there on.

    Raises:
        ValueError: no log of a training of the residual policy among them.
    """
    if not any(AGENT_STEPS in log for log in logs):
        raise ValueError(
            f"the logs of a run have no scalar {AGENT_STEPS}; give runs of configs/residual_ppo.yaml, or one of "
            "configs/gf.yaml alone"
        )
    curves: dict[str, Curve] = {}
    took = reached = 0.0
    for log in logs:
        counted = log.get(AGENT_STEPS, [])
        if counted:
            curves = {tag: curve.where(curve.at < counted[0].value) for tag, curve in curves.items()}
            took += (counted[-1].wall_time - counted[0].wall_time) / 60.0
            reached = min(reached, counted[0].value)
        for tag, events in log.items():
            part = _against_agent_steps(events, counted, reached)
            curves[tag] = curves[tag].followed_by(part) if tag in curves else part
        reached = counted[-1].value if counted else reached
    return PolicyRun({tag: curve for tag, curve in curves.items() if len(curve.value)}, took)


def _against_agent_steps(events: list[ScalarEvent], counted: list[ScalarEvent], reached: float) -> Curve:
    """Values over the agent steps that were counted last, at or before their own step; ``reached`` where none was."""
    steps = np.array([event.step for event in counted])
    counts = np.array([reached, *(event.value for event in counted)])
    rows = np.searchsorted(steps, [event.step for event in events], side="right")
    return Curve(counts[rows], np.array([event.value for event in events], dtype=np.float64))


def kept_policies(path: Path) -> dict[str, PolicyRun]:
    """Runs of the residual policy by name, out of a file that ``python -m reports.curves RUN --json`` wrote.

    Raises:
        ValueError: the file has other content.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: PolicyRun({tag: _kept(curve) for tag, curve in run["curves"].items()}, float(run["minutes"]))
            for name, run in content.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has no curves of residual policies ({type(error).__name__}: {error}); give a file that "
            "`python -m reports.curves RUN --json FILE` wrote for such runs, or the folders of the runs"
        ) from error


def _kept(curve: dict[str, list[float | None]]) -> Curve:
    """What the file has of one scalar; a value that was not finite stands as null."""
    return Curve(np.array(curve["agent_steps"], dtype=np.float64), np.array(curve["value"], dtype=np.float64))
