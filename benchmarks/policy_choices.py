"""What the residual policy starts from, compared without learning: success on training objects, printed as JSON.

Ways of following the field on a moving wrist, at once and held back to a fixed step; the primitive let through at the
right time (a gate that knows when the wrist arrives, as the teacher of the policy does), with and without a squeeze;
and a primitive that was trained on grasp poses only beside it. All on the same episodes.

    python benchmarks/policy_choices.py --episodes 256
"""

import argparse
import json
import logging
from typing import Any

import numpy as np
from _machine import load_average, machine
from tqdm import tqdm

from callbacks.metrics.estimates import estimate
from datamodules.baselines.scripts import oracle
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from datamodules.rollouts.teacher import ArrivalTeacher
from envs.hand.shadow import shadow_hand
from envs.physics.base import Array
from envs.task.episodes import Episodes
from envs.task.observations import Observation
from lightning_modules.followers import AnnealedDenoiser, Denoiser, FixedTimeScore, Follower, GapDenoiser
from lightning_modules.policy.finger_policies import PrimitivePolicy
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


class TaughtFingers:
    """What the teacher of timing advises: gate * a_p + grip * closing. Knows when the wrist will arrive."""

    def __init__(self, view: PrimitiveView, teacher: ArrivalTeacher) -> None:
        self._view = view
        self._teacher = teacher

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._view.start()

    def tell(self, episodes: Episodes) -> None:
        """See `ToldPolicy.tell`."""
        self._gate = self._teacher.gate(episodes).numpy()[..., None]
        self._grip = self._teacher.grip(episodes).numpy()[..., None]

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        a_p = self._view.heading(observation, self._view.scene(observation)).action.double().numpy()
        return self._gate[step] * a_p + self._grip[step] * shadow_hand().closing


def view(checkpoint: str, follower: Follower) -> PrimitiveView:
    """The primitive of a checkpoint, followed in a given way."""
    return PrimitiveView(GraspPrimitive.from_checkpoint(checkpoint, follower))


def policies(approach: str, poses_only: str | None, step: int) -> dict[str, FingerPolicy]:
    """Everything that is compared, by name."""
    found: dict[str, FingerPolicy] = {"stored grasp on arrival": oracle()}
    for name, follower in FOLLOWERS.items():
        found[f"{name}, at once"] = PrimitivePolicy(view(approach, follower))
        found[f"{name}, from step {step}"] = PrimitivePolicy(view(approach, follower), step)
    chosen = GapDenoiser()
    for lead, squeeze in ((4, 0.0), (10, 0.0), (16, 0.0), (10, 0.3)):
        teacher = ArrivalTeacher(lead=lead, squeeze=squeeze)
        found[f"gate {lead} steps before arrival, squeeze {squeeze}"] = TaughtFingers(view(approach, chosen), teacher)
    if poses_only is not None:
        other = view(poses_only, chosen)
        found["grasp poses only, at once"] = PrimitivePolicy(other)
        found[f"grasp poses only, from step {step}"] = PrimitivePolicy(other, step)
        found["grasp poses only, gate 10, squeeze 0.0"] = TaughtFingers(other, ArrivalTeacher(squeeze=0.0))
    return found


def main() -> None:
    """Run every policy on the same episodes of training objects."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--primitive", default="pretrained/gf.ckpt", help="trained on views along the way")
    parser.add_argument("--poses-only", help="one more, trained with configs/ablations/grasp_poses_only.yaml")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--step", type=int, default=26, help="fixed step of the policies that are held back")
    given = parser.parse_args()
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    load = load_average()
    data = RolloutDataModule(path=given.path)
    targets = data.targets("train")
    episodes = planned_episodes(SpreadPlan(given.episodes), targets, data.patterns, is_training=True, seed=0)
    runner = EpisodeRunner(data.physics)
    groups = targets.object_index[episodes.grasp_row]
    table: dict[str, Any] = {}
    for name, policy in tqdm(policies(given.primitive, given.poses_only, given.step).items(), unit="policy"):
        outcome = runner.run(policy, episodes)
        table[name] = {
            "success": estimate(outcome.is_success.astype(float), groups, is_rate=True).as_dict(),
            "posture_rad": estimate(outcome.posture_rad, groups, is_rate=False).as_dict(),
            "translation_median_m": float(np.median(outcome.translation_m)),
            "causes": outcome.cause_counts(),
        }
    report = {"benchmark": "policy_choices", "episodes": given.episodes, "policies": table, "machine": machine(load)}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
