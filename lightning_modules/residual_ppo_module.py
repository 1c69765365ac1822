"""The residual policy of GraspGF, learnt by proximal policy optimisation (Sec. 3.2, App. B.2)."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import torch

from envs.conventions import CONTROL_DT
from envs.hand.registry import load_hand
from envs.task.observations import check_groups, flat_size
from lightning_modules.checkpoints import leave_out_objects
from lightning_modules.composition import Composition, ScaleAndResidual, WithoutResidual
from lightning_modules.followers import Follower, GapDenoiser
from lightning_modules.hand_guard import check_same_hand
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput
from lightning_modules.networks.point_encoders import PointEncoder
from lightning_modules.policy.exploring import ExploringResidual, explore
from lightning_modules.policy.finger_policies import LearntPolicy, PrimitivePolicy, TriggeredPrimitive
from lightning_modules.policy.inputs import ApproachInputs, PolicyInputs
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.policy.residual_policy import ResidualPolicy
from lightning_modules.policy.trigger import Trigger
from lightning_modules.ppo.exploration import Exploration, StructuredNoise
from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate
from lightning_modules.ppo.learning import PPOLearning
from lightning_modules.ppo.settings import check_settings
from lightning_modules.primitive import GraspPrimitive, description_of, load_score_module, start_from_encoder_of
from lightning_modules.score_module import ScoreMatchingModule


class ResidualPPOModule(PPOLearning):
    """a = a_p * a_s + a_r: a frozen primitive, and a policy that says when, how fast, and what to correct (eq. 2).

    Args:
        primitive: checkpoint of the primitive, or a score module whose weights are still to be loaded; None for a
            policy that does without.
        hand: the hand that is moved, see envs.hand.registry; checkpoints that do not say are of the Shadow Hand.
        follower: how its field is followed on a moving wrist; `GapDenoiser` when None.
        scene_tolerance: metres within which a cloud may move before the primitive looks again; see `PrimitiveView`.
        scene_tolerance_share: so much more for each metre of distance, in rollouts alone; see `PrimitiveView`.
        composition: how primitive and policy make up the action.
        inputs: what the policy reads besides the cloud; `ApproachInputs` when None.
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
        gamma: discount, in [0, 1].
        lam: lambda of the advantage estimation, in [0, 1].
        clip: largest useful change of the probability ratio, in (0, 1).
        value_coefficient: weight of the critic's loss.
        entropy_coefficient: weight of the entropy bonus.
        max_grad_norm: gradients are clipped to this norm, above 0; infinity does not clip. 0 is refused: it would stop
            all learning, while Lightning's gradient_clip_val, of automatic optimisation, clips nothing at 0.
        learning_rate: Adam step size at the start.
        learning_rate_rule: adapts it to the change of the policy; to a divergence of 0.03 when None.
        critic_learning_rate: Adam step size of the critic; the policy's when None.
        imitation_rollouts: the policy imitates the teacher's timing (data.teacher) in so many first rollouts, while the
            critic learns; after that it explores on its own. 0 is pure reinforcement learning, as in the paper.
        imitation_epochs: passes over each of these rollouts, at least 1.
        imitation_learning_rate: Adam step size of the policy while it imitates, at first; it falls towards a tenth.
        imitation_dropout: share of the cloud's feature that is hidden in each gradient step of imitation, because the
            timing of training objects can be learnt by heart; in [0, 1).
        imitation_coefficient: weight of the same objective beside that of PPO, afterwards: the teacher's timing is
            learnt from every rollout, reward decides where it is not the best (kickstarting, Schmitt et al. 2018).
        seed: decides the initial weights and the order of minibatches.

    Raises:
        ValueError: a number outside its range (`lightning_modules.ppo.settings`), or parts that do not go together.
    """

    training_only: tuple[str, ...] = (
        "encoder_checkpoint", "epochs", "minibatch_size", "gamma", "lam", "clip", "value_coefficient",
        "entropy_coefficient", "max_grad_norm", "learning_rate", "learning_rate_rule", "critic_learning_rate",
        "imitation_rollouts", "imitation_epochs", "imitation_learning_rate", "imitation_dropout",
        "imitation_coefficient", "scene_tolerance_share", "seed",
    )  # fmt: skip
    """Settings that say how a policy is trained, not what it does; it was trained on one way of following the field."""

    def __init__(
        self,
        primitive: str | ScoreMatchingModule | None = "pretrained/gf.ckpt",
        hand: str = "shadow",
        follower: Follower | None = None,
        scene_tolerance: float = 0.5e-3,
        scene_tolerance_share: float = 0.0,
        composition: Composition | None = None,
        inputs: PolicyInputs | None = None,
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
        imitation_dropout: float = 0.0,
        imitation_coefficient: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Attribute '.*' is an instance of `nn.Module`")
            self.save_hyperparameters()
        check_groups(critic_groups, for_policy=False)
        self.hand = load_hand(hand)
        self.score_module = self._frozen(primitive)
        objects = ("primitive", "follower", "composition", "inputs", "exploration", "encoder", "learning_rate_rule")
        leave_out_objects(self, objects)
        self.view = self._exploring_view = None
        if self.score_module is not None:
            primitive_alone = GraspPrimitive(self.score_module, GapDenoiser() if follower is None else follower)
            self.view = PrimitiveView(primitive_alone, scene_tolerance)
            self._exploring_view = PrimitiveView(primitive_alone, scene_tolerance, scene_tolerance_share)
        self.composition = ScaleAndResidual() if composition is None else composition
        self.inputs = ApproachInputs() if inputs is None else inputs
        self.exploration = self._structured_noise() if exploration is None else exploration
        self.encoder = encoder
        self.critic_groups = tuple(critic_groups)
        self._check_parts()
        if encoder is not None and encoder_checkpoint is not None:
            start_from_encoder_of(encoder, encoder_checkpoint)
        self.network = self._untrained_network(bottleneck, hidden_widths, shaped_steps, seed)
        self.learning_rate = learning_rate
        self.learning_rate_rule = learning_rate_rule or AdaptiveLearningRate(target_kl=0.03)

    def _structured_noise(self) -> StructuredNoise:
        return StructuredNoise(self.composition.action_dim(self.hand.num_joints), hand=self.hand.name)

    def setup(self, stage: str) -> None:
        """Refuse data of another hand.

        Raises:
            ValueError: names both hands.
        """
        check_same_hand(self.hand, self.trainer)

    def _frozen(self, primitive: str | ScoreMatchingModule | None) -> ScoreMatchingModule | None:
        """The primitive's score module; a checkpoint of this module then describes it, too."""
        if isinstance(primitive, str):
            self.hparams["primitive"] = description_of(primitive)
            primitive = load_score_module(primitive)
        return None if primitive is None else primitive.eval().requires_grad_(False)

    def _untrained_network(
        self, bottleneck: int | None, hidden_widths: Sequence[int], shaped_steps: bool, seed: int
    ) -> ActorCritic:
        shared = None if self.score_module is None else self.score_module.network
        seen: Any = self.encoder or shared
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ActorCritic(
                max(part.stop for part in self.input_columns.values()),
                seen.feature_dim,
                flat_size(self.critic_groups, self.hand) + self.exploration.state_dim,
                self.composition.centre(self.hand.num_joints),
                bottleneck,
                hidden_widths,
                shaping=self.exploration.root() if shaped_steps else None,
            )

    # ---- acting -----------------------------------------------------------------------------------------------------

    @property
    def has_primitive(self) -> bool:
        """Whether there is a primitive that can act alone."""
        return self.view is not None

    @property
    def input_columns(self) -> dict[str, slice]:
        """Where each part of the policy's inputs stands in its vectors."""
        return self.inputs.columns(self.hand, with_primitive=self.composition.uses_primitive)

    def begin(self, sizes: Sequence[int], num_steps: int, generator: torch.Generator) -> list[ExploringResidual]:
        """See `RolloutActor.begin`."""
        return explore(self._residual_policy(), self._exploring_view, sizes, num_steps, generator)

    def policy(self) -> LearntPolicy:
        """The policy without exploration: `ours` in every table."""
        return LearntPolicy(self._residual_policy(), self.view)

    def primitive_policy(self, start_step: int = 0) -> PrimitivePolicy:
        """The primitive alone, held back until ``start_step``.

        Raises:
            ValueError: there is none.
        """
        return PrimitivePolicy(self._view_alone(), start_step)

    def triggered_policy(self, trigger: Trigger, period_s: float = CONTROL_DT) -> TriggeredPrimitive:
        """The primitive alone, started by a rule on speed and distance; control steps last ``period_s`` seconds.

        Raises:
            ValueError: there is none.
        """
        return TriggeredPrimitive(self._view_alone(), trigger, period_s)

    def policy_without_residual(self) -> LearntPolicy:
        """The policy without exploration and without its a_r (GraspGF Table 2).

        Raises:
            ValueError: its composition has no a_r beside something else.
        """
        parts = replace(self._residual_policy(), composition=WithoutResidual(self.composition))
        return LearntPolicy(parts, self.view)

    def _view_alone(self) -> PrimitiveView:
        if self.view is None:
            raise ValueError("this policy does without a primitive; none can act alone. Ask for another policy")
        return self.view

    def _residual_policy(self) -> ResidualPolicy:
        return ResidualPolicy(
            self.hand, self.composition, self.inputs, self.encoder, self.network, self.exploration, self.critic_groups
        )

    def encoded(self, situation: PolicyInput) -> PolicyInput:
        """See `PPOLearning.encoded`."""
        return self._residual_policy().encoded(situation)

    def train(self, mode: bool = True) -> Self:
        """As usual, but the primitive stays in evaluation mode."""
        super().train(mode)
        if self.score_module is not None:
            self.score_module.eval()
        return self

    def _check_parts(self) -> None:
        """Refuse numbers that make no sense and parts that do not go together."""
        check_settings(dict(self.hparams))
        action_dim = self.composition.action_dim(self.hand.num_joints)
        if self.exploration.action_dim != action_dim:
            raise ValueError(
                f"exploration is made for {self.exploration.action_dim} numbers, composition for {action_dim} of the "
                f"hand {self.hand.name}; set exploration.action_dim to the latter"
            )
        if self.score_module is not None and self.score_module.hand is not self.hand:
            raise ValueError(
                f"the primitive is of the hand {self.score_module.hand.name}, the policy of the hand {self.hand.name}; "
                "set model.hand, or give a primitive of that hand"
            )
        if self.score_module is None and self.composition.uses_primitive:
            raise ValueError(
                f"composition {type(self.composition).__name__} uses a primitive and there is none; set "
                "model.primitive, or composition to lightning_modules.composition.Direct"
            )
        if self.score_module is None and self.encoder is None:
            raise ValueError(
                "without a primitive there is no feature of the cloud to share; give the policy an encoder of its own "
                "(model.encoder), for instance lightning_modules.networks.point_encoders.PointNetEncoder"
            )
        is_taught = self.hparams["imitation_rollouts"] > 0 or self.hparams["imitation_coefficient"] > 0.0
        if is_taught and not self.composition.uses_primitive:
            raise ValueError(
                f"a teacher times the primitive, which composition {type(self.composition).__name__} has no use for; "
                "set imitation_rollouts and imitation_coefficient to 0"
            )
