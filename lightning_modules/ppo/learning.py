"""Proximal policy optimisation of a policy in worlds (Schulman et al. 2017; GraspGF App. B.2)."""

import abc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from datamodules.ranks import mean_numbers, num_ranks
from datamodules.types import Rollout
from envs.hand.hand import Hand
from lightning_modules.composition import Composition
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput, PolicyOutput
from lightning_modules.ppo.exploration import Exploration
from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate
from lightning_modules.ppo.losses import explained_variance
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.objectives import (
    Objective,
    advice_objective,
    imitation_objective,
    means,
    ppo_objective,
    weighted,
)
from lightning_modules.ppo.rollout_numbers import rollout_numbers
from lightning_modules.ppo.samples import Samples, minibatches, samples_of, seeded

_HIDDEN = 1
"""Tells the draws of what is hidden from those of the order of minibatches."""

_RUN = 25
"""Steps of a world that stay together in a minibatch under correlated noise: one step in 25 is looked at twice."""


class PPOLearning(LightningModule):
    """What a module that learns by PPO does with its rollouts; subclasses build its parts and act.

    Its hyper-parameters hold the numbers of the optimisation (see `lightning_modules.residual_ppo_module`).
    """

    hand: Hand
    network: ActorCritic
    exploration: Exploration
    composition: Composition
    learning_rate: float
    learning_rate_rule: AdaptiveLearningRate
    updates: Tensor
    agent_steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.register_buffer("agent_steps", torch.zeros((), dtype=torch.long))

    @property
    def policy_version(self) -> int:
        """Rollouts learnt from so far."""
        return int(self.updates)

    @abc.abstractmethod
    def encoded(self, situation: PolicyInput) -> PolicyInput:
        """Inputs of the network, from a situation as rollouts keep it."""

    def training_step(self, rollout: Rollout, batch_idx: int) -> None:
        """Advantages, then epochs of minibatches of the clipped objective.

        Under several processes each learns from a rollout of its own; advantages, statistics of inputs, gradients and
        the divergence that the learning rate follows are those of all.

        Raises:
            RuntimeError: the rollout was collected by another policy than the present one.
        """
        rollout.check_policy(self.policy_version)
        began = time.perf_counter()
        samples = samples_of(rollout, gamma=self.hparams["gamma"], lam=self.hparams["lam"])
        explained = float(explained_variance(samples.steps.value, samples.target))
        is_first = not self.network.has_norms
        # nothing is known of some inputs yet; what has not learnt from them does the same whatever they are
        self._take(samples, self.network.begin_norms)
        learn = self._imitate if self.policy_version < self.hparams["imitation_rollouts"] else self._improve
        numbers = mean_numbers({**learn(samples), "explained_variance": explained})
        if not is_first:
            self._take(samples, self.network.update_norms)
        self._count(rollout)
        seconds = {**rollout.seconds, "update": time.perf_counter() - began}
        self._log_numbers(rollout_numbers(rollout, seconds), numbers)

    @torch.no_grad()
    def _take(self, samples: Samples, into_norms: Callable[[PolicyInput], None]) -> None:
        seen = samples.steps
        into_norms(PolicyInput(seen.vectors, seen.vectors.new_zeros(len(samples), 0), seen.privileged))

    def _count(self, rollout: Rollout) -> None:
        self.updates += 1
        self.agent_steps += num_ranks() * rollout.num_agent_steps
        if self.policy_version == self.hparams["imitation_rollouts"]:
            self._optimizer().param_groups[0]["lr"] = self.learning_rate

    def _imitate(self, samples: Samples) -> dict[str, float]:
        """Epochs of gradient steps towards the teacher's advice.

        Raises:
            ValueError: the rollout has no teacher.
        """
        settings = self.hparams
        done = self.policy_version / settings["imitation_rollouts"]
        self._optimizer().param_groups[0]["lr"] = settings["imitation_learning_rate"] * (1.0 - 0.9 * done)
        half_seen = self._half_blind(samples)
        teach = partial(
            imitation_objective, self.hand, samples, evaluate=lambda rows: self.network(half_seen(rows)),
            composition=self.composition, value_coefficient=settings["value_coefficient"],
        )  # fmt: skip
        numbers = []
        for epoch in self._minibatches(samples, settings["imitation_epochs"]):
            for rows in epoch:
                objective = teach(rows)
                self._descend(objective.loss)
                numbers.append(objective.numbers)
        return means(numbers)

    def _half_blind(self, samples: Samples) -> Callable[[Tensor], PolicyInput]:
        """What the policy sees in rows of the samples (K,), with a part of the cloud's feature hidden, for a teacher.

        A random share of the feature is 0 and the rest scaled so that its mean stays.

        Raises:
            ValueError: the rollout has no teacher.
        """
        settings = self.hparams
        if bool(samples.gate.isnan().any()):
            raise ValueError(
                f"imitation_rollouts is {settings['imitation_rollouts']} and imitation_coefficient "
                f"{settings['imitation_coefficient']}, but the rollouts have no teacher; set data.teacher, or both to 0"
            )
        generator, share = seeded((settings["seed"], self.policy_version, _HIDDEN)), settings["imitation_dropout"]

        def half_seen(rows: Tensor) -> PolicyInput:
            seen = self._seen(samples.steps, rows)
            kept = torch.rand(seen.feature.shape, generator=generator) >= share
            return replace(seen, feature=seen.feature * kept.to(seen.feature) / (1.0 - share))

        return half_seen

    def _beside(self, samples: Samples) -> Callable[[Tensor], Objective] | None:
        """What is learnt beside the clipped objective in each minibatch, from rows of the samples; None for nothing."""
        coefficient = self.hparams["imitation_coefficient"]
        if coefficient == 0.0:
            return None
        half_seen = self._half_blind(samples)
        teach = partial(
            advice_objective, self.hand, samples, mean_of=lambda rows: self.network.mean(half_seen(rows)),
            composition=self.composition,
        )  # fmt: skip
        return partial(weighted, teach, coefficient)

    def _improve(self, samples: Samples) -> dict[str, float]:
        """Epochs of the clipped objective; the learning rate follows the divergence from the second epoch on."""
        noise_law = self.exploration.frozen()
        settings = {name: self.hparams[name] for name in ("clip", "value_coefficient", "entropy_coefficient")}
        beside = self._beside(samples)
        epochs: list[dict[str, float]] = []
        run = _RUN if self.exploration.state_dim else 1
        for epoch in self._minibatches(samples, self.hparams["epochs"], run):
            numbers = []
            for rows in epoch:
                evaluate, mean_of = partial(self._output, samples.steps), partial(self._mean, samples.steps)
                objective = ppo_objective(samples, rows, evaluate, mean_of, self.exploration, noise_law, **settings)
                loss, of_step = objective.loss, objective.numbers
                if beside is not None:
                    added = beside(rows)
                    loss, of_step = loss + added.loss, {**added.numbers, **of_step}
                self._descend(loss)
                numbers.append(of_step)
            epochs.append(mean_numbers(means(numbers)))  # of all ranks: they have to agree on the learning rate
            if len(epochs) > 1:  # before the first step the divergence is zero
                self._adapt(epochs[-1]["kl"])
        return {**means(epochs), "kl": epochs[-1]["kl"]}

    def _minibatches(self, samples: Samples, epochs: int, run: int = 1) -> Iterator[Iterator[Tensor]]:
        seed = (self.hparams["seed"], self.policy_version)
        for epoch in minibatches(len(samples), self.hparams["minibatch_size"], epochs, seed, run=run):
            yield (rows.to(samples.target.device) for rows in epoch)

    def _output(self, steps: PolicyMemory, rows: Tensor) -> PolicyOutput:
        output: PolicyOutput = self.network(self._seen(steps, rows))
        return output

    def _mean(self, steps: PolicyMemory, rows: Tensor) -> Tensor:
        return self.network.mean(self._seen(steps, rows))

    def _seen(self, steps: PolicyMemory, rows: Tensor) -> PolicyInput:
        return self.encoded(steps.situation(rows))

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        if isinstance(optimizer, list):
            raise RuntimeError(f"{len(optimizer)} optimisers where configure_optimizers gives one")
        return optimizer

    def _descend(self, loss: Tensor) -> None:
        optimizer = self._optimizer()
        optimizer.zero_grad()
        if num_ranks() > 1:  # the other ranks wait for every gradient, also where a loss does without a parameter
            loss = loss + sum(0.0 * parameter.sum() for parameter in self._learning())
        self.manual_backward(loss)
        for group in optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], self.hparams["max_grad_norm"])
        optimizer.step()

    def _adapt(self, kl: float) -> None:
        policy, critic = self._optimizer().param_groups
        policy["lr"] = self.learning_rate_rule.new_rate(policy["lr"], kl)
        if self.hparams["critic_learning_rate"] is None:
            critic["lr"] = policy["lr"]

    def _log_numbers(self, of_rollout: dict[str, float], of_learning: dict[str, float]) -> None:
        of_rollout = mean_numbers(of_rollout)
        of_rollout["train/agent_steps_per_s"] *= num_ranks()
        self.log_dict(of_rollout | {f"train/ppo/{name}": value for name, value in of_learning.items()})
        self.log("train/ppo/entropy", self.exploration.entropy().detach())
        self.log("train/ppo/noise_std", self.exploration.std().mean().detach())
        self.log("train/ppo/learning_rate", self._optimizer().param_groups[0]["lr"])
        self.log("train/agent_steps", self.agent_steps.float())
        self.log("success", of_rollout["train/episode/success"], prog_bar=True, logger=False)
        self.log("steps/s", of_rollout["train/agent_steps_per_s"], prog_bar=True, logger=False)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Episodes are run by callbacks.assist.evaluation; the loader only marks the turn."""

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """As in validation."""

    def _learning(self) -> list[Tensor]:
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def _critic_parameters(self) -> list[nn.Parameter]:
        """What has the critic's learning rate, and a limit of its own on gradients."""
        return self.network.critic_parameters()

    def configure_optimizers(self) -> Optimizer:
        """Adam on policy, critic, exploration and the policy's own encoder; the primitive stays frozen."""
        of_critic = self._critic_parameters()
        chosen = {id(parameter) for parameter in of_critic}
        groups: list[dict[str, Any]] = [
            {"params": [parameter for parameter in self._learning() if id(parameter) not in chosen]},
            {"params": of_critic, "lr": self.hparams["critic_learning_rate"] or self.learning_rate},
        ]
        return Adam(groups, lr=self.learning_rate)
