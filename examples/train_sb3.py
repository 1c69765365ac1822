"""Stable-Baselines3's PPO learns how fast the hand should follow the primitive, and when; prints its success as JSON.

One number for all joints, which begins at the primitive's own speed: it closes at once, often before the hand is there.
python examples/train_sb3.py --steps 400000
"""

import argparse
import json

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers.vector import TransformAction
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

import envs  # noqa: F401  (makes the environment known)
from callbacks.metrics.estimates import estimate
from envs.gym.sb3 import SB3Worlds
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.policy.gym_primitive import VectorPrimitiveInTheLoop


def main(args: list[str] | None = None) -> None:
    """Train, and compare the first fifth of the episodes with the last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400_000, help="agent steps")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--max-objects", type=int, help="only so many objects; all when left out")
    parser.add_argument("--output", help="NAME or NAME.zip: the policy to NAME.zip, its inputs' statistics to NAME.pkl")
    given = parser.parse_args(args)
    worlds = gymnasium.make_vec(
        "GraspGF/HumanAssist-v0", num_envs=given.worlds, autoreset_mode="SameStep", path=given.path,
        max_objects=given.max_objects, reward={"following": 0.09, "success": 1.0, "displacement": 3.0},
    )  # fmt: skip
    loop = VectorPrimitiveInTheLoop(worlds, composition=ScaleAndResidual(scale_centre=1.0))
    is_scale = np.arange(2 * 18) < 18  # the first half of an action for the Shadow Hand; residuals stay 0
    one = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    shared = TransformAction(loop, lambda speed: speed * is_scale, single_action_space=one)
    noted = NotedSuccesses(VectorFlatObservation(shared, ["policy_inputs", "primitive_feature"]))
    rows = VecNormalize(SB3Worlds(noted), gamma=0.995)
    network = {"net_arch": [256, 256], "activation_fn": torch.nn.ELU, "log_std_init": -4.0}
    learner = PPO(  # noise stays for 25 steps: a hand that is slow for a single one tells nothing
        "MlpPolicy", rows, n_steps=50, batch_size=min(1600, 50 * given.worlds), n_epochs=10, learning_rate=1e-4,
        target_kl=0.03, gamma=0.995, gae_lambda=0.98, use_sde=True, sde_sample_freq=25, policy_kwargs=network, seed=0,
        device="cpu", verbose=1,
    )  # fmt: skip
    learner.learn(given.steps)
    if given.output is not None:
        learner.save(given.output.removesuffix(".zip") + ".zip")
        rows.save(given.output.removesuffix(".zip") + ".pkl")
    success = {name: estimate(*part, is_rate=True).as_dict() for name, part in noted.first_and_last().items()}
    print(json.dumps({"episodes": len(noted.successes), "success": success}))  # noqa: T201


if __name__ == "__main__":
    main()
