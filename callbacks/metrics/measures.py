"""Success, posture and diversity as torchmetrics."""

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric


class SuccessRate(MeanMetric):
    """Share of lifted grasps; `update(is_lifted (G,) bool)`."""

    def update(self, value: float | Tensor, weight: float | Tensor | None = None) -> None:
        """Add outcomes (G,)."""
        super().update(torch.as_tensor(value).float(), weight)


class PostureError(Metric):
    """Mean L2 distance over the 18 joints, rad, between final and target joints (GraspGF Sec. 4.2)."""

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, joint_pos: Tensor, target: Tensor) -> None:
        """Add joints and targets (G, 18), rad."""
        self.total += posture_error(joint_pos, target).double().sum()
        self.count += len(joint_pos)

    def compute(self) -> Tensor:
        """The mean, rad."""
        return self.total / self.count


def posture_error(joint_pos: Tensor, target: Tensor) -> Tensor:
    """L2 distance over the joints, one value a grasp (G,), rad.

    Raises:
        ValueError: shapes that differ.
    """
    if joint_pos.shape != target.shape:
        raise ValueError(f"joint_pos {tuple(joint_pos.shape)} and target {tuple(target.shape)} differ in shape")
    return (joint_pos - target).norm(dim=-1)


def sample_diversity(joint_pos: Tensor) -> Tensor:
    """Mean pairwise L2 distance of the samples of one cloud, rad: (G, S, 18) -> (G,)."""
    if joint_pos.ndim != 3 or joint_pos.shape[1] < 2:
        raise ValueError(f"samples have shape {tuple(joint_pos.shape)}, expected (G, S, 18) with S at least 2")
    distance = torch.cdist(joint_pos, joint_pos)
    count = joint_pos.shape[1]
    return distance.sum(dim=(1, 2)) / (count * (count - 1))
