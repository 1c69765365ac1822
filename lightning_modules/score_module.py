"""Training of GraspGF by denoising score matching."""

import logging
import warnings
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from datamodules.types import GraspBatch
from envs.conventions import SPLITS
from envs.geometry.object_clouds import KnownObjects
from envs.geometry.point_grouping import CloudGrouping
from envs.hand.registry import load_hand
from envs.ranges import AT_LEAST_0, AT_LEAST_1, POSITIVE, SHARE, Interval, check_numbers
from lightning_modules.checkpoints import leave_out_objects
from lightning_modules.diffusion.joint_state import JointState, JointVector
from lightning_modules.diffusion.losses import ScoreFn, denoising_loss
from lightning_modules.diffusion.sde import SDE, VPSDE
from lightning_modules.followers import AnnealedDenoiser, Follower
from lightning_modules.hand_guard import check_same_hand
from lightning_modules.networks.point_encoders import PointEncoder, PointNet2Encoder
from lightning_modules.networks.refiner import NEAR_POINTS, GraspRefiner
from lightning_modules.networks.score_network import ScoreNetwork
from lightning_modules.schedule_guard import check_learning_rate, learning_rate_factor, steps_of_run

_LOG = logging.getLogger(__name__)

PLANNED_STEPS = "planned_steps"
"""Field of a checkpoint: optimiser steps over which the learning rate falls."""

TABLE_WIDTH = 64
"""Numbers that describe the table to a network that sees it."""

_NEEDED = {
    "draws": AT_LEAST_1,
    "eps": Interval(0.0, 1.0, has_low=False, has_high=False),
    "learning_rate": POSITIVE,
    "warmup_steps": AT_LEAST_0,
    "decay_to": SHARE,
    "seed": AT_LEAST_0,
}
"""What the numbers of training have to be."""


class ScoreMatchingModule(LightningModule):
    """The score of successful grasps given the object cloud in the hand frame (GraspGF Sec. 3.1, eq. 8).

    Args:
        hand: whose grasps are learnt, see envs.hand.registry; checkpoints that do not say are of the Shadow Hand.
        encoder: point-cloud encoder; PointNet++ for the primitive, PointNet to pre-train the residual policy's.
        sde: noising process.
        joint_state: the joints, or sine and cosine of them.
        follower: how a primitive made of this module follows the field; does not enter training. The annealed denoiser,
            the best one measured, when None.
        joint_width: width of the layers that read the joints.
        time_width: size of the time embedding.
        hidden_width: width of the two conditioned blocks.
        block_depth: layers in each block.
        time_scale: spread of the Fourier frequencies of the diffusion time; the released code uses 30.
        sees_table: the score is conditioned on the table, too: its normal and the height of the hand, known where the
            cloud is; GraspGF conditions on the cloud alone.
        refines: a second look corrects the score (`lightning_modules.networks.refiner.GraspRefiner`); needs sees_table.
        draws: draws of (t, z) for each cloud of a batch; the cloud is encoded once for all of them.
        eps: smallest diffusion time, in (0, 1).
        learning_rate: Adam step size.
        warmup_steps: steps over which the learning rate rises to its value.
        decay_to: fraction of the learning rate that is left at the end of training (cosine); 1 keeps it constant.
        seed: decides t and z together with step, its batch and rank, so that a resumed run draws what an uninterrupted
            one would.
    """

    training_only = ("learning_rate", "warmup_steps", "decay_to", "draws", "eps", "seed", "follower")
    """Settings that say how a field is learnt, not what it is; how it is followed may change, too."""

    def __init__(
        self,
        hand: str = "shadow",
        encoder: PointEncoder | None = None,
        sde: SDE | None = None,
        joint_state: JointState | None = None,
        follower: Follower | None = None,
        joint_width: int = 256,
        time_width: int = 128,
        hidden_width: int = 512,
        block_depth: int = 1,
        time_scale: float = 30.0,
        sees_table: bool = False,
        refines: bool = False,
        draws: int = 32,
        eps: float = 1.0e-5,
        learning_rate: float = 2.0e-4,
        warmup_steps: int = 100,
        decay_to: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Attribute 'encoder' is an instance of `nn.Module`")
            self.save_hyperparameters()
        check_numbers(dict(self.hparams), _NEEDED)
        leave_out_objects(self, ("encoder", "sde", "joint_state", "follower"))
        self.hand = load_hand(hand)
        self.sde = VPSDE() if sde is None else sde
        self.joint_state = JointVector(self.hand.num_joints) if joint_state is None else joint_state
        if self.joint_state.num_joints != self.hand.num_joints:
            raise ValueError(
                f"joint_state is of {self.joint_state.num_joints} joints, the hand {self.hand.name} has "
                f"{self.hand.num_joints}; set joint_state.num_joints to that"
            )
        self.follower = AnnealedDenoiser() if follower is None else follower
        self.network = ScoreNetwork(
            PointNet2Encoder() if encoder is None else encoder,
            self.joint_state.dim,
            joint_width,
            time_width,
            hidden_width,
            block_depth,
            time_scale,
            TABLE_WIDTH if sees_table else 0,
        )
        self.refiner: GraspRefiner | None = None
        if refines:
            if not sees_table:
                raise ValueError("refines is true and sees_table false; a second look needs the table, too: set both")
            widths = (joint_width, self.network.feature_dim, time_width, hidden_width)
            self.refiner = GraspRefiner(self.hand, self.joint_state.dim, *widths)
        self.draws = draws
        self.eps = eps
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.decay_to = decay_to
        self.seed = seed
        self._planned_steps: int | None = None

    def setup(self, stage: str) -> None:
        """Refuse data of another hand; forget the schedule of an earlier run (a checkpoint is read after this).

        Raises:
            ValueError: names both hands.
        """
        check_same_hand(self.hand, self.trainer)
        self._planned_steps = None

    def encode(self, points_h: Tensor, objects: KnownObjects | None = None, table_h: Tensor | None = None) -> Tensor:
        """Scenes (B, S); see `GraspPrimitive.encode`."""
        spec = self.network.encoder.grouping_spec
        known = None if spec is None or objects is None else objects.grouping(spec, points_h)
        return self.encode_grouped(points_h, known, table_h)

    def encode_grouped(self, points_h: Tensor, grouping: CloudGrouping | None, table_h: Tensor | None) -> Tensor:
        """Scenes (B, S) of clouds whose groups are known; grouped here when None.

        The feature, what the conditioned blocks make of it, and for a second look the table and points.
        """
        feature = self.network.encode(points_h, grouping, table_h)
        parts = [feature, *self.network.conditions(feature)]
        if self.refiner is not None and table_h is not None:
            # not in the type of the feature, which is bfloat16 in mixed precision: millimetres count
            parts += [self.refiner.block.of_cloud(feature), table_h, points_h[:, :NEAR_POINTS].flatten(1)]
        return torch.cat(parts, dim=1)

    def feature(self, scene: Tensor) -> Tensor:
        """The learnt features (B, F) of scenes (B, S): what others than the score may read."""
        return scene[:, : self.network.feature_dim].contiguous()

    def score_fn(self, scene: Tensor) -> ScoreFn:
        """score(x, t) conditioned on scenes (B, S).

        Raises:
            ValueError: these are no scenes of `encode`, a feature alone for instance.
        """
        least = sum(self.network.scene_sizes)
        if scene.shape[1] < least:
            raise ValueError(f"scenes of {scene.shape[1]} numbers, expected at least {least} as of encode")
        if self.refiner is not None:
            return _RefinedScore(self.network, self.refiner, self.joint_state, self.sde, scene)
        feature, *conditions = scene.split(self.network.scene_sizes, dim=1)
        return lambda state, t: self.network.score(state, feature, t, self.sde, conditions)

    def _losses(self, batch: GraspBatch, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Losses (B,) of every grasp, eq. 8, averaged over ``draws`` of (t, z), and what is descended in training.

        A second look is trained on the first one's estimates as they are, whose head learns from its own loss.
        """
        state = self.joint_state.encode(batch.joint_pos)
        shape = (len(batch), draws)
        # stratified over the draws: every cloud sees the whole range of times in each step, at no cost
        offset = torch.rand(shape, generator=generator)
        t = self.eps + (1.0 - self.eps) * (torch.arange(draws) + offset) / draws
        z = torch.randn((*shape, state.shape[-1]), generator=generator)
        score = self.score_fn(self.encode(batch.points_h, batch.objects, batch.table_h))
        t, z = t.to(state.device), z.to(state.device)
        losses = denoising_loss(score, self.sde, state, t=t, z=z)
        if not isinstance(score, _RefinedScore):
            return losses, losses
        return losses, losses + (score.first + z).square().sum(dim=-1).mean(dim=1)

    def training_step(self, batch: GraspBatch, batch_idx: int) -> Tensor:
        """Mean loss of a batch."""
        accumulated = self.trainer.accumulate_grad_batches
        step = self.global_step * accumulated + batch_idx % accumulated  # batches of one optimiser step draw apart
        losses, descended = self._losses(batch, self.draws, self._generator(step, self.global_rank))
        self.log("train/dsm_loss", losses.mean(), prog_bar=True, batch_size=len(batch), sync_dist=True)
        return descended.mean()

    def _evaluate(self, stage: str, batch: GraspBatch, batch_idx: int, dataloader_idx: int) -> None:
        losses, _ = self._losses(batch, self.draws, self._generator(2**40 + batch_idx, dataloader_idx))
        splits = getattr(getattr(self.trainer, "datamodule", None), f"{stage}_splits", SPLITS)
        name = f"{stage}/dsm_loss/{splits[dataloader_idx]}"
        self.log(name, losses.mean(), batch_size=len(batch), add_dataloader_idx=False, sync_dist=True)

    def validation_step(self, batch: GraspBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Loss on held-out grasps, with the same draws of (t, z) at every call."""
        self._evaluate("val", batch, batch_idx, dataloader_idx)

    def test_step(self, batch: GraspBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """As in validation."""
        self._evaluate("test", batch, batch_idx, dataloader_idx)

    def held_out_losses(self, batch: GraspBatch, draws: int = 64) -> Tensor:
        """Loss of every grasp (B,) with draws that depend on nothing but the number of grasps."""
        return self._losses(batch, draws, self._generator(2**41, 0))[0]

    def _generator(self, step: int, stream: int) -> torch.Generator:
        state = np.random.SeedSequence([self.seed, step, stream]).generate_state(1, dtype=np.uint64)[0]
        return torch.Generator().manual_seed(int(state >> np.uint64(1)))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep over how many steps the learning rate falls."""
        checkpoint[PLANNED_STEPS] = self._planned_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the schedule that the run began with, however many epochs it has now."""
        self._planned_steps = checkpoint.get(PLANNED_STEPS)

    def on_train_start(self) -> None:
        """Hold the learning rate of a resumed run against its schedule.

        Raises:
            ValueError: the checkpoint is of before they kept their schedule, and this run has another number of steps.
        """
        check_learning_rate(self.optimizers(use_pl_optimizer=False), self.lr_schedulers())

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam with warm-up and, if asked for, a cosine decay over the planned number of steps."""
        optimizer: Optimizer = Adam(self.parameters(), lr=self.learning_rate)
        total = steps_of_run(self.trainer, self.decay_to) if self.decay_to < 1.0 else 1
        if self._planned_steps is None:
            self._planned_steps = total
        elif self._planned_steps != total:
            _LOG.warning(
                "the learning rate falls over %d steps, as this run was begun, though it has %d now: it goes on "
                "without a jump, and stays at its last value after these", self._planned_steps, total,
            )  # fmt: skip
        total = self._planned_steps
        schedule = LambdaLR(optimizer, lambda step: learning_rate_factor(step, self.warmup_steps, total, self.decay_to))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _RefinedScore:
    """The score of a network and its refiner, conditioned on scenes (B, S).

    Attributes:
        first: what the network alone made of the last states, std times the score.
    """

    def __init__(
        self, network: ScoreNetwork, refiner: GraspRefiner, joint_state: JointState, sde: SDE, scene: Tensor
    ) -> None:
        self._network, self._refiner, self._joint_state, self._sde = network, refiner, joint_state, sde
        first = [*network.scene_sizes, refiner.block.width, 4]
        parts = scene.split([*first, scene.shape[1] - sum(first)], dim=1)
        self._feature, *self._conditions, self._of_cloud, self._table_h, points_h = parts
        self._points_h = points_h.unflatten(1, (-1, 3))
        self.first = scene.new_zeros(())

    def rough(self, state: Tensor, t: Tensor) -> Tensor:
        """The score of the network alone, at half the cost."""
        return self._network.score(state, self._feature, t, self._sde, self._conditions)

    def __call__(self, state: Tensor, t: Tensor) -> Tensor:
        network, sde = self._network, self._sde
        self.first = network.head(state, self._feature, t, self._conditions)
        first, std = self.first.detach(), sde.std(t)[..., None]
        clean = sde.clean_estimate(state, first / std, t).clamp(-1.0, 1.0)
        joint_pos = self._joint_state.decode(clean).clamp(-1.0, 1.0)
        fingers = self._refiner.fingers(joint_pos, self._points_h, self._table_h)
        return (first + self._refiner(state, clean, fingers, self._of_cloud, network.read_time(t))) / std
