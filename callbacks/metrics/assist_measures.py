"""Success, posture and stability of episodes of the assisting task as torchmetrics (GraspGF Sec. 4.2)."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from envs.task.outcomes import EpisodeOutcome


class EpisodeSuccess(MeanMetric):
    """Share of episodes that end with the object lifted and held."""

    def update_from(self, outcome: EpisodeOutcome) -> None:
        """Add the episodes of an outcome."""
        self.update(torch.as_tensor(outcome.is_success).float())


class EpisodePosture(MeanMetric):
    """Mean distance over the 18 joints, rad, of the joints before the lift from those of the grasp to come."""

    def update_from(self, outcome: EpisodeOutcome) -> None:
        """Add the episodes of an outcome."""
        self.update(torch.as_tensor(outcome.posture_rad).float())


class ObjectStability(Metric):
    """How much the object moved between the start of the episode and the lift.

    ``compute()`` gives ``translation_m`` (mean), ``translation_median_m`` and ``rotation_cos`` (mean cosine distance of
    the object's x axis). One thrown object can outweigh all others in the mean, hence the median.
    """

    translation: list[Tensor]
    rotation: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("translation", [], dist_reduce_fx="cat")
        self.add_state("rotation", [], dist_reduce_fx="cat")

    def update(self, translation_m: Tensor, rotation_cos: Tensor) -> None:
        """Add translations, m, and cosine distances, (E,) each.

        Raises:
            ValueError: shapes that differ.
        """
        if translation_m.shape != rotation_cos.shape:
            raise ValueError(
                f"translation_m {tuple(translation_m.shape)} and rotation_cos {tuple(rotation_cos.shape)} differ in "
                "shape; give one of each for every episode"
            )
        self.translation.append(translation_m.double())
        self.rotation.append(rotation_cos.double())

    def update_from(self, outcome: EpisodeOutcome) -> None:
        """Add the episodes of an outcome."""
        self.update(torch.as_tensor(outcome.translation_m), torch.as_tensor(outcome.rotation_cos))

    def compute(self) -> dict[str, Tensor]:
        """Mean and median translation, m, and mean rotation."""
        translation = torch.cat(list(self.translation))
        return {
            "translation_m": translation.mean(),
            "translation_median_m": translation.median(),
            "rotation_cos": torch.cat(list(self.rotation)).mean(),
        }
