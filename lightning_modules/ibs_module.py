"""The baseline IBS: soft actor-critic on the surface between hand and scene (She et al. 2022; GraspGF App. C)."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from datamodules.ranks import num_ranks
from datamodules.types import Rollout
from envs.hand.registry import load_hand
from envs.ranges import AT_LEAST_0, AT_LEAST_1, NOT_NEGATIVE, POSITIVE, Interval, check_numbers
from lightning_modules.hand_guard import check_same_hand
from lightning_modules.networks.ibs_encoder import IBSEncoder
from lightning_modules.ppo.rollout_numbers import rollout_numbers
from lightning_modules.ppo.samples import seeded
from lightning_modules.sac.acting import DEMONSTRATION_GROUPS, ActingWorlds, IBSPolicy, begin_worlds
from lightning_modules.sac.gradients import Learner, gradients_by_halves
from lightning_modules.sac.grasp_quality import grasp_quality
from lightning_modules.sac.networks import IBSActor, TwinCritic
from lightning_modules.sac.pool import Pool, draw_pool
from lightning_modules.sac.replay import ReplayBuffer, Situation
from lightning_modules.sac.targets import descend_plainly, follow_slowly
from lightning_modules.sac.transitions import transitions_of
from lightning_modules.sac.view import SurfaceView

_LOG = logging.getLogger(__name__)

_REPLAY = "replay"
"""Under this name checkpoints keep the buffers; export leaves them out."""

_EPISODE = "train/episode/"
"""Before the names of what is logged of a rollout's episodes."""

_BUFFERS = ("demonstrations", "experience")

_NEEDED = {
    **dict.fromkeys(("demonstration_capacity", "experience_capacity"), AT_LEAST_1),
    **dict.fromkeys(("gradient_steps", "batch_size", "reuse"), AT_LEAST_1),
    "gamma": Interval(0.0, 1.0, has_high=False),
    "tau": Interval(0.0, 1.0, has_low=False),
    "learning_rate": POSITIVE,
    "temperature_learning_rate": NOT_NEGATIVE,
    "friction": NOT_NEGATIVE,
    "seed": AT_LEAST_0,
}
"""What the numbers of the module have to be."""


class IBSModule(LightningModule):
    """A policy that sees the bisector surface, learnt off-policy from demonstrations and its own steps.

    Rollouts are demonstrations until their buffer is full; the policy then acts, and after each of its rollouts
    gradient steps are made, from both buffers in proportion to what they hold. docs/baselines.md says what is as in the
    original and what is not.

    Args:
        hand: the hand that is moved, see envs.hand.registry.
        num_points: points of a surface that the networks see; the original has 4096.
        part_widths, whole_widths: see `IBSEncoder`.
        hidden_widths: of policy and critics; the original has 1024, 512, 512.
        demonstration_capacity: steps that are demonstrated, then kept (GraspGF App. C).
        experience_capacity: steps of the policy's own that are kept (GraspGF App. C).
        gradient_steps: after each rollout; the original has one for each agent step.
        batch_size: steps in a gradient step.
        reuse: gradient steps after a rollout that a step which was drawn for them takes part in, on average: its
            surfaces are made once, which takes longer than learning from them.
        gamma: discount, in [0, 1).
        tau: share by which the target critics follow in a gradient step, in (0, 1].
        learning_rate: Adam step size of policy and critics.
        temperature_learning_rate: step size of plain gradient descent on the logarithm of the temperature; a tenth of
            the other, as in the released code; 0 leaves the temperature as it is.
        friction: coefficient by which the quality of a grasp is computed.
        seed: decides the initial weights and what is drawn from the buffers.

    Raises:
        ValueError: a number outside its range.
    """

    training_only = (
        "demonstration_capacity", "experience_capacity", "gradient_steps", "batch_size", "reuse", "gamma", "tau",
        "learning_rate", "temperature_learning_rate", "friction", "seed",
    )  # fmt: skip
    """Settings that say how a policy is trained, not what it does."""

    updates: Tensor
    agent_steps: Tensor

    def __init__(
        self,
        hand: str = "shadow",
        num_points: int = 512,
        part_widths: Sequence[int] = (64, 64),
        whole_widths: Sequence[int] = (64, 128),
        hidden_widths: Sequence[int] = (256, 256),
        demonstration_capacity: int = 15000,
        experience_capacity: int = 15000,
        gradient_steps: int = 32,
        batch_size: int = 32,
        reuse: int = 4,
        gamma: float = 0.99,
        tau: float = 0.005,
        learning_rate: float = 3.0e-4,
        temperature_learning_rate: float = 3.0e-5,
        friction: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        check_numbers(dict(self.hparams), _NEEDED)
        self.hand = load_hand(hand)
        self._view = SurfaceView(self.hand, num_points)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            sizes = (self._view.state_dim, self.hand.num_joints + 1)
            self.actor = IBSActor(self._encoder(), *sizes, hidden_widths)
            self.critic = TwinCritic(self._encoder(), *sizes, 2 + self._view.num_parts, hidden_widths)
            self.target_critic = TwinCritic(self._encoder(), *sizes, 2 + self._view.num_parts, hidden_widths)
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.target_critic.requires_grad_(False)
        self.log_alpha = nn.Parameter(torch.zeros(()))
        self.demonstrations = ReplayBuffer(demonstration_capacity)
        self.experience = ReplayBuffer(experience_capacity)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.register_buffer("agent_steps", torch.zeros((), dtype=torch.long))

    def _encoder(self) -> IBSEncoder:
        settings = self.hparams
        parts = (settings["part_widths"], settings["whole_widths"])
        return IBSEncoder(self.hand.grasp_centre_h, self._view.num_parts, *parts)

    def setup(self, stage: str) -> None:
        """Refuse what cannot be learnt from.

        Raises:
            ValueError: data of another hand, several processes, or worlds that hide what is needed.
        """
        check_same_hand(self.hand, self.trainer)
        if stage != "fit":
            return
        if num_ranks() > 1:
            raise ValueError(f"IBS learns in one process, this run has {num_ranks()}; set trainer.devices to 1")
        data: Any = getattr(self.trainer, "datamodule", None)
        needed = (*self._view.hidden_groups, *DEMONSTRATION_GROUPS)
        missing = [name for name in needed if name not in getattr(data, "privileged", needed)]
        if missing:
            raise ValueError(
                f"the worlds do not show {', '.join(missing)}, of which surfaces and demonstrations are made; set "
                f"data.privileged to [{', '.join(needed)}]"
            )

    # ---- acting -----------------------------------------------------------------------------------------------------

    @property
    def policy_version(self) -> int:
        """Rollouts learnt from so far."""
        return int(self.updates)

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[ActingWorlds]:
        """See `RolloutActor.begin`; the script acts until the buffer of demonstrations is full."""
        demonstrates = not self.demonstrations.is_full
        return begin_worlds(self.actor, self._view, sizes, num_steps, generator, demonstrates=demonstrates)

    def policy(self) -> IBSPolicy:
        """The policy without exploration, with a view of its own."""
        return IBSPolicy(self.actor, SurfaceView(self.hand, self.hparams["num_points"]))

    # ---- learning ---------------------------------------------------------------------------------------------------

    def training_step(self, rollout: Rollout, batch_idx: int) -> None:
        """Keep the rollout's steps; once there are enough demonstrations, make gradient steps.

        Raises:
            RuntimeError: the rollout was collected by another policy than the present one.
        """
        rollout.check_policy(self.policy_version)
        began = time.perf_counter()
        steps = transitions_of(rollout.to("cpu"), self._quality)
        demonstrates = not self.demonstrations.is_full
        (self.demonstrations if demonstrates else self.experience).add(steps)
        numbers = {"reward": float(steps.rewards.sum(1).mean()) if len(steps) else 0.0}
        if not demonstrates:
            numbers |= self._improve()
        self.updates += 1
        self.agent_steps += rollout.num_agent_steps
        self._log_numbers(rollout, numbers, time.perf_counter() - began, demonstrates=demonstrates)

    @torch.no_grad()
    def _quality(self, situation: Situation) -> Tensor:
        points = self._view.points(situation)
        return grasp_quality(points, situation.object_pose[:, :3], self.hparams["friction"])

    def _improve(self) -> dict[str, float]:
        """Gradient steps on batches out of one pool; means of their numbers for the log."""
        settings = self.hparams
        generator = seeded((settings["seed"], self.policy_version))
        size, steps = settings["batch_size"], settings["gradient_steps"]
        buffers = [self.demonstrations, self.experience]
        pool = draw_pool(self._view, buffers, math.ceil(size * steps / settings["reuse"]), generator)
        numbers = []
        for _ in range(steps):
            rows = torch.randint(len(pool), (size,), generator=generator)
            noise = torch.randn(2, size, pool.action.shape[1], generator=generator)
            numbers.append(self._descend(pool, rows, noise))
        return {name: sum(one[name] for one in numbers) / steps for name in numbers[0]}

    def _descend(self, pool: Pool, rows: Tensor, noise: Tensor) -> dict[str, float]:
        """One gradient step on the steps ``rows`` of a pool; numbers for the log."""
        learner, context = self._learner(), self.trainer.precision_plugin.train_step_context
        found = gradients_by_halves(learner, pool, rows, noise, self.hparams["gamma"], context)
        for parameter, gradient in zip(learner.parameters(), found.of, strict=True):
            parameter.grad = gradient
        optimizer: Any = self.optimizers()
        optimizer.step()
        descend_plainly(self.log_alpha, self.hparams["temperature_learning_rate"])
        follow_slowly(self.target_critic, self.critic, self.hparams["tau"])
        return found.numbers

    def _learner(self) -> Learner:
        return Learner(self.actor, self.critic, self.target_critic, self.log_alpha)

    def _log_numbers(self, rollout: Rollout, numbers: dict[str, float], update_s: float, *, demonstrates: bool) -> None:
        of_rollout = rollout_numbers(rollout, {**rollout.seconds, "update": update_s})
        if demonstrates:  # the script's success is not the policy's
            of_rollout = {name: value for name, value in of_rollout.items() if not name.startswith(_EPISODE)}
        self.log_dict(of_rollout | {f"train/sac/{name}": value for name, value in numbers.items()})
        self.log_dict({f"train/sac/{name}": float(len(getattr(self, name))) for name in _BUFFERS})
        self.log("train/agent_steps", self.agent_steps.float())
        if not demonstrates:
            self.log("success", of_rollout[f"{_EPISODE}success"], prog_bar=True, logger=False)
        self.log("steps/s", of_rollout["train/agent_steps_per_s"], prog_bar=True, logger=False)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Episodes are run by callbacks.assist.evaluation; the loader only marks the turn."""

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """As in validation."""

    def configure_optimizers(self) -> Optimizer:
        """Adam on policy and critics; the temperature is descended on without it."""
        learnt = [*self.actor.parameters(), *self.critic.parameters()]
        return Adam(learnt, lr=self.hparams["learning_rate"], fused=True)  # a quarter of the time

    # ---- keeping ----------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep both buffers, some 12 MB when full: they hold numbers of which surfaces are made again."""
        checkpoint[_REPLAY] = {name: getattr(self, name).state_dict() for name in _BUFFERS}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the buffers of a checkpoint that training resumes from; an exported one has none, a test no need."""
        if self._trainer is not None and self._trainer.state.fn != TrainerFn.FITTING:
            return
        for name, state in checkpoint.get(_REPLAY, {}).items():
            getattr(self, name).load_state_dict(state)
