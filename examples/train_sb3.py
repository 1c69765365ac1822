"""Stable-Baselines3's PPO moves the fingers, the primitive in the loop; prints its success as JSON.

python examples/train_sb3.py --steps 200000
"""

import argparse
import json
from collections.abc import Sequence

import gymnasium
import torch
from stable_baselines3 import PPO

import envs  # noqa: F401  (makes the environment known)
from envs.gym.sb3 import SB3Worlds
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.policy.gym_primitive import VectorPrimitiveInTheLoop


def main(args: Sequence[str] | None = None) -> None:
    """Train, and compare the first fifth of the episodes with the last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="agent steps")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--max-objects", type=int, help="only so many objects; all when left out")
    parser.add_argument("--output", help="file of the trained policy (.zip)")
    given = parser.parse_args(args)
    worlds = gymnasium.make_vec(
        "GraspGF/HumanAssist-v0", num_envs=given.worlds, autoreset_mode="SameStep", reward="default",
        path=given.path, max_objects=given.max_objects,
    )  # fmt: skip
    loop = VectorPrimitiveInTheLoop(worlds, composition=ScaleAndResidual())  # untrained: the primitive alone
    rows = VectorFlatObservation(loop, ["policy_inputs", "primitive_feature"])
    noted = NotedSuccesses(rows)
    network = {"net_arch": [256, 256], "activation_fn": torch.nn.ELU, "log_std_init": -2.0}
    learner = PPO(
        "MlpPolicy", SB3Worlds(noted), n_steps=50, batch_size=min(1600, 50 * given.worlds), n_epochs=4, gamma=0.995,
        gae_lambda=0.98, learning_rate=2e-4, policy_kwargs=network, seed=0, device="cpu", verbose=1,
    )  # fmt: skip
    learner.learn(given.steps)
    if given.output is not None:
        learner.save(given.output)
    print(json.dumps({"episodes": len(noted.successes), "success": noted.first_and_last()}))  # noqa: T201


if __name__ == "__main__":
    main()
