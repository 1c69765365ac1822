"""Axes of the stress report, as data: what each level changes of the user's movement, the perception and the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings
from envs.wrist.movement import KINDS, NO_GRASP_KINDS


@dataclass(frozen=True)
class Setting:
    """Under what episodes are run: the task with its movement, and the errors of perception, none when None."""

    task: TaskSettings
    noise: PerceptionNoise | None


@dataclass(frozen=True)
class StressLevel:
    """A point of an axis.

    Attributes:
        value: where it stands: a number in the unit of the axis, or a name.
        movement: values of the fields of the task's movement that are others than nominally.
        noise: the same of `PerceptionNoise`.
        task: the same of `TaskSettings`.
    """

    value: float | str
    movement: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The value as tables call it."""
        return self.value if isinstance(self.value, str) else f"{self.value:g}"

    def setting(self, nominal: Setting) -> Setting:
        """The nominal setting with what the level changes.

        Raises:
            ValueError: a field that does not exist, or a value that it does not take.
        """
        task, noise = nominal.task, nominal.noise
        if self.movement:
            task = replace(task, movement=self._changed(task.movement, self.movement, "movement"))
        if self.noise:
            noise = self._changed(noise or PerceptionNoise(), self.noise, "noise")
        return Setting(self._changed(task, self.task, "task"), noise)

    def _changed(self, settings: Any, changes: Mapping[str, Any], what: str) -> Any:
        known = [item.name for item in fields(settings)] if is_dataclass(settings) else []
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise ValueError(
                f"stress level {self.label}, {what}: {unknown[0]!r} is no field of {type(settings).__name__}; it has "
                f"{', '.join(known) or 'none: give the task a movement, as configs/task/user.yaml does'}"
            )
        try:
            return replace(settings, **changes)
        except (TypeError, ValueError) as error:
            raise ValueError(f"stress level {self.label}, {what} {', '.join(changes)}: {error}") from error


@dataclass(frozen=True)
class StressAxis:
    """What is made harder step by step, all else as it is nominally.

    Attributes:
        levels: its points; a curve where their values are numbers, single points where they are names.
        unit: of the values.
        nominal: where the nominal setting stands among the values; nowhere when None.
        kind: of KINDS: only episodes of this kind are run; all when None.

    Raises:
        ValueError: no levels, equal ones, numbers beside names, or an unknown kind.
    """

    levels: Sequence[StressLevel]
    unit: str = ""
    nominal: float | str | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        values = [level.value for level in self.levels] + ([] if self.nominal is None else [self.nominal])
        types = {isinstance(value, str) for value in values}
        if not self.levels or len(set(values)) < len(values) or len(types) > 1:
            raise ValueError(
                f"a stress axis has the values {values}, the nominal one included; give at least one level, each value "
                "once, numbers or names"
            )
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"a stress axis has kind {self.kind!r}; allowed are {', '.join(KINDS)}, or null for all")

    @property
    def is_curve(self) -> bool:
        """Whether the values are numbers."""
        return not isinstance(self.levels[0].value, str)

    @property
    def measure(self) -> str:
        """What counts on it: ``success`` in grasps, ``disturbed`` where nothing is to be grasped."""
        return "disturbed" if self.kind in NO_GRASP_KINDS else "success"


def level_settings(axes: Mapping[str, StressAxis], nominal: Setting) -> dict[str, list[Setting]]:
    """The setting of every level, by axis.

    Args:
        axes: by name.
        nominal: what the levels change.

    Raises:
        ValueError: a level names a field that does not exist, or a value that it does not take; says which one it is.
    """
    found: dict[str, list[Setting]] = {}
    for name, axis in axes.items():
        found[name] = []
        for number, level in enumerate(axis.levels):
            try:
                found[name].append(level.setting(nominal))
            except ValueError as error:
                raise ValueError(
                    f"stress axis {name} (axes.{name}.levels[{number}] of StressReport in the configuration): {error}"
                ) from error
    return found
