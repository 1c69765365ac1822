"""From a rollout to the samples of gradient steps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from datamodules.ranks import gathered, rank
from datamodules.types import Batch, Rollout, each_tensor
from envs.geometry.object_clouds import KnownObjects
from lightning_modules.ppo.advantages import generalised_advantages, standardised
from lightning_modules.ppo.memory import PolicyMemory


@dataclass(frozen=True)
class Samples(Batch):
    """The B steps of a rollout that happened, those of a world one after another.

    Attributes:
        steps: what the policy saw and did, (B, ...).
        advantage: standardised over all samples (B,), under several processes those of all ranks.
        target: what the critic should have said (B,).
        gate: the teacher's gate (B,), NaN without a teacher.
        grip: the teacher's closing action (B,), NaN without a teacher.
        follows: the row before holds the step before in the same world (B,) bool.
    """

    steps: PolicyMemory
    advantage: Tensor
    target: Tensor
    gate: Tensor
    grip: Tensor
    follows: Tensor

    def __len__(self) -> int:
        return len(self.target)


def samples_of(rollout: Rollout, *, gamma: float, lam: float) -> Samples:
    """Advantages of a rollout, and its worlds one after another; steps that did not happen are left out."""
    steps = PolicyMemory.of(rollout.memory)
    nothing_follows = torch.zeros_like(steps.value[0])
    found = generalised_advantages(
        rollout.reward, steps.value, nothing_follows, rollout.is_terminal, gamma=gamma, lam=lam
    )

    def flat(values: Tensor) -> Tensor:
        return values.transpose(0, 1)[rollout.is_valid.T]

    happened_before = torch.cat([torch.zeros_like(rollout.is_valid[:1]), rollout.is_valid[:-1]])

    return Samples(
        steps=replace(each_tensor(flat, steps), objects=_objects_of(rollout)),
        advantage=_standardised_over_ranks(flat(found.advantage)),
        target=flat(found.target),
        gate=flat(rollout.gate),
        grip=flat(rollout.grip),
        follows=flat(happened_before),
    )


def _objects_of(rollout: Rollout) -> KnownObjects | None:
    """Whose clouds the samples show."""
    if rollout.clouds is None or rollout.object_row is None or bool((rollout.object_row < 0).any()):
        return None
    return KnownObjects(rollout.clouds, rollout.object_row.expand_as(rollout.is_valid).T[rollout.is_valid.T].cpu())


def _standardised_over_ranks(advantage: Tensor) -> Tensor:
    """(B,) standardised together with those of the other ranks."""
    parts = gathered(advantage.cpu())
    together = standardised(torch.cat(parts))
    return together.split([len(part) for part in parts])[rank()].to(advantage.device)


def num_minibatches(count: int, size: int) -> int:
    """Gradient steps in an epoch, on all ranks alike: each of them waits for the gradients of the others.

    Args:
        count: samples of this rank, at least 1; ranks differ where episodes of users end at different times.
        size: wanted samples in a step.
    """
    counts = gathered(count)
    return max(1, min(round(sum(counts) / len(counts) / size), *counts))


def seeded(seed: tuple[int, ...]) -> torch.Generator:
    """A generator whose draws follow from the numbers alone; other numbers give draws that have nothing in common."""
    state = np.random.SeedSequence(seed).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def minibatches(
    count: int, size: int, epochs: int, seed: tuple[int, ...], *, run: int = 1
) -> Iterator[Iterator[Tensor]]:
    """For each epoch the rows of its gradient steps: a random order, cut into parts of nearly equal size.

    Args:
        count: samples.
        size: wanted samples in a part; see `num_minibatches`.
        epochs: passes over all samples.
        seed: decides the order.
        run: rows that stay together: where a step needs the one before it, too, few more than its own are looked at.
    """
    generator = seeded(seed)
    parts = num_minibatches(count, size)
    for _ in range(epochs):
        first = run * torch.randperm(math.ceil(count / run), generator=generator)
        rows = (first[:, None] + torch.arange(run)).flatten()
        yield iter(rows[rows < count].tensor_split(parts))
