"""How little the object is moved before it is lifted (GraspGF Sec. 4.2)."""

from torch import Tensor

from callbacks.assist.measure import AssistMeasure
from callbacks.metrics.assist_measures import ObjectStability
from envs.task.outcomes import EpisodeOutcome


class AssistStability(AssistMeasure):
    """Logs ``translation_m`` (mean), ``translation_median_m`` and ``rotation_cos`` of the object before the lift."""

    def __init__(self) -> None:
        self._metric = ObjectStability(sync_on_compute=False)  # one process alone measures

    def measure(self, outcome: EpisodeOutcome) -> dict[str, Tensor]:
        """See `AssistMeasure.measure`."""
        self._metric.reset()
        self._metric.update_from(outcome)
        return dict(self._metric.compute())
