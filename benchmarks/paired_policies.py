"""Whether policies that were trained in another way do as well: success on the same episodes, printed as JSON.

Each checkpoint of one kind stands beside that of the other kind with the same training seed, in the same order. The
differences of episodes are told with their interval over objects (bootstrap) and over training seeds (Student's t). For
choices: the episodes are of development objects, of which no result is told.

    python benchmarks/paired_policies.py --one pretrained/residual_ppo.ckpt --other runs/residual_ppo/last.ckpt
    python benchmarks/paired_policies.py --one a_0.ckpt a_1.ckpt --other b_0.ckpt b_1.ckpt --episodes 250
"""

import argparse
import json
import logging
from typing import Any

import numpy as np
from _machine import load_average, machine
from numpy.typing import NDArray
from policy_choices import TASKS
from tqdm import tqdm

from callbacks.metrics.estimates import estimate, over_seeds
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
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
    means = [float(each) for each in values.mean(axis=1)]
    found = estimate(values.ravel(), np.tile(objects, len(values)), is_rate=is_rate).as_dict()
    return {**found, "seeds": means} | ({"over_seeds": over_seeds(means).as_dict()} if len(means) > 1 else {})


def of_task(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Both kinds on the episodes of a task."""
    task = TASKS[name]
    data = RolloutDataModule(path=given.path, split_file=given.split_file, task=task)
    targets = data.targets("development")
    episodes = planned_episodes(
        SpreadPlan(given.episodes), targets, data.patterns, is_training=True, seed=0, task=task,
        period_s=data.physics.settings.control_dt,
    )  # fmt: skip
    runner, success = EpisodeRunner(data.physics, task=task), {}
    with tqdm(total=len(KINDS) * len(given.one), unit="policy", desc=name) as bar:
        for kind in KINDS:
            rows = []
            for path in getattr(given, kind):
                outcome = runner.run(load_policy(path), episodes)
                rows.append(outcome.is_success[outcome.is_grasp].astype(float))
                bar.update()
            success[kind] = np.stack(rows)
    return compared(success, targets.object_index[episodes.grasp_row][outcome.is_grasp])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs="+", required=True, metavar="CKPT", help="of one kind, a training seed each")
    parser.add_argument("--other", nargs="+", required=True, metavar="CKPT", help="of the other, in the same order")
    parser.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS], help="(default: all)")
    parser.add_argument("--episodes", type=int, default=500, help="of each task (default: %(default)s)")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set (default: %(default)s)")
    parser.add_argument("--split-file", help="its objects; the default split file when left out")
    given = parser.parse_args()
    if len(given.one) != len(given.other):
        parser.error(f"--one has {len(given.one)} checkpoints and --other {len(given.other)}; give a pair a seed")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    load = load_average()
    told = {name: of_task(name, given) for name in given.tasks}
    about = {name: getattr(given, name) for name in (*KINDS, "episodes", "path")}
    print(json.dumps({"benchmark": "paired_policies", **about, "tasks": told, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
