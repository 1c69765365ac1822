"""How many objects are lifted and held (GraspGF Sec. 4.2)."""

from torch import Tensor

from callbacks.assist.measure import AssistMeasure
from callbacks.metrics.assist_measures import EpisodeSuccess
from envs.task.outcomes import EpisodeOutcome


class AssistSuccess(AssistMeasure):
    """Logs ``success``: the object rises by more than 0.1 m, and its distance to the hand changes by less than 5 cm."""

    def __init__(self) -> None:
        self._metric = EpisodeSuccess(sync_on_compute=False)  # one process alone measures

    def measure(self, outcome: EpisodeOutcome) -> dict[str, Tensor]:
        """See `AssistMeasure.measure`."""
        self._metric.reset()
        self._metric.update_from(outcome)
        return {"success": self._metric.compute()}
