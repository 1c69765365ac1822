"""Our PPO beside those of Stable-Baselines3 and skrl: the same worlds, episodes of the same kind, the same network.

Each trains the network of configs/residual_ppo.yaml, from the same weights, in as many agent steps, with the paper's
action (which begins with the primitive alone) and white noise on it; without imitation, errors of perception and a
critic that sees more; by the same reward, discount, batches and passes. What stays is each one's own: ours adapts its
learning rate, has another one for the critic, collects on several threads (--threads) or in several processes
(--processes, as configs/two_processes.yaml) and goes on normalising inputs; the others, which know but one process,
get inputs normalised by a first look. Agent steps/s are those of whole turns (a rollout and what is learnt
from it), without the first. Success: of the policies without exploration on the same episodes of objects that no
trainer saw. Prints JSON.

    python benchmarks/peers.py --rollouts 40
    python benchmarks/peers.py --rollouts 40 --processes 2
    python benchmarks/peers.py --trainers ours sb3 --rollouts 3 --worlds 64 --episodes 32
"""

import argparse
import json
import logging
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
import torch
import torch.distributed as dist
from _machine import load_average, machine
from gymnasium.vector import VectorEnv, VectorWrapper
from ppo_throughput import Turns, build, train
from scale import Everybody
from torch import Tensor, nn

import envs  # noqa: F401  (makes the environment known)
from callbacks.metrics.estimates import estimate
from datamodules.ranks import rank
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import UNSEEN_SPLITS
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput, PolicyOutput
from lightning_modules.policy.gym_primitive import VectorPrimitiveInTheLoop
from lightning_modules.quiet import quieten
from lightning_modules.residual_ppo_module import ResidualPPOModule

CONFIG = "configs/residual_ppo.yaml"
NOISE_STD = 0.13
"""As in configs/ablations/policy/independent_noise.yaml."""

STEPS = 50
"""Control steps of a rollout, which are those of an episode."""

BATCH, GAMMA, LAMBDA, EPOCHS, LEARNING_RATE, GRAD_NORM = 2560, 0.995, 0.98, 4, 2.0e-4, 1.0


class Clock(VectorWrapper[Any, Any, Any, Any, Any]):
    """Worlds as they are; notes when each rollout was complete."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._steps = 0
        self.moments: list[float] = []

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """See `VectorWrapper.step`."""
        found = self.env.step(actions)
        self._steps += 1
        if self._steps % STEPS == 0:
            self.moments.append(time.perf_counter())
        return found


class Rows(nn.Module):
    """A network of ours that reads rows: the policy's inputs, then the cloud's feature."""

    def __init__(self, network: ActorCritic) -> None:
        super().__init__()
        self.network = network
        self.log_std = nn.Parameter(torch.full((network.action_dim,), math.log(NOISE_STD)))

    def inputs(self, rows: Tensor) -> PolicyInput:
        """The parts of rows (B, D + F)."""
        split = rows.shape[1] - self.network.feature_dim
        return PolicyInput(rows[:, :split], rows[:, split:], rows.new_zeros(len(rows), 0))

    def forward(self, rows: Tensor) -> PolicyOutput:
        """Means and values."""
        output: PolicyOutput = self.network(self.inputs(rows))
        return output


def train_sb3(env: VectorEnv[Any, Any, Any], rows: Rows, rollouts: int) -> None:
    """Stable-Baselines3's PPO."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.distributions import DiagGaussianDistribution
    from stable_baselines3.common.policies import ActorCriticPolicy

    from envs.gym.sb3 import SB3Worlds

    class Policy(ActorCriticPolicy):
        """Ours, as Stable-Baselines3 wants it."""

        def _build(self, lr_schedule: Callable[[float], float]) -> None:
            self.rows = rows
            self.optimizer = torch.optim.Adam(self.rows.parameters(), lr=lr_schedule(1))

        def _around(self, mean: Tensor) -> Any:
            normal = DiagGaussianDistribution(mean.shape[1])
            return normal.proba_distribution(mean, self.rows.log_std)

        def forward(self, obs: Any, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
            output = self.rows(obs)
            normal = self._around(output.mean)
            action = normal.get_actions(deterministic)
            return action, output.value, normal.log_prob(action)

        def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
            output = self.rows(obs)
            normal = self._around(output.mean)
            return output.value, normal.log_prob(actions), normal.entropy()

        def get_distribution(self, obs: Any) -> Any:
            return self._around(self.rows(obs).mean)

        def predict_values(self, obs: Any) -> Tensor:
            value: Tensor = self.rows(obs).value
            return value

    learner = PPO(
        Policy, SB3Worlds(env), n_steps=STEPS, batch_size=BATCH, n_epochs=EPOCHS, gamma=GAMMA, gae_lambda=LAMBDA,
        learning_rate=LEARNING_RATE, vf_coef=1.0, max_grad_norm=GRAD_NORM, seed=0, device="cpu",
    )  # fmt: skip
    learner.learn(rollouts * STEPS * env.num_envs)


def train_skrl(env: VectorEnv[Any, Any, Any], rows: Rows, rollouts: int) -> None:
    """skrl's PPO."""
    from skrl.agents.torch.ppo import PPO
    from skrl.envs.wrappers.torch import wrap_env
    from skrl.memories.torch import RandomMemory
    from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
    from skrl.trainers.torch import SequentialTrainer

    class Shared(GaussianMixin, DeterministicMixin, Model):
        """Ours, as skrl wants it; the value is kept for the call that asks for it."""

        def __init__(self, **spaces: Any) -> None:
            Model.__init__(self, **spaces)
            GaussianMixin.__init__(self, role="policy")
            DeterministicMixin.__init__(self, role="value")
            self.rows = rows
            self._value: Tensor | None = None

        def act(self, inputs: dict[str, Tensor], *, role: str = "") -> Any:
            return (GaussianMixin if role == "policy" else DeterministicMixin).act(self, inputs, role=role)

        def compute(self, inputs: dict[str, Tensor], role: str = "") -> tuple[Tensor, dict[str, Tensor]]:
            if role == "policy":
                output = self.rows(inputs["observations"])
                self._value = output.value[:, None]
                return output.mean, {"log_std": self.rows.log_std}
            value = self.rows(inputs["observations"]).value[:, None] if self._value is None else self._value
            self._value = None
            return value, {}

    wrapped = wrap_env(env, wrapper="gymnasium", verbose=False)
    spaces = {"observation_space": wrapped.observation_space, "action_space": wrapped.action_space, "device": "cpu"}
    shared = Shared(**spaces)
    with TemporaryDirectory() as folder:
        settings = {
            "rollouts": STEPS, "learning_epochs": EPOCHS, "mini_batches": max(1, STEPS * env.num_envs // BATCH),
            "discount_factor": GAMMA, "gae_lambda": LAMBDA, "learning_rate": LEARNING_RATE,
            "grad_norm_clip": GRAD_NORM, "value_loss_scale": 1.0,
            "experiment": {"directory": folder, "write_interval": 0, "checkpoint_interval": 0},
        }  # fmt: skip
        memory = RandomMemory(memory_size=STEPS, num_envs=env.num_envs, device="cpu")
        agent = PPO(models={"policy": shared, "value": shared}, memory=memory, cfg=settings, **spaces)
        told = {"timesteps": rollouts * STEPS, "headless": True, "close_environment_at_exit": False}
        SequentialTrainer(env=wrapped, agents=agent, cfg=told).train()


PEERS: dict[str, Callable[[VectorEnv[Any, Any, Any], Rows, int], None]] = {"sb3": train_sb3, "skrl": train_skrl}


def built(given: argparse.Namespace, processes: int = 1) -> argparse.Namespace:
    """Module and data module, the same for every trainer; a process's share of several."""
    noise = {"class_path": "lightning_modules.ppo.exploration.IndependentNoise", "init_args": {"std": NOISE_STD}}
    changes: dict[str, Any] = {
        "model.init_args.composition": "lightning_modules.composition.ScaleAndResidual",
        "model.init_args.exploration": json.dumps(noise),
        "model.init_args.imitation_rollouts": 0,
        "model.init_args.imitation_coefficient": 0.0,
        "model.init_args.critic_groups": "[]",
        "model.init_args.shaped_steps": False,
        "data.init_args.privileged": "[]",
        "data.init_args.training_noise": "null",
        "data.init_args.path": given.path,
        "model.init_args.minibatch_size": BATCH // processes,
        "data.init_args.num_worlds": given.worlds // processes,
        "data.init_args.rollouts_per_epoch": given.rollouts,
        "data.init_args.num_threads": given.threads if processes == 1 else 1,
    }
    return build([CONFIG], changes)


def of_ours(given: argparse.Namespace) -> dict[str, Any]:
    """What comes of our trainer."""
    threads = torch.get_num_threads()
    if given.processes > 1:
        torch.set_num_threads(1)
    parts = built(given, given.processes)
    turns = Turns(parts.data)
    everybody = Everybody(turns)
    train(parts, given.rollouts, everybody, turns=turns, ranks=given.processes)
    if given.processes > 1:
        is_first = rank() == 0
        dist.destroy_process_group()
        if not is_first:
            sys.exit()  # the first process tests, and goes on with the others' trainers
    torch.set_num_threads(threads)
    steps = [sum(each) for each in zip(*(one["steps"] for one in everybody.found), strict=True)]
    rates = [count / seconds for count, seconds in zip(steps[1:], turns.total[1:], strict=True)]
    return told(given, parts, rates, sum(steps))


def of_peer(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """What comes of another one."""
    parts = built(given)
    env = gymnasium.make_vec(
        "GraspGF/HumanAssist-v0", num_envs=given.worlds, autoreset_mode="SameStep", path=given.path,
        reward=parts.data.reward, num_threads=given.threads,
    )  # fmt: skip
    view, module = parts.model.view, parts.model
    loop = VectorPrimitiveInTheLoop(
        env, view.primitive, composition=module.composition, inputs=module.inputs, scene_tolerance=view.tolerance,
        centre=[0.0] * module.network.action_dim,  # the network has its own
    )  # fmt: skip
    clock = Clock(NotedSuccesses(VectorFlatObservation(loop, ["policy_inputs", "primitive_feature"])))
    rows = Rows(module.network)
    first_look(clock.env, rows)
    PEERS[name](clock, rows, given.rollouts)
    turns = np.diff(clock.moments)
    rates = (STEPS * given.worlds / turns).tolist()
    return told(given, parts, rates, STEPS * given.worlds * given.rollouts)


def first_look(env: VectorEnv[Any, Any, Any], rows: Rows) -> None:
    """An episode in each world with random actions around the untrained policy's, for the normalisation of inputs."""
    rng, found = np.random.default_rng(0), []
    seen, _ = env.reset(seed=1)
    for _ in range(STEPS):
        found.append(torch.as_tensor(seen))
        noise = rng.normal(0.0, NOISE_STD, env.action_space.shape)
        seen, *_ = env.step(rows.network.centre.numpy() + noise)
    rows.network.begin_norms(rows.inputs(torch.cat(found)))


def told(given: argparse.Namespace, parts: argparse.Namespace, rates: list[float], steps: int) -> dict[str, Any]:
    """Speed, and success of the policy that was trained, on the same episodes for all."""
    module: ResidualPPOModule = parts.model
    data: RolloutDataModule = parts.data
    targets = data.targets(given.split)
    own = given.split not in UNSEEN_SPLITS
    episodes = planned_episodes(SpreadPlan(given.episodes), targets, data.patterns, is_training=own, seed=0)
    outcome = EpisodeRunner(data.physics).run(module.eval().policy(), episodes)
    objects = targets.object_index[episodes.grasp_row]
    return {
        "agent_steps": steps,
        "agent_steps_per_second": round(statistics.median(rates)) if rates else None,
        "agent_steps_per_second_of_turns": [round(rate) for rate in rates],
        "success": estimate(outcome.is_success.astype(float), objects, is_rate=True).as_dict(),
        "posture_rad": estimate(outcome.posture_rad, objects, is_rate=False).as_dict(),
    }


def arguments(args: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", nargs="+", default=["ours", *PEERS], choices=["ours", *PEERS])
    parser.add_argument("--rollouts", type=int, default=40, help=f"of {STEPS} control steps in every world")
    parser.add_argument("--worlds", type=int, default=256)
    parser.add_argument("--threads", type=int, default=None, help="of the physics; one per core when left out")
    parser.add_argument("--processes", type=int, default=1, help="of ours, which share the worlds")
    parser.add_argument("--episodes", type=int, default=500, help="of the evaluation")
    parser.add_argument("--split", default="development", help="objects of the evaluation")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--output", type=Path, help="file that each trainer's numbers are written to when it is done")
    found = parser.parse_args(args)
    if found.rollouts < 2:
        parser.error(f"--rollouts is {found.rollouts}; the first one does not count, at least 2 are needed")
    if found.processes > 1 and "ours" in found.trainers[1:]:
        parser.error("with --processes ours comes first among --trainers: its other processes begin this program anew")
    return found


def main(args: list[str] | None = None) -> None:
    """Train by each trainer in turn, and print."""
    given = arguments(args)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    load = load_average()
    report: dict[str, Any] = {
        "benchmark": "peers", "worlds": given.worlds, "split": given.split,
        "processes_of_ours": given.processes, "trainers": {},
    }  # fmt: skip
    for name in given.trainers:
        torch.manual_seed(0)
        with warnings.catch_warnings():
            quieten()
            report["trainers"][name] = of_ours(given) if name == "ours" else of_peer(given, name)
        report |= {"threads": torch.get_num_threads(), "machine": machine(load), "torch": torch.__version__}
        if given.output is not None:
            given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
