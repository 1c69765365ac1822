"""What the residual policy starts from, compared without learning: success of grasps, printed as JSON.

Ways of following the field on a moving wrist, at once and held back to a fixed step; the primitive told when (by a
teacher who knows when the wrist arrives, as that of the policy does), as a scale of its action and as an extent of its
grasp, for which the hand waits pre-shaped; and a primitive that was trained on grasp poses only beside it. All on the
same episodes. Those that are told when follow the field as configs/residual_ppo.yaml does.

    python benchmarks/policy_choices.py --episodes 256
    python benchmarks/policy_choices.py --episodes 500 --task user --split development --only-told \\
        --teacher 7 0.3 0 --teacher 10 0.3 8
"""

import argparse
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from _machine import load_average, machine
from numpy.typing import NDArray
from tqdm import tqdm

from callbacks.metrics.estimates import estimate
from datamodules.baselines.scripts import oracle
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from datamodules.rollouts.teacher import ArrivalTeacher
from envs.rows import take_rows
from envs.task.outcomes import EpisodeOutcome
from envs.task.settings import TaskSettings
from envs.wrist.user_movement import UserMovement
from lightning_modules.composition import Composition, ExtentAndResidual, ScaleAndResidual
from lightning_modules.followers import AnnealedDenoiser, Denoiser, FixedTimeScore, Follower, GapDenoiser
from lightning_modules.policy.finger_policies import PrimitivePolicy, ToldPrimitive
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.primitive import GraspPrimitive

FOLLOWERS: dict[str, Follower] = {
    "denoiser t=0.35": Denoiser(0.35),
    "denoiser t=0.5": Denoiser(0.5),
    "denoiser t=0.7": Denoiser(0.7),
    "annealed by distance 0.8 -> 0.2": AnnealedDenoiser(0.8, 0.2),
    "annealed by distance 0.6 -> 0.1": AnnealedDenoiser(0.6, 0.1),
    "by the gap 0.8 -> 0.05 within 1 rad": GapDenoiser(far=1.0),
    "by the gap 0.8 -> 0.05 within 1.5 rad": GapDenoiser(),
    "by the gap 0.8 -> 0.05 within 2.5 rad": GapDenoiser(far=2.5),
    "by the gap 0.8 -> 0.1 within 2.5 rad": GapDenoiser(t_near=0.1, far=2.5),
    "score t=0.005, normalised (paper)": FixedTimeScore(0.005),
}


TEACHERS = ((4, 0.0, 0), (10, 0.0, 0), (16, 0.0, 0), (10, 0.3, 0))
"""Lead, squeeze and delay of the teachers that are tried unless others are given."""

TASKS = {"paper": TaskSettings(), "user": TaskSettings(movement=UserMovement())}
"""As configs/task/paper.yaml and user.yaml have them."""

SCENE_TOLERANCE = 1.5e-3
"""Metres, `model.scene_tolerance` of configs/residual_ppo.yaml."""


def of_policy() -> Follower:
    """The follower of configs/residual_ppo.yaml."""
    return GapDenoiser(far=2.5, synchronised=True)


def view(checkpoint: str, follower: Follower) -> PrimitiveView:
    """The primitive of a checkpoint, followed in a given way."""
    return PrimitiveView(GraspPrimitive.from_checkpoint(checkpoint, follower))


def told_policies(
    checkpoint: str, teachers: Sequence[ArrivalTeacher], waiting: Sequence[float]
) -> dict[str, FingerPolicy]:
    """The primitive told when, by name: by each teacher, as a scale and with each share of the way that waits."""
    found: dict[str, FingerPolicy] = {}
    told = PrimitiveView(GraspPrimitive.from_checkpoint(checkpoint, of_policy()), SCENE_TOLERANCE)
    compositions: dict[str, Composition] = {"scale": ScaleAndResidual()}
    compositions |= {f"extent, waits with {share:g} of the way": ExtentAndResidual(share) for share in waiting}
    for teacher in teachers:
        when = f"told {teacher.lead} steps before arrival, squeeze {teacher.squeeze:g}"
        when += f" from {teacher.delay} steps after it on" if teacher.squeeze else ""
        found |= {f"{when}, {name}": ToldPrimitive(told.anew(), teacher, each) for name, each in compositions.items()}
    return found


def followed(approach: str, poses_only: str | None, step: int) -> dict[str, FingerPolicy]:
    """Ways of following the field that are told nothing, by name."""
    found: dict[str, FingerPolicy] = {}
    for name, follower in FOLLOWERS.items():
        found[f"{name}, at once"] = PrimitivePolicy(view(approach, follower))
        found[f"{name}, from step {step}"] = PrimitivePolicy(view(approach, follower), step)
    if poses_only is not None:
        other = view(poses_only, GapDenoiser())
        found["grasp poses only, at once"] = PrimitivePolicy(other)
        found[f"grasp poses only, from step {step}"] = PrimitivePolicy(other, step)
    return found


def policies(given: argparse.Namespace) -> dict[str, FingerPolicy]:
    """Everything that is compared, by name."""
    teachers = [ArrivalTeacher(int(lead), squeeze=grip, delay=int(late)) for lead, grip, late in given.teacher]
    found: dict[str, FingerPolicy] = {"stored grasp on arrival": oracle()}
    found |= {} if given.only_told else followed(given.primitive, given.poses_only, given.step)
    found |= told_policies(given.primitive, teachers, given.waiting)
    if given.poses_only is not None:
        others = told_policies(given.poses_only, [ArrivalTeacher(squeeze=0.0)], [])
        found |= {f"grasp poses only, {name}": policy for name, policy in others.items()}
    return found


def numbers(outcome: EpisodeOutcome, objects: NDArray[np.int64]) -> dict[str, Any]:
    """What is told of a policy: of the episodes in which the wrist comes to grasp, and how often others disturb.

    Args:
        outcome: of N episodes.
        objects: the object of each (N,).
    """
    grasps, others = np.flatnonzero(outcome.is_grasp), np.flatnonzero(~outcome.is_grasp)
    grasped, of_grasps = take_rows(outcome, grasps), objects[grasps]
    told: dict[str, Any] = {
        "success": estimate(grasped.is_success.astype(float), of_grasps, is_rate=True).as_dict(),
        "posture_rad": estimate(grasped.posture_rad, of_grasps, is_rate=False).as_dict(),
        "translation_m": estimate(grasped.translation_m, of_grasps, is_rate=False).as_dict(),
        "translation_median_m": float(np.median(grasped.translation_m)),
        "causes": grasped.cause_counts(),
    }
    if len(others):
        is_disturbed = ~outcome.is_success[others]
        told["disturbed"] = estimate(is_disturbed.astype(float), objects[others], is_rate=True).as_dict()
    return told


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--primitive", default="pretrained/gf.ckpt", help="trained on views along the way")
    parser.add_argument("--poses-only", help="one more, trained with configs/ablations/grasp_poses_only.yaml")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--split", default="train", choices=("train", "development"), help="objects of the episodes")
    parser.add_argument("--task", default="paper", choices=tuple(TASKS), help="how wrists move, and who lifts")
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--step", type=int, default=26, help="fixed step of the policies that are held back")
    parser.add_argument(
        "--teacher", type=float, nargs=3, action="append", metavar=("LEAD", "SQUEEZE", "DELAY"),
        help="lead, squeeze and delay of datamodules.rollouts.teacher.ArrivalTeacher; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--waiting", type=float, nargs="*", default=[0.3], help="of lightning_modules.composition.ExtentAndResidual"
    )
    parser.add_argument("--only-told", action="store_true", help="leave out what is told nothing")
    found = parser.parse_args(given)
    found.teacher = found.teacher or TEACHERS
    return found


def main() -> None:
    """Run every policy on the same episodes."""
    given = arguments()
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    load, task = load_average(), TASKS[given.task]
    data = RolloutDataModule(path=given.path, task=task)
    targets = data.targets(given.split)
    period_s = data.physics.settings.control_dt
    episodes = planned_episodes(
        SpreadPlan(given.episodes), targets, data.patterns, is_training=True, seed=0, task=task, period_s=period_s
    )
    runner = EpisodeRunner(data.physics, task=task)
    groups = targets.object_index[episodes.grasp_row]
    table = {
        name: numbers(runner.run(policy, episodes), groups)
        for name, policy in tqdm(policies(given).items(), unit="policy")
    }
    about = {name: getattr(given, name) for name in ("task", "split", "episodes", "primitive")}
    print(json.dumps({"benchmark": "policy_choices", **about, "policies": table, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
