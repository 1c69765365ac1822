"""The residual policy of GraspGF, learnt by proximal policy optimisation (Sec. 3.2, App. B.2)."""

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Adam, Optimizer

from datamodules.ranks import gathered, mean_numbers, num_ranks
from datamodules.types import Rollout
from envs.hand.shadow import shadow_hand
from envs.task.observations import Observation, check_groups, flat_size
from lightning_modules.composition import Composition, ScaleAndResidual
from lightning_modules.followers import Follower, GapDenoiser
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput, PolicyOutput
from lightning_modules.networks.point_encoders import PointEncoder
from lightning_modules.policy.acting import ExploringResidual, ResidualPolicy, explore
from lightning_modules.policy.features import VECTOR_DIM
from lightning_modules.policy.fingers import LearntFingers, PrimitiveFingers, PrimitiveView
from lightning_modules.ppo.exploration import Exploration, StructuredNoise
from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate
from lightning_modules.ppo.losses import explained_variance
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.objectives import imitation_objective, means, ppo_objective
from lightning_modules.ppo.rollout_numbers import rollout_numbers
from lightning_modules.ppo.samples import Samples, minibatches, samples_of
from lightning_modules.primitive import GraspPrimitive, load_score_module, start_from_encoder_of
from lightning_modules.saved_settings import leave_out_objects

_LOG = logging.getLogger(__name__)

_RUN = 10
"""Steps of a world that stay together in a minibatch under correlated noise: one step in ten is looked at twice."""


class ResidualPPOModule(LightningModule):
    """a = a_p * a_s + a_r: a frozen primitive, and a policy that says when, how fast, and what to correct (eq. 2).

    Args:
        primitive: checkpoint of the primitive.
        follower: how its field is followed on a moving wrist; `GapDenoiser` when None.
        composition: how primitive and policy make up the action.
        exploration: noise of the policy while it learns.
        encoder: point encoder of the policy's own, trained along (the paper's PointNet); the policy shares the frozen
            feature of the primitive when None.
        encoder_checkpoint: score module whose encoder ``encoder`` starts from (configs/gf_pointnet.yaml).
        critic_groups: hidden observation groups that the critic sees; the policy never does.
        bottleneck: numbers that the cloud feature is squeezed to; None leaves it as it is.
        hidden_widths: layers of policy and critic.
        shaped_steps: outputs of the policy are scaled by the exploration's covariance (`ActorCritic`).
        epochs: passes over a rollout.
        minibatch_size: samples in a gradient step.
        gamma: discount.
        lam: lambda of the advantage estimation.
        clip: largest useful change of the probability ratio.
        value_coefficient: weight of the critic's loss.
        entropy_coefficient: weight of the entropy bonus.
        max_grad_norm: gradients are clipped to this norm.
        learning_rate: Adam step size at the start.
        learning_rate_rule: adapts it to the change of the policy; to a divergence of 0.03 when None.
        critic_learning_rate: Adam step size of the critic; the policy's when None.
        imitation_rollouts: the policy imitates the teacher's timing (data.teacher) in so many first rollouts, while the
            critic learns; after that it explores on its own. 0 is pure reinforcement learning, as in the paper.
        imitation_epochs: passes over each of these rollouts.
        imitation_learning_rate: Adam step size of the policy while it imitates.
        seed: decides the initial weights and the order of minibatches.
    """

    updates: Tensor
    agent_steps: Tensor

    def __init__(
        self,
        primitive: str = "pretrained/gf.ckpt",
        follower: Follower | None = None,
        composition: Composition | None = None,
        exploration: Exploration | None = None,
        encoder: PointEncoder | None = None,
        encoder_checkpoint: str | None = None,
        critic_groups: Sequence[str] = (),
        bottleneck: int | None = 64,
        hidden_widths: Sequence[int] = (256, 256),
        shaped_steps: bool = True,
        epochs: int = 4,
        minibatch_size: int = 2560,
        gamma: float = 0.99,
        lam: float = 0.98,
        clip: float = 0.2,
        value_coefficient: float = 1.0,
        entropy_coefficient: float = 0.0,
        max_grad_norm: float = 1.0,
        learning_rate: float = 2.0e-4,
        learning_rate_rule: AdaptiveLearningRate | None = None,
        critic_learning_rate: float | None = 1.0e-3,
        imitation_rollouts: int = 0,
        imitation_epochs: int = 8,
        imitation_learning_rate: float = 1.0e-3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Attribute '.*' is an instance of `nn.Module`")
            self.save_hyperparameters()
        leave_out_objects(self, ("encoder", "follower", "composition", "exploration", "learning_rate_rule"))
        _check_sizes(epochs=epochs, minibatch_size=minibatch_size)
        check_groups(critic_groups, for_policy=False)
        self.automatic_optimization = False
        self.score_module = load_score_module(primitive).eval().requires_grad_(False)
        self.view = PrimitiveView(GraspPrimitive(self.score_module, GapDenoiser() if follower is None else follower))
        self.composition = ScaleAndResidual() if composition is None else composition
        self.exploration = StructuredNoise(self.composition.action_dim) if exploration is None else exploration
        if self.exploration.action_dim != self.composition.action_dim:
            raise ValueError(
                f"exploration is made for {self.exploration.action_dim} numbers, composition for "
                f"{self.composition.action_dim}; set exploration.action_dim to the latter"
            )
        self.encoder = encoder
        if encoder is not None and encoder_checkpoint is not None:
            start_from_encoder_of(encoder, encoder_checkpoint)
        self.critic_groups = tuple(critic_groups)
        self.network = self._untrained_network(bottleneck, hidden_widths, shaped_steps, seed)
        self.learning_rate = learning_rate
        self.learning_rate_rule = learning_rate_rule or AdaptiveLearningRate(target_kl=0.03)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.register_buffer("agent_steps", torch.zeros((), dtype=torch.long))

    def _untrained_network(
        self, bottleneck: int | None, hidden_widths: Sequence[int], shaped_steps: bool, seed: int
    ) -> ActorCritic:
        encoder = self.score_module.network.encoder if self.encoder is None else self.encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ActorCritic(
                VECTOR_DIM,
                encoder.feature_dim,
                flat_size(self.critic_groups, shadow_hand()) + self.exploration.state_dim,
                self.composition.centre(),
                bottleneck,
                hidden_widths,
                shaping=self.exploration.root() if shaped_steps else None,
            )

    # ---- acting -----------------------------------------------------------------------------------------------------

    @property
    def policy_version(self) -> int:
        """Rollouts learnt from so far."""
        return int(self.updates)

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[ExploringResidual]:
        """See `RolloutActor.begin`."""
        return explore(self._acting(), self.view, sizes, num_steps, generator)

    def policy(self) -> LearntFingers:
        """The policy without exploration: `ours` in every table."""
        return LearntFingers(self._mean_hand_action, self.view.start)

    def primitive_policy(self, start_step: int = 0) -> PrimitiveFingers:
        """The primitive alone, held back until ``start_step``."""
        return PrimitiveFingers(self.view, start_step)

    def _mean_hand_action(self, observation: Observation) -> Tensor:
        return self._acting().mean_hand_action(self.view, observation)

    def _acting(self) -> ResidualPolicy:
        return ResidualPolicy(self.composition, self.encoder, self.network, self.exploration, self.critic_groups)

    # ---- learning ---------------------------------------------------------------------------------------------------

    def training_step(self, rollout: Rollout, batch_idx: int) -> None:
        """Advantages, then epochs of minibatches of the clipped objective.

        Under several processes each learns from a rollout of its own; advantages, statistics of inputs, gradients and
        the divergence that the learning rate follows are those of all.

        Raises:
            RuntimeError: the rollout was collected by another policy than the present one.
        """
        if rollout.policy_version != self.policy_version:
            raise RuntimeError(
                f"the rollout comes from policy {rollout.policy_version}, the present one is {self.policy_version}: "
                "the data loader fetched ahead; use RolloutDataModule with num_workers 0"
            )
        began = time.perf_counter()
        if not all(gathered(bool(rollout.is_valid.any()))):
            _LOG.warning("every world of rollout %d diverged; nothing is learnt from it", self.policy_version)
            self._count(rollout)
            return
        samples = samples_of(rollout, gamma=self.hparams["gamma"], lam=self.hparams["lam"])
        explained = float(explained_variance(samples.steps.value, samples.target))
        is_first = not self.network.has_norms
        if is_first:  # nothing is known of the inputs yet; an untrained policy does the same whatever they are
            self._update_norms(samples)
        learn = self._imitate if self.policy_version < self.hparams["imitation_rollouts"] else self._improve
        numbers = mean_numbers({**learn(samples), "explained_variance": explained})
        if not is_first:
            self._update_norms(samples)
        self._count(rollout)
        seconds = {**rollout.seconds, "update": time.perf_counter() - began}
        self._log_numbers(rollout_numbers(rollout, seconds), numbers)

    @torch.no_grad()
    def _update_norms(self, samples: Samples) -> None:
        seen = samples.steps
        self.network.update_norms(PolicyInput(seen.vectors, seen.feature, seen.privileged))

    def _count(self, rollout: Rollout) -> None:
        self.updates += 1
        self.agent_steps += num_ranks() * rollout.num_agent_steps
        if (
            self.policy_version == self.hparams["imitation_rollouts"]
        ):  # whether anything was learnt from the last or not
            self._optimizer().param_groups[0]["lr"] = self.learning_rate

    def _imitate(self, samples: Samples) -> dict[str, float]:
        """Epochs of gradient steps towards the teacher's advice.

        Raises:
            ValueError: the rollout has no teacher.
        """
        settings = self.hparams
        if bool(samples.gate.isnan().any()):
            raise ValueError(
                f"imitation_rollouts is {settings['imitation_rollouts']}, but the rollouts have no teacher; set "
                "data.teacher, or imitation_rollouts to 0"
            )
        policy = self._optimizer().param_groups[0]
        policy["lr"] = settings["imitation_learning_rate"]
        numbers = []
        for epoch in self._minibatches(samples, settings["imitation_epochs"]):
            for rows in epoch:
                objective = imitation_objective(
                    samples, rows, partial(self._output, samples.steps), self.composition,
                    value_coefficient=settings["value_coefficient"],
                )  # fmt: skip
                self._descend(objective.loss)
                numbers.append(objective.numbers)
        return means(numbers)

    def _improve(self, samples: Samples) -> dict[str, float]:
        """Epochs of the clipped objective; the learning rate follows the divergence from the second epoch on."""
        noise_law = self.exploration.frozen()
        settings = {name: self.hparams[name] for name in ("clip", "value_coefficient", "entropy_coefficient")}
        epochs: list[dict[str, float]] = []
        run = _RUN if self.exploration.state_dim else 1
        for epoch in self._minibatches(samples, self.hparams["epochs"], run):
            numbers = []
            for rows in epoch:
                evaluate = partial(self._output, samples.steps)
                objective = ppo_objective(samples, rows, evaluate, self.exploration, noise_law, **settings)
                self._descend(objective.loss)
                numbers.append(objective.numbers)
            epochs.append(mean_numbers(means(numbers)))  # of all ranks: they have to agree on the learning rate
            if len(epochs) > 1:  # before the first step the divergence is zero
                self._adapt(epochs[-1]["kl"])
        return {**means(epochs), "kl": epochs[-1]["kl"]}

    def _minibatches(self, samples: Samples, epochs: int, run: int = 1) -> Iterator[Iterator[Tensor]]:
        seed = (self.hparams["seed"], self.policy_version)
        return minibatches(len(samples), self.hparams["minibatch_size"], epochs, seed, run=run)

    def _output(self, steps: PolicyMemory, rows: Tensor) -> PolicyOutput:
        inputs = PolicyInput(steps.vectors[rows], steps.feature[rows], steps.privileged[rows])
        output: PolicyOutput = self.network(self._acting().encoded(inputs))
        return output

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

    def configure_optimizers(self) -> Optimizer:
        """Adam on policy, critic, exploration and the policy's own encoder; the primitive stays frozen."""
        of_critic = self.network.critic_parameters()
        chosen = {id(parameter) for parameter in of_critic}
        groups: list[dict[str, Any]] = [
            {"params": [parameter for parameter in self._learning() if id(parameter) not in chosen]},
            {"params": of_critic, "lr": self.hparams["critic_learning_rate"] or self.learning_rate},
        ]
        return Adam(groups, lr=self.learning_rate)

    def train(self, mode: bool = True) -> "ResidualPPOModule":
        """As usual, but the primitive stays in evaluation mode."""
        super().train(mode)
        self.score_module.eval()
        return self


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; at least 1 is needed")
