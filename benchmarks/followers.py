"""Ways of following the field, compared: lift rates of one checkpoint by follower, printed as JSON.

On training and development objects, where choices are made.
"""

import argparse
import json
import logging
from typing import Any

import torch
from tqdm import tqdm

from callbacks.field.evaluation import thinned
from callbacks.field.trials import SplitTrials, with_follower
from callbacks.metrics.estimates import estimate
from datamodules.grasps.module import GraspDataModule
from lightning_modules.followers import AnnealedDenoiser, Denoiser, FixedTimeScore, Follower, GapDenoiser
from lightning_modules.primitive import GraspPrimitive

FOLLOWERS: dict[str, Follower] = {
    "score t=0.005, normalised (paper)": FixedTimeScore(0.005),
    "score t=0.1, normalised": FixedTimeScore(0.1),
    "score t=0.3, normalised": FixedTimeScore(0.3),
    "score t=0.1, clipped": FixedTimeScore(0.1, normalise=False),
    "denoiser t=0.1": Denoiser(0.1),
    "denoiser t=0.2": Denoiser(0.2),
    "denoiser t=0.35": Denoiser(0.35),
    "denoiser t=0.5": Denoiser(0.5),
    "annealed 0.35 -> 0.1": AnnealedDenoiser(0.35, 0.1),
    "annealed 0.6 -> 0.15": AnnealedDenoiser(0.6, 0.15),
    "annealed 0.6 -> 0.05": AnnealedDenoiser(0.6, 0.05),
    "annealed 0.8 -> 0.05": AnnealedDenoiser(0.8, 0.05),
    "annealed 0.8 -> 0.05, power 2": AnnealedDenoiser(0.8, 0.05, power=2.0),
    "annealed 1.0 -> 0.02": AnnealedDenoiser(1.0, 0.02),
    "annealed 1.0 -> 0.02, power 2": AnnealedDenoiser(1.0, 0.02, power=2.0),
    "by the gap, 0.8 -> 0.05": GapDenoiser(),
    "annealed 0.8 -> 0.05, joints together": AnnealedDenoiser(synchronised=True),
    "the same, at 0.6 of full speed": AnnealedDenoiser(synchronised=True, speed=0.6),
    "by the gap within 2.5 rad, joints together": GapDenoiser(far=2.5, synchronised=True),
}


def main() -> None:
    """Measure every follower on a part of either split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="pretrained/gf.ckpt")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--grasps", type=int, default=150, help="grasps of each split")
    parser.add_argument("--collisions", action="store_true", help="follow with collisions on as well (slower)")
    given = parser.parse_args()
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    torch.manual_seed(0)
    data = GraspDataModule(path=given.path)
    primitive = GraspPrimitive.from_checkpoint(given.checkpoint)
    table: dict[str, Any] = {name: {} for name in FOLLOWERS}
    with tqdm(total=len(data.val_splits) * len(FOLLOWERS), unit="follower") as bar:
        for split in data.val_splits:
            trials = SplitTrials(thinned(data.table(split), data.library, data.num_points, given.grasps), data.library)
            feature = trials.encode(primitive)
            groups = trials.table.object_index.numpy()
            for name, follower in FOLLOWERS.items():
                changed = with_follower(primitive, follower)
                values = trials.field("field_success", changed, feature, with_collisions=given.collisions)
                table[name][split] = {
                    key: estimate(column, groups, is_rate="success" in key).as_dict() for key, column in values.items()
                }
                bar.update()
    print(json.dumps({"checkpoint": given.checkpoint, "grasps_per_split": given.grasps, "followers": table}, indent=1))


if __name__ == "__main__":
    main()
