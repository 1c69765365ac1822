"""Whether policies that were trained in another way do as well: success on the same episodes, printed as JSON.

Each checkpoint of one kind stands beside that of the other kind with the same training seed, in the same order. The
differences of episodes are told with their interval over objects (bootstrap) and over training seeds (Student's t). For
choices, and therefore on development objects: test objects stay unseen.

    python benchmarks/paired_policies.py --other pretrained/baselines/ppo.ckpt --episodes 250
    python benchmarks/paired_policies.py --one a_0.ckpt a_1.ckpt --other b_0.ckpt b_1.ckpt
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from _machine import load_average, machine
from numpy.typing import NDArray
from policy_choices import TASKS
from tqdm import tqdm

from callbacks.metrics.estimates import estimate, over_seeds
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from lightning_modules.policy.load import load_policy

KINDS = ("one", "other")

Successes = NDArray[np.float64]
"""1 where an episode succeeded (S, N), by training seed and episode."""


def compared(success: dict[str, Successes], objects: NDArray[np.int64]) -> dict[str, Any]:
    """What is told of both kinds.

    Args:
        success: by kind.
        objects: of each episode (N,).
    """
    told: dict[str, Any] = {kind: _told(each, objects, is_rate=True) for kind, each in success.items()}
    return {**told, "other_minus_one": _told(success["other"] - success["one"], objects, is_rate=False)}


def _told(values: Successes, objects: NDArray[np.int64], *, is_rate: bool) -> dict[str, Any]:
    """Mean of all (S, N), its interval over objects, the means of training seeds and, of several, their interval."""
    means = [float(each) for each in values.mean(axis=1)]
    found = estimate(values.ravel(), np.tile(objects, len(values)), is_rate=is_rate).as_dict()
    return {**found, "seeds": means} | ({"over_seeds": over_seeds(means).as_dict()} if len(means) > 1 else {})


def of_task(name: str, policies: Mapping[str, Sequence[FingerPolicy]], given: argparse.Namespace) -> dict[str, Any]:
    """Both kinds on the episodes of a task."""
    task = TASKS[name]
    data = RolloutDataModule(path=given.path, split_file=given.split_file, task=task)
    targets = data.targets("development")
    episodes = planned_episodes(
        SpreadPlan(given.episodes), targets, data.patterns, is_training=True, seed=0, task=task,
        period_s=data.physics.settings.control_dt,
    )  # fmt: skip
    runner, success = EpisodeRunner(data.physics, task=task), {}
    with tqdm(total=sum(map(len, policies.values())), unit="policy", desc=name) as bar:
        for kind, of_kind in policies.items():
            rows = []
            for policy in of_kind:
                outcome = runner.run(policy, episodes)
                rows.append(outcome.is_success[outcome.is_grasp].astype(float))
                bar.update()
            success[kind] = np.stack(rows)
    return compared(success, targets.object_index[episodes.grasp_row][outcome.is_grasp])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    of_one, of_other = "pretrained/residual_ppo.ckpt", "pretrained/baselines/ppo.ckpt"
    parser.add_argument("--one", nargs="+", default=[of_one], metavar="CKPT", help="a training seed each")
    parser.add_argument("--other", nargs="+", default=[of_other], metavar="CKPT", help="the same seeds in this order")
    parser.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS], help="(default: all)")
    parser.add_argument("--episodes", type=int, default=500, help="of each task (default: %(default)s)")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set (default: %(default)s)")
    parser.add_argument("--split-file", help="its objects; the default split file when left out")
    given = parser.parse_args()
    if len(given.one) != len(given.other):
        parser.error(f"--one has {len(given.one)} checkpoints and --other {len(given.other)}; give a pair a seed")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    load = load_average()
    policies = {kind: [load_policy(path) for path in getattr(given, kind)] for kind in KINDS}
    told = {name: of_task(name, policies, given) for name in given.tasks}
    about = {name: getattr(given, name) for name in (*KINDS, "episodes", "path", "split_file")}
    print(json.dumps({"benchmark": "paired_policies", **about, "tasks": told, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
