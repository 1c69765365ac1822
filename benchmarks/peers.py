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
    python benchmarks/peers.py --rollouts 8 --processes 2
    python benchmarks/peers.py --trainers ours sb3 --rollouts 3 --worlds 64 --episodes 32
"""

import argparse
import json
import logging
import os
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import torch.distributed as dist
from _machine import load_average, machine
from _peer_trainers import BATCH, NOISE_STD, PEERS, STEPS, Rows
from gymnasium.vector import VectorEnv, VectorWrapper
from ppo_throughput import Turns, build, train
from scale import Everybody

import envs  # noqa: F401  (makes the environment known)
from callbacks.metrics.estimates import estimate
from datamodules.ranks import rank
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import UNSEEN_SPLITS
from envs.gym.wrappers import NotedSuccesses, VectorFlatObservation
from lightning_modules.policy.gym_primitive import VectorPrimitiveInTheLoop
from lightning_modules.quiet import quieten
from lightning_modules.residual_ppo_module import ResidualPPOModule

CONFIG = "configs/residual_ppo.yaml"

_OF_LAUNCHER = ("WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables that Lightning leaves for the processes that it started."""


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
        for name in _OF_LAUNCHER:
            os.environ.pop(name, None)  # skrl would wait for the other processes, too
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
    if found.processes < 1 or found.worlds % found.processes:
        parser.error(f"--worlds {found.worlds} cannot be divided among {found.processes} processes")
    if found.processes > 1 and found.trainers[0] != "ours":
        parser.error("with --processes ours has to come first among --trainers: its processes begin this program anew")
    if found.processes > 1 and found.threads is not None:
        parser.error("with --processes each process of ours has one thread; leave --threads out")
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
