"""The best thresholds of a primitive that starts by itself, looked for as the best fixed step is: by success."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

from envs.task.outcomes import EpisodeOutcome
from lightning_modules.policy.trigger import ANY_DISTANCE, ANY_SPEED, Trigger


@dataclass(frozen=True)
class TriggerGrid:
    """Values to try, one threshold after the other in this order, from the middle distance alone on.

    Attributes:
        distance_m: see `Trigger`; in ascending order, as all.
        slow_share: the same.
        per_speed_s: the same.

    Raises:
        ValueError: no values, some twice, or in another order; or a value that no `Trigger` takes.
    """

    distance_m: Sequence[float] = (0.03, 0.045, 0.06, 0.07, 0.08, 0.1, 0.13, ANY_DISTANCE)
    slow_share: Sequence[float] = (0.1, 0.3, 0.5, 0.7, ANY_SPEED)
    per_speed_s: Sequence[float] = (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1)

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if not values or list(values) != sorted(set(values)):
                raise ValueError(
                    f"{name} of the trigger's grid is {list(values)}; give at least one value, ascending, each once"
                )
        for values in product(self.distance_m, self.slow_share, self.per_speed_s):
            Trigger(*values)

    def first(self) -> Trigger:
        """Where the search begins: without a condition on the speed, as far as the grid has that."""
        distances = [value for value in self.distance_m if value < ANY_DISTANCE] or list(self.distance_m)
        return Trigger(
            distances[len(distances) // 2], max(self.slow_share), min(self.per_speed_s, key=lambda value: abs(value))
        )

    def __len__(self) -> int:
        """Triggers that a search tries."""
        return sum(len(values) - 1 for values in vars(self).values()) + 1

    def edges(self, best: Trigger) -> tuple[str, ...]:
        """Thresholds whose best value is the first or last of several: better ones may lie outside.

        The ends that stand for no condition are no edges: there is nothing beyond them.
        """
        found = []
        for name, values in vars(self).items():
            value = getattr(best, name)
            is_open = (name, value) in (("distance_m", ANY_DISTANCE), ("slow_share", ANY_SPEED))
            if len(values) > 1 and value in (values[0], values[-1]) and not is_open:
                found.append(name)
        return tuple(found)


@dataclass(frozen=True)
class TriggerChoice:
    """The best trigger, the success of every one that was tried, in their order, and the thresholds `on_edge`.

    Success is that of all episodes, as of a fixed step (`datamodules.rollouts.runner.StepChoice`).
    """

    trigger: Trigger
    success: dict[Trigger, float]
    on_edge: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        tried = [{**asdict(trigger), "success": value} for trigger, value in self.success.items()]
        return {**asdict(self.trigger), "success": self.success[self.trigger], "on_edge": self.on_edge, "tried": tried}


def choose_trigger(outcome_at: Callable[[Trigger], EpisodeOutcome], grid: TriggerGrid) -> TriggerChoice:
    """The trigger with the most successes that a search along one threshold after the other finds, the first of equals.

    Args:
        outcome_at: outcome of a policy with a trigger, on the same episodes for every one; none that results are of.
        grid: values to try.
    """

    def success_at(trigger: Trigger) -> float:
        return float(outcome_at(trigger).is_success.mean())

    best = grid.first()
    success = {best: success_at(best)}
    for name, values in vars(grid).items():
        for value in values:
            trigger = replace(best, **{name: value})
            if trigger not in success:
                success[trigger] = success_at(trigger)
        best = max(success, key=lambda trigger: success[trigger])
    return TriggerChoice(best, success, grid.edges(best))
