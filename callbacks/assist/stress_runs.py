"""Episodes under stress: planned level by level, run, and kept as they come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from callbacks.assist.policies import ComparedPolicy
from callbacks.assist.report import OURS
from callbacks.assist.runs import KeptEpisodes
from callbacks.assist.stress_axes import Setting, StressAxis, level_settings
from callbacks.assist.stress_report import LevelOutcomes
from datamodules.rollouts.runner import EpisodeFrames
from envs.rows import take_rows
from envs.task.episodes import Episodes
from envs.wrist.movement import KINDS

FRAME_STEPS = 10
"""Control steps between two states that are kept for pictures."""


@dataclass(frozen=True)
class LevelRun:
    """A level of an axis.

    Attributes:
        name: of its files.
        title: axis, value and unit.
        setting: under what it is run.
        told: its episodes, and how they end under each policy.
        frames: states of ours, every `FRAME_STEPS` and at the end.
    """

    name: str
    title: str
    setting: Setting
    told: LevelOutcomes
    frames: EpisodeFrames = field(init=False)

    def __post_init__(self) -> None:
        steps = tuple(range(0, self.told.episodes.max_steps + 1, FRAME_STEPS))
        object.__setattr__(self, "frames", EpisodeFrames(steps))

    def __len__(self) -> int:
        return len(self.told.episodes)


LevelRuns = dict[str, list[LevelRun]]
"""By axis."""


def plan_levels(
    axes: Mapping[str, StressAxis], nominal: Setting, episodes_of: Callable[[Setting], Episodes]
) -> LevelRuns:
    """The levels of every axis, not yet run.

    Args:
        axes: by name.
        nominal: what the levels change.
        episodes_of: the same grasps and seed under a setting.

    Raises:
        ValueError: an axis of a kind of which there are no episodes; see `level_settings`.
    """
    runs: LevelRuns = {}
    settings = level_settings(axes, nominal)
    for name, axis in axes.items():
        runs[name] = []
        for number, (level, setting) in enumerate(zip(axis.levels, settings[name], strict=True)):
            episodes = episodes_of(setting)
            if axis.kind is not None:
                of_kind = np.flatnonzero(episodes.kind == KINDS.index(axis.kind))
                if len(of_kind) == 0:
                    raise ValueError(
                        f"stress axis {name}, level {level.label}: none of {len(episodes)} episodes is of the kind "
                        f"{axis.kind}; raise its share in the level's movement, or the evaluation's number of episodes"
                    )
                episodes = take_rows(episodes, of_kind)
            title = f"{name.replace('_', ' ')}, {level.label} {axis.unit}".strip()
            runs[name].append(LevelRun(f"{name}_{number}", title, setting, LevelOutcomes(episodes)))
    return runs


def run_levels(
    levels: Sequence[LevelRun],
    policies: Mapping[str, ComparedPolicy],
    kept_under: Callable[[Setting], KeptEpisodes],
    folder: str,
) -> None:
    """Fill the outcomes of every level, and the frames of ours.

    Args:
        levels: what to run.
        policies: by name.
        kept_under: runs and keeps episodes under a setting.
        folder: before the names of the files.
    """
    for level in levels:
        kept = kept_under(level.setting)
        for name, policy in policies.items():
            kept.bar.set_postfix_str(f"{level.title}, {name}")
            made = ComparedPolicy(policy.policy, {**policy.made_of, **vars(level.setting)})
            frames = level.frames if name == OURS else None
            level.told.outcomes[name] = kept.run(f"{folder}/{level.name}/{name}", made, level.told.episodes, frames)
