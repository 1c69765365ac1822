"""What the tests of learning share: tiny grasp sets, tiny networks, command lines."""

import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.synthesis.prototypes import load_prototypes
from datamodules.synthesis.synthesizer import GraspSynthesizer
from datamodules.types import GraspBatch
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from lightning_modules.cli import main
from lightning_modules.diffusion.joint_state import JointState
from lightning_modules.diffusion.losses import ScoreFn
from lightning_modules.diffusion.sde import SDE
from lightning_modules.followers import Follower
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.score_module import ScoreMatchingModule
from tests.datamodules.grasps.examples import TINY, made_up_set, prototypes

HAND = shadow_hand()

ROOT = Path(__file__).resolve().parent.parent
GF = ROOT / "configs" / "gf.yaml"
SMOKE = ROOT / "configs" / "smoke" / "gf.yaml"

TINY_OBJECTS = (
    ("box", 0, "train"),
    ("mug", 0, "train"),
    ("box", 92, "unseen_instances"),
    ("stapler", 0, "unseen_families"),
    ("wine_glass", 0, "unseen_families"),
)
"""Family, seed and split, as in the split file "small"."""


def tiny_grasp_set(hand: Hand = HAND) -> GraspSet:
    """Verified grasps of a few objects of each split, of the Shadow Hand from the tests' own hand shapes."""
    settings = replace(TINY, seed=4, quota=4, wanted=4, max_hands=24, batch=6)
    if hand is not HAND:
        settings = replace(settings, types=("wrap", "pinch_index"))
    synthesizer = GraspSynthesizer(hand, settings, prototypes() if hand is HAND else load_prototypes(hand))
    parts = [
        synthesizer.synthesize(make_object(family, seed), split, with_reachability=False).grasps
        for family, seed, split in TINY_OBJECTS
    ]
    return concatenate(parts, {"made_for": "tests"})


def uneven_set(counts: tuple[int, ...] = (2, 8), split: str = "train") -> GraspSet:
    """Made-up grasps of boxes, as many of each as ``counts`` says."""
    parts = [made_up_set(f"box_{seed:05d}", split, count, seed) for seed, count in enumerate(counts)]
    return concatenate(parts, {})


def tiny_module(
    *,
    sde: SDE | None = None,
    joint_state: JointState | None = None,
    follower: Follower | None = None,
    learning_rate: float = 1.0e-3,
    width: int = 32,
    seed: int = 0,
    sees_table: bool = False,
    refines: bool = False,
) -> ScoreMatchingModule:
    """A score module with a PointNet, some 10,000 parameters, always the same weights."""
    torch.manual_seed(0)
    return ScoreMatchingModule(
        encoder=PointNetEncoder(widths=(8, 16), feature_widths=(16,)),
        sde=sde,
        joint_state=joint_state,
        follower=follower,
        joint_width=width,
        time_width=8,
        hidden_width=width,
        sees_table=sees_table,
        refines=refines,
        draws=4,
        learning_rate=learning_rate,
        warmup_steps=1,
        seed=seed,
    )


def made_up_batch(count: int = 4, num_points: int = 24, seed: int = 0) -> GraspBatch:
    """Random joints in [-1, 1] and clouds of some centimetres, each 5 cm further along x."""
    generator = torch.Generator().manual_seed(seed)
    offset = 0.05 * torch.arange(count)[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    return GraspBatch(
        joint_pos=2.0 * torch.rand(count, 18, generator=generator) - 1.0,
        points_h=0.1 * torch.rand(count, num_points, 3, generator=generator) + offset,
        grasp_index=torch.arange(count),
    )


def gaussian_score(mean: Tensor, spread: float, sde: SDE) -> ScoreFn:
    """Score of the noised states when clean ones are N(mean, spread^2): -(x - alpha m) / (alpha^2 s^2 + std^2)."""

    def score(state: Tensor, t: Tensor) -> Tensor:
        alpha, std = sde.mean_coefficient(t)[..., None], sde.std(t)[..., None]
        return -(state - alpha * mean) / (alpha.square() * spread**2 + std.square())

    return score


def command(subcommand: str, grasp_set: Path, root: Path, *more: str | Path) -> list[str]:
    """A command line of the smoke configuration on ``grasp_set`` that writes below ``root``; ``more`` comes last."""
    return [
        subcommand,
        f"--config={GF}",
        f"--config={SMOKE}",
        f"--data.init_args.path={grasp_set}",
        f"--trainer.default_root_dir={root}",
        *map(str, more),
    ]


def run(args: list[str]) -> None:
    """Run the real command line on ``args``, as if they were the process's own."""
    with patch.object(sys, "argv", ["graspgf"]):
        main(args)


EVALUATION = (
    "    - class_path: callbacks.field.evaluation.FieldEvaluation\n"
    "      init_args: {every_n_epochs: 1, num_grasps: 1, max_test_grasps: 1, with_baselines: false, num_failures: 0}\n"
)
"""For `few_callbacks`: one grasp of each split, the field alone."""


def few_callbacks(path: Path, *more: str) -> str:
    """Writes a configuration with ``more`` (YAML) and the callbacks that training needs, and returns its option.

    Without evaluation and pictures a run takes tenths of a second.
    """
    path.write_text(
        f"trainer:\n  limit_val_batches: {2 if more else 0}\n  callbacks:\n" + "".join(more) + "    "
        "- class_path: callbacks.training.ema.WarmupEMA\n"
        "    - class_path: callbacks.training.checkpoints.RunCheckpoint\n"
        "      init_args: {save_last: true, save_top_k: 1, enable_version_counter: false}\n"
    )
    return f"--config={path}"
