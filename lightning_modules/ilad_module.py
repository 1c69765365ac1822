"""ILAD: behaviour cloning of demonstrations, then PPO beside L_demo (Wu et al. 2022; GraspGF Sec. 4.2, App. C)."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from tqdm import tqdm

from datamodules.baselines.demonstration_file import load_demonstrations
from datamodules.demonstrations import demonstrations_of, origin_of
from envs.ranges import AT_LEAST_0, AT_LEAST_1, POSITIVE, Interval, check_numbers
from lightning_modules.checkpoints import leave_out_objects
from lightning_modules.networks.action_value import ActionValue
from lightning_modules.networks.actor_critic import INPUT_LIMIT
from lightning_modules.ppo.demonstrated import DemonstratedSamples, demonstrated_samples
from lightning_modules.ppo.demonstration_losses import DemonstrationLoss, GraspGFDemonstrationLoss
from lightning_modules.ppo.losses import value_loss
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.objectives import Objective
from lightning_modules.ppo.samples import Samples, minibatches
from lightning_modules.residual_ppo_module import ResidualPPOModule

_LOG = logging.getLogger(__name__)

_CLONING, _DEMONSTRATED = 2, 3
"""Tell the orders of demonstrations from that of rollouts, for cloning and beside PPO."""

_RUN = 25
"""Steps of a demonstration that stay together beside PPO: some losses weigh whole episodes."""

_CHUNK = 2048
"""Clouds that are encoded at once where nothing is learnt."""

_NEEDED = {
    "num_tuples": AT_LEAST_1,
    "closing_begin": Interval(0.0, 1.0, has_high=False),
    "demonstration_batch": AT_LEAST_1,
    "cloning_epochs": AT_LEAST_0,
    "cloning_learning_rate": POSITIVE,
}
"""What the numbers of the module have to be; those of PPO apart."""


class ILADModule(ResidualPPOModule):
    """A policy without a primitive that first clones demonstrations, and then is held to them while PPO improves it.

    The advantage of a demonstrated action is Q(s, a) - Q(s, mean action of the policy); Q is fitted to the returns of
    the rollouts along with the critic, and sees what the policy sees.

    Args:
        demonstrations: file of ``python -m datamodules.demonstrations``; made of the data's training grasps when None.
        num_tuples: how many are made.
        closing_begin: share of each of these episodes before the hand begins to close, in [0, 1).
        demonstration_loss: L_demo; that of GraspGF's rerun when None.
        demonstration_batch: tuples in a gradient step.
        cloning_epochs: passes over the demonstrations before the first rollout.
        cloning_learning_rate: Adam step size of these.
        kwargs: see `ResidualPPOModule`.

    Raises:
        ValueError: a number outside its range, no encoder of its own, or a composition other than
            `lightning_modules.composition.Direct`.
    """

    training_only = (
        *ResidualPPOModule.training_only, "demonstrations", "num_tuples", "closing_begin", "demonstration_loss",
        "demonstration_batch", "cloning_epochs", "cloning_learning_rate",
    )  # fmt: skip

    demonstrated: Tensor

    def __init__(
        self,
        demonstrations: str | None = None,
        num_tuples: int = 125_000,
        closing_begin: float = 0.0,
        demonstration_loss: DemonstrationLoss | None = None,
        demonstration_batch: int = 128,
        cloning_epochs: int = 5,
        cloning_learning_rate: float = 3.0e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_numbers(dict(self.hparams), _NEEDED)
        leave_out_objects(self, ("demonstration_loss",))
        if self.encoder is None or self.composition.uses_primitive:
            raise ValueError(
                f"ILAD got the encoder {self.encoder} and the composition {type(self.composition).__name__}; "
                "demonstrations are clouds and actions of the hand: give it an encoder of its own (model.encoder), and "
                "set composition to lightning_modules.composition.Direct"
            )
        self.demonstration_loss = demonstration_loss or GraspGFDemonstrationLoss()
        self.register_buffer("demonstrated", torch.zeros((), dtype=torch.long))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.hparams["seed"])
            self.action_value = ActionValue(
                self.network.vector_norm.size,
                self.encoder.feature_dim,
                self.network.action_dim,
                self.hparams.get("hidden_widths", (256, 256)),
            )

    def on_train_start(self) -> None:
        """Read or make the demonstrations; a policy that has not learnt from a rollout yet clones them first.

        Raises:
            FileNotFoundError, ValueError: no such file, or one of another hand, grasp set, task or control period.
        """
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        settings = self.hparams
        if settings["demonstrations"] is None:
            shown = demonstrations_of(data, num_tuples=settings["num_tuples"], begin=settings["closing_begin"])
        else:
            shown = load_demonstrations(settings["demonstrations"], self.hand, origin_of(data))
        self._shown = demonstrated_samples(shown, data.targets("train"), self.inputs).to(self.device)
        if self.policy_version == 0:
            self._clone(self._shown)

    def _clone(self, shown: DemonstratedSamples) -> None:
        """Epochs of gradient steps on the squared distance between mean and demonstrated actions."""
        self.network.vector_norm.update(shown.vectors)
        critics = {id(parameter) for parameter in self._critic_parameters()}
        chosen = [
            parameter for parameter in self.parameters() if parameter.requires_grad and id(parameter) not in critics
        ]
        optimizer = Adam(chosen, lr=self.hparams["cloning_learning_rate"])
        epochs, batch = self.hparams["cloning_epochs"], self.hparams["demonstration_batch"]
        order = minibatches(len(shown), batch, epochs, (self.hparams["seed"], _CLONING))
        error = torch.tensor(torch.nan)
        with tqdm(total=epochs * len(shown), desc="behaviour cloning", unit="tuple", leave=False) as bar:
            for rows in chain.from_iterable(order):
                error = (self._demonstrated_mean(shown, rows) - shown.action[rows]).square().mean()
                optimizer.zero_grad()
                error.backward()
                optimizer.step()
                bar.update(len(rows))
                bar.set_postfix(error=f"{float(error.detach()):.4f}", refresh=False)
        optimizer.zero_grad()
        _LOG.info(
            "cloned %d tuples in %d epochs; mean squared error %.4f at last", len(shown), epochs, float(error.detach())
        )

    def _demonstrated_mean(self, shown: DemonstratedSamples, rows: Tensor) -> Tensor:
        return self.network.mean(self.encoded(shown.situation(rows)))

    def _beside(self, samples: Samples) -> Callable[[Tensor], Objective]:
        """L_demo of some demonstrations, and the fit of Q to the returns, in every minibatch."""
        order = self._demonstrated_rows()
        return partial(self._demonstration_objective, samples, self._features(samples.steps), order)

    def _demonstrated_rows(self) -> Iterator[Tensor]:
        """Rows of demonstrations for one gradient step after another, in an order of this rollout's own."""
        seed = (self.hparams["seed"], self.policy_version, _DEMONSTRATED)
        endless = self.hparams["epochs"] * 1_000_000  # passes; never needed to the end
        return chain.from_iterable(
            minibatches(len(self._shown), self.hparams["demonstration_batch"], endless, seed, run=_RUN)
        )

    @torch.no_grad()
    def _features(self, steps: PolicyMemory) -> Tensor:
        """Features (B, F) of the rollout's clouds by the present encoder."""
        rows = torch.arange(len(steps.value)).split(_CHUNK)
        return torch.cat([self._seen(steps, part).feature for part in rows])

    def _demonstration_objective(
        self, samples: Samples, features: Tensor, order: Iterator[Tensor], rows: Tensor
    ) -> Objective:
        shown, steps = next(order), samples.steps
        fit = value_loss(self._q(steps.vectors[rows], features[rows], steps.action[rows]), samples.target[rows]).mean()
        seen = self.encoded(self._shown.situation(shown))
        action, mean = self._shown.action[shown], self.network.mean(seen)
        with torch.no_grad():
            values = [self._q(seen.vectors, seen.feature, each) for each in (action, mean)]
        # as if no noise came before: what is demonstrated was not explored
        log_prob = self.exploration.log_prob(action, mean)
        k = self.policy_version if self.demonstration_loss.counts_rollouts else int(self.demonstrated)
        held = self.demonstration_loss(log_prob, values[0] - values[1], self._shown.episode[shown], k)
        self.demonstrated += 1
        numbers = {
            "demonstration_loss": float(held.detach()),
            "demonstrated_error": float((mean - action).square().mean().detach()),
            "action_value_loss": float(fit.detach()),
        }
        return Objective(held + fit, numbers)

    def _q(self, vectors: Tensor, feature: Tensor, action: Tensor) -> Tensor:
        seen = self.network.vector_norm(vectors).clamp(-INPUT_LIMIT, INPUT_LIMIT)
        value: Tensor = self.action_value(seen, feature, action)
        return value

    def _critic_parameters(self) -> list[nn.Parameter]:
        return [*super()._critic_parameters(), *self.action_value.parameters()]
