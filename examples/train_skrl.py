"""skrl's PPO moves the fingers, the primitive in the loop; prints its success as JSON.

python examples/train_skrl.py --steps 200000
"""

import argparse
import json

import gymnasium
from skrl.agents.torch.ppo import PPO
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.trainers.torch import SequentialTrainer
from skrl.utils.model_instantiators.torch import deterministic_model, gaussian_model

import envs  # noqa: F401  (makes the environment known)
from callbacks.metrics.estimates import estimate
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from lightning_modules.composition import ScaleAndResidual
from lightning_modules.policy.gym_primitive import VectorPrimitiveInTheLoop

NETWORK = [{"name": "net", "input": "OBSERVATIONS", "layers": [256, 256], "activations": "elu"}]


def main(args: list[str] | None = None) -> None:
    """Train; curves and checkpoints go to a folder. Compare the first fifth of the episodes with the last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200_000, help="agent steps")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--max-objects", type=int, help="only so many objects; all when left out")
    parser.add_argument("--output", default="runs/skrl", help="folder of curves and checkpoints")
    given = parser.parse_args(args)
    worlds = gymnasium.make_vec(
        "GraspGF/HumanAssist-v0", num_envs=given.worlds, autoreset_mode="SameStep", reward="default",
        path=given.path, max_objects=given.max_objects,
    )  # fmt: skip
    loop = VectorPrimitiveInTheLoop(worlds, composition=ScaleAndResidual())  # untrained: the primitive alone
    noted = NotedSuccesses(VectorFlatObservation(loop, ["policy_inputs", "primitive_feature"]))
    env = wrap_env(noted, wrapper="gymnasium", verbose=False)
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space, "device": "cpu"}
    models = {
        "policy": gaussian_model(**spaces, initial_log_std=-2.0, network=NETWORK, output="ACTIONS"),
        "value": deterministic_model(**spaces, network=NETWORK, output="ONE"),
    }
    settings = {
        "rollouts": 50, "learning_epochs": 4, "mini_batches": 2, "discount_factor": 0.995, "gae_lambda": 0.98,
        "learning_rate": 2e-4, "experiment": {"directory": given.output},
    }  # fmt: skip
    memory = RandomMemory(memory_size=50, num_envs=given.worlds, device="cpu")
    agent = PPO(models=models, memory=memory, cfg=settings, **spaces)
    told = {"timesteps": given.steps // given.worlds, "headless": True, "close_environment_at_exit": False}
    SequentialTrainer(env=env, agents=agent, cfg=told).train()
    success = {name: estimate(*part, is_rate=True).as_dict() for name, part in noted.first_and_last().items()}
    print(json.dumps({"episodes": len(noted.successes), "success": success}))  # noqa: T201


if __name__ == "__main__":
    main()
