"""How hard a grasp set is: ``python -m reports.grasp_set --path data/grasps.npz --output data/grasps_trials.json``."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from callbacks.metrics.estimates import estimates, estimates_by_label
from callbacks.metrics.text_tables import measures_table
from datamodules.baselines.set_episodes import SetEpisodes, families_of
from datamodules.baselines.set_trials import ConstantJoints, SetTrials
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.runner import STEP_GRID, EpisodeRunner
from envs.command_line import run_command
from envs.conventions import DEVELOPMENT_SPLIT, NUM_CLOUD_POINTS, SPLITS, UNSEEN_SPLITS
from envs.files import check_output, write_atomically
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.plain_errors import plain_errors
from envs.task.targets import GraspTargets
from envs.wrist.patterns import generate_patterns

_LOG = logging.getLogger("grasp_set")


def report(
    path: str = "data/grasps.npz",
    output: Path | None = None,
    split_file: str | None = None,
    max_grasps: int = 600,
    num_episodes: int = 500,
    physics: PhysicsFactory | None = None,
) -> None:
    """Lift rates of the stored grasps, the mean joints, a blind close and the nearest training grasp, by split.

    Each is placed without collisions on the way (``_collisions_off``), closed from the open hand with collisions
    (``_collisions_on``), and closed by a hand on a moving wrist (``_moving``): the stored and the nearest grasp on
    arrival, the other two from the step on that is best on development objects, or training ones of a set without.

    Args:
        path: grasp set.
        output: JSON file for the rates with their intervals; none when null.
        split_file: objects; the default split file when null.
        max_grasps: grasps of a split that are tried, drawn evenly.
        num_episodes: episodes of a split on moving wrists, spread evenly over its grasps; none when 0.
        physics: makes the worlds; MuJoCo on the CPU when null.
    """
    if output is not None:
        check_output(output, path, split_file)
    grasps, library = load_grasp_set(path), ObjectLibrary(split_file)
    splits = [split for split in SPLITS if split in set(grasps.object_splits)]
    content: dict[str, Any] = {"splits": {}, "families": {}, "types": {}}
    constants = ConstantJoints.of_training(GraspTable(grasps.split("train"), library, NUM_CLOUD_POINTS))
    for split in splits:
        table = GraspTable(evenly(grasps.split(split), max_grasps), library, NUM_CLOUD_POINTS)
        with tqdm(total=8 * len(table), desc=f"trials {split}", unit="trial") as bar:
            trials = SetTrials(table, library, physics, on_trials=bar.update)
            values = trials.stored() | trials.baselines(constants)
        groups = table.object_index.numpy()
        families = np.array([library.family(name) for name in table.grasps.object_names()])
        content["splits"][split] = estimates(values, groups, families)
        content["families"][split] = estimates_by_label(values, groups, families)
        content["types"][split] = estimates_by_label(values, groups, np.array(table.grasps.type_names()))
    if num_episodes > 0:
        _add_moving(content, {split: _targets(grasps.split(split), library) for split in splits}, num_episodes, physics)
    _LOG.info("%s", measures_table(content["splits"]))
    if output is not None:
        write_atomically(output, (json.dumps(content, indent=1) + "\n").encode())


def evenly(grasps: GraspSet, count: int) -> GraspSet:
    """At most ``count`` grasps, drawn evenly over the set."""
    if len(grasps) <= count:
        return grasps
    return grasps.rows(np.linspace(0, len(grasps) - 1, count).astype(int))


def _targets(grasps: GraspSet, library: ObjectLibrary) -> GraspTargets:
    """The reachable grasps; all where none is marked as reachable."""
    return grasp_targets(grasps, library, reachable_only=bool(grasps.is_reachable.any()))


def _add_moving(
    content: dict[str, Any], targets: dict[str, GraspTargets], num_episodes: int, physics: PhysicsFactory | None
) -> None:
    """Add the measures on moving wrists, by split and family, and the steps chosen for the scripts."""
    with tqdm(
        total=num_episodes * (2 * len(STEP_GRID) + 4 * len(targets)), desc="moving wrists", unit="episode"
    ) as bar:
        moving = SetEpisodes(
            targets["train"],
            generate_patterns(),
            EpisodeRunner(physics, on_batch=bar.update),
            num_episodes=num_episodes,
            choice=targets.get(DEVELOPMENT_SPLIT),
        )
        policies = moving.policies()
        for split, own in targets.items():
            episodes = moving.episodes(own, is_training=split not in UNSEEN_SPLITS)
            values = moving.values(policies, episodes)
            families = families_of(episodes)
            content["splits"][split] |= estimates(values, episodes.object_index, families)
            for family, row in estimates_by_label(values, episodes.object_index, families).items():
                content["families"][split].setdefault(family, {}).update(row)
    content["steps"] = {name: choice.step for name, choice in moving.choices.items()}


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the report."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(report, args)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
