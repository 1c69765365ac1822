"""How near the fingers come to the grasp that the wrist was made for (GraspGF Sec. 4.2)."""

from torch import Tensor

from callbacks.assist.measure import AssistMeasure
from callbacks.metrics.assist_measures import EpisodePosture
from envs.task.outcomes import EpisodeOutcome


class AssistPosture(AssistMeasure):
    """Logs ``posture_rad``: distance over the 18 joints before the lift, rad."""

    def __init__(self) -> None:
        self._metric = EpisodePosture(sync_on_compute=False)  # one process alone measures

    def measure(self, outcome: EpisodeOutcome) -> dict[str, Tensor]:
        """See `AssistMeasure.measure`."""
        self._metric.reset()
        self._metric.update_from(outcome)
        return {"posture_rad": self._metric.compute()}
