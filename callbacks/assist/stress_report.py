"""From episodes under stress to the numbers of stress.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.assist.policies import TRIGGERED
from callbacks.assist.report import OURS
from callbacks.assist.stress_axes import StressAxis
from callbacks.metrics.estimates import count_causes, estimate
from envs.rows import take_rows
from envs.task.episodes import Episodes
from envs.task.outcomes import CAUSES, EpisodeOutcome

Row = dict[str, Any]

AHEAD, BEHIND, UNDECIDED = "ahead", "behind", "not decided"
"""Verdicts: the interval of ours minus `primitive_triggered`, over all levels of an axis, is above 0, below, or
neither."""

BREAKDOWN = 0.5
"""Share of its nominal success below which a policy breaks down."""


@dataclass(frozen=True)
class LevelOutcomes:
    """How the same E episodes ended under each policy."""

    episodes: Episodes
    outcomes: dict[str, EpisodeOutcome] = field(default_factory=dict)

    def part(self, keep: NDArray[np.bool_]) -> "LevelOutcomes":
        """Some of the episodes (E,) bool."""
        rows = np.flatnonzero(keep)
        outcomes = {name: take_rows(each, rows) for name, each in self.outcomes.items()}
        return LevelOutcomes(take_rows(self.episodes, rows), outcomes)

    def counted(self, measure: str) -> "LevelOutcomes":
        """The episodes that a measure is about: those with a grasp, or the others."""
        return self.part(self.episodes.is_grasp == (measure == "success"))


def seconds_to_grip(episodes: Episodes, held_steps: NDArray[np.int64], period_s: float) -> NDArray[np.float64]:
    """Seconds (E,) from the arrival of the wrist to a grip that holds until the lift; NaN where there is none.

    The grip begins with the first control step from which on the hand holds the object in every one until the lift
    begins (`envs.task.grip`): t = (lift - held + 1 - arrival) * period. Negative where the hand held the object before
    the wrist had come to rest.

    Args:
        episodes: with a grasp.
        held_steps: control steps right before the lift in which the hand held the object (E,).
        period_s: seconds of a control step.
    """
    steps = episodes.grasp_step - held_steps + 1 - episodes.arrival_step
    return np.where(held_steps > 0, period_s * steps, np.nan)


def policy_rows(level: LevelOutcomes, period_s: float) -> dict[str, Row]:
    """By policy: success in grasps, disturbance of the rest, seconds to grip, causes; see `stress_json`."""
    return {
        name: _grasps(level.counted("success"), name, period_s) | _others(level.counted("disturbed"), name)
        for name in level.outcomes
    }


def _grasps(level: LevelOutcomes, name: str, period_s: float) -> Row:
    outcome, episodes = level.outcomes[name], level.episodes
    if len(episodes) == 0:
        return {}
    seconds = seconds_to_grip(episodes, outcome.held_steps, period_s)
    held = seconds[np.isfinite(seconds)]
    success = estimate(outcome.is_success.astype(np.float64), episodes.object_index, is_rate=True)
    return {
        "n": len(episodes),
        "success": success.as_dict(),
        "seconds_to_grip": {
            "median": float(np.median(held)) if len(held) else None,
            "missing": 1.0 - len(held) / len(seconds),
        },
        "causes": count_causes(outcome.cause, CAUSES),
    }


def _others(level: LevelOutcomes, name: str) -> Row:
    if len(level.episodes) == 0:
        return {}
    disturbed = 1.0 - level.outcomes[name].is_success.astype(np.float64)
    return {"disturbed": estimate(disturbed, level.episodes.object_index, is_rate=True).as_dict()}


def margin_rows(levels: Sequence[LevelOutcomes], measure: str) -> dict[str, Row]:
    """Ours minus each other policy, episode by episode, over several levels: success, or objects left alone.

    Empty where no episode is of that kind.
    """
    parts = [level.counted(measure) for level in levels]
    groups = np.concatenate([part.episodes.object_index for part in parts])
    if len(groups) == 0:
        return {}
    success = {
        name: np.concatenate([part.outcomes[name].is_success for part in parts]).astype(np.float64)
        for name in levels[0].outcomes
    }
    return {name: estimate(success[OURS] - other, groups).as_dict() for name, other in success.items() if name != OURS}


def verdict(margin: Mapping[str, Any]) -> str:
    """Whether ours is ahead, from an interval of its margin."""
    return AHEAD if margin["low"] > 0.0 else BEHIND if margin["high"] < 0.0 else UNDECIDED


def axis_json(axis: StressAxis, levels: Sequence[LevelOutcomes], nominal: Mapping[str, Row], period_s: float) -> Row:
    """What stress.json says about an axis."""
    told: list[Row] = []
    for level, run in zip(axis.levels, levels, strict=True):
        policies = policy_rows(run, period_s)
        for name, row in policies.items():
            row["breaks_down"] = _breaks_down(row, nominal[name], axis.measure)
        changes = {what: dict(vars(level)[what]) for what in ("movement", "noise", "task") if vars(level)[what]}
        margins = margin_rows([run], axis.measure)
        told.append({"value": level.value, "changes": changes, "policies": policies, "margins": margins})
    margins = margin_rows(levels, axis.measure)
    return {
        "unit": axis.unit,
        "nominal": axis.nominal,
        "kind": axis.kind,
        "measure": axis.measure,
        "levels": told,
        "margins": margins,
        "verdict": verdict(margins[TRIGGERED]) if margins else UNDECIDED,
        "breaks_down": [row["value"] for row in told if row["policies"][OURS]["breaks_down"]],
    }


def _breaks_down(row: Row, nominal: Row, measure: str) -> bool:
    """Whether a policy has less than `BREAKDOWN` of its nominal success, or of the objects that it left alone."""
    if measure not in row or measure not in nominal:
        return False
    here, there = (each[measure]["mean"] for each in (row, nominal))
    return bool(here < BREAKDOWN * there if measure == "success" else 1.0 - here < BREAKDOWN * (1.0 - there))


def stress_json(
    axes: Mapping[str, StressAxis],
    nominal: LevelOutcomes,
    levels: Mapping[str, Sequence[LevelOutcomes]],
    period_s: float,
) -> Row:
    """The content of stress.json.

    ``nominal.policies.<policy>`` and, in ``axes.<axis>.levels``, ``policies.<policy>``: ``n`` and ``success`` of the
    episodes with a grasp, ``disturbed`` of those without, ``seconds_to_grip`` (median, and the share ``missing`` that
    never held the object), ``causes``, ``breaks_down``. ``margins.<policy>``: ours minus it on the same episodes, of a
    level and of all of an axis. ``verdict`` of an axis, the levels at which ours ``breaks_down``; ``summary`` counts.
    """
    policies = policy_rows(nominal, period_s)
    found = {name: axis_json(axis, levels[name], policies, period_s) for name, axis in axes.items()}
    return {
        "nominal": {"policies": policies, "margins": margin_rows([nominal], "success")},
        "axes": found,
        "summary": {
            **{
                each: [name for name, axis in found.items() if axis["verdict"] == each]
                for each in (AHEAD, BEHIND, UNDECIDED)
            },
            "breaks_down": [name for name, axis in found.items() if axis["breaks_down"]],
        },
    }
