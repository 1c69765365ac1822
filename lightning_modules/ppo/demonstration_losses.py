"""What demonstrations add to PPO: L_demo of ILAD (Wu et al. 2022), as published and as rerun by GraspGF.

Both weigh likelihood of demonstrated actions and advantage by l0 l1^k and l2 (1 - l3^k). They differ in sign: GraspGF
raises the normalised likelihood itself, the original raises most what is least likely. And in k: GraspGF counts
minibatches, the original iterations of its policy, which are rollouts here.
"""

import abc

import torch
from torch import Tensor

from envs.ranges import NOT_NEGATIVE, SHARE
from lightning_modules.ppo.advantages import standardised


def normalised(values: Tensor) -> Tensor:
    """(x - min) / (max - min) of values (B,), in [0, 1]; zeros when all are equal. The range carries no gradient."""
    low, high = values.detach().amin(), values.detach().amax()
    return (values - low) / (high - low).clamp_min(1.0e-8)


def per_episode(values: Tensor, episode: Tensor) -> Tensor:
    """Mean over the entries of the same episode (B,), of values (B,) and whose they are (B,)."""
    _, place = episode.unique(return_inverse=True)
    count = torch.bincount(place).to(values)
    return (torch.zeros_like(count).index_add(0, place, values) / count)[place]


class DemonstrationLoss(abc.ABC):
    """A scalar to descend beside the objective of PPO.

    Args:
        l0: weight of the likelihood at first.
        l1: what is left of it each time that k grows, in [0, 1].
        l2: weight of the advantage in the end.
        l3: what is left of the way there each time that k grows, in [0, 1].

    Attributes:
        counts_rollouts: k is the number of rollouts learnt from; else that of minibatches.

    Raises:
        ValueError: a weight that is negative or not finite, or a share outside [0, 1].
    """

    counts_rollouts = False

    def __init__(self, l0: float, l1: float, l2: float, l3: float) -> None:
        if not (l0 in NOT_NEGATIVE and l2 in NOT_NEGATIVE and l1 in SHARE and l3 in SHARE):
            raise ValueError(
                f"l0 to l3 are {l0}, {l1}, {l2}, {l3}; expected l0 and l2 of at least 0, l1 and l3 in [0, 1]"
            )
        self.l0, self.l1, self.l2, self.l3 = l0, l1, l2, l3

    def weights(self, k: int) -> tuple[float, float]:
        """l0 l1^k and l2 (1 - l3^k) of k = 0, 1, ..."""
        return self.l0 * self.l1**k, self.l2 * (1.0 - self.l3**k)

    @abc.abstractmethod
    def __call__(self, log_prob: Tensor, advantage: Tensor, episode: Tensor, k: int) -> Tensor:
        """The loss of B demonstrated steps.

        Args:
            log_prob: log-density of the demonstrated actions under the policy (B,).
            advantage: how much better they are than what the policy does (B,), without gradient.
            episode: which demonstration each step is of (B,).
            k: minibatches before this one, or rollouts; see ``counts_rollouts``.
        """


class GraspGFDemonstrationLoss(DemonstrationLoss):
    """-mean(l0 l1^k w + l2 (1 - l3^k) (A + 1)), w the normalised log-likelihood, A standardised (GraspGF's rerun).

    The advantage is added to the likelihood and does not multiply it: its term has no gradient in the policy and shows
    in the value alone, so that nothing is left to learn from demonstrations once l0 l1^k is gone.
    """

    def __init__(self, l0: float = 1.0, l1: float = 0.95, l2: float = 0.01, l3: float = 0.99) -> None:
        super().__init__(l0, l1, l2, l3)

    def __call__(self, log_prob: Tensor, advantage: Tensor, episode: Tensor, k: int) -> Tensor:
        """See `DemonstrationLoss`."""
        of_likelihood, of_advantage = self.weights(k)
        return -(of_likelihood * normalised(log_prob) + of_advantage * (standardised(advantage) + 1.0)).mean()


class OriginalDemonstrationLoss(DemonstrationLoss):
    """-mean((l0 l1^k (1 - w) + l2 (1 - l3^k) max(A + 1, 0)) log p), w the normalised likelihood of the whole episode.

    The weights carry no gradient (Wu et al. 2022). They are not negative: less likely without bound is nobody's aim.
    The released code calls the weight l2 lambda_3 (0.001) and the share l3 lambda_2 (0.99).
    """

    counts_rollouts = True

    def __init__(self, l0: float = 0.1, l1: float = 0.99, l2: float = 0.001, l3: float = 0.99) -> None:
        super().__init__(l0, l1, l2, l3)

    def __call__(self, log_prob: Tensor, advantage: Tensor, episode: Tensor, k: int) -> Tensor:
        """See `DemonstrationLoss`."""
        of_likelihood, of_advantage = self.weights(k)
        unlikely = 1.0 - normalised(per_episode(log_prob.detach(), episode))
        weight = of_likelihood * unlikely + of_advantage * (standardised(advantage) + 1.0).clamp_min(0.0)
        return -(weight * log_prob).mean()
