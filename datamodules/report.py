"""How hard a grasp set is: ``python -m datamodules.report --path data/grasps.npz --output data/grasps_trials.json``."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import auto_cli
from tqdm import tqdm

from datamodules.atomic_file import write_atomically
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.module import GraspDataModule
from datamodules.grasps.set_trials import ConstantJoints, SetTrials
from datamodules.grasps.trial_report import estimates, estimates_by_label, format_table
from envs.conventions import SPLITS

_LOG = logging.getLogger("report")


def report(path: str = "data/grasps.npz", output: Path | None = None, split_file: str | None = None) -> None:
    """Lift rates of the stored grasps, the mean joints, a blind close and the nearest training grasp, by split.

    Each is placed without collisions on the way (``_collisions_off``), and closed from the open hand with collisions
    (``_collisions_on``).

    Args:
        path: grasp set.
        output: JSON file for the rates with their intervals; none when null.
        split_file: objects; the default split file when null.
    """
    data = GraspDataModule(path=path, split_file=split_file)
    train = GraspTable(data.training_grasps(), data.library, data.num_points)
    constants = ConstantJoints.of_training(train)
    content: dict[str, Any] = {"splits": {}, "families": {}, "types": {}}
    for split in SPLITS:
        table = data.table(split)
        with tqdm(total=8 * len(table), desc=f"trials {split}", unit="trial") as bar:
            trials = SetTrials(table, data.library, on_trials=bar.update)
            values = trials.stored() | trials.baselines(constants)
        groups = table.object_index.numpy()
        families = np.array([data.library.family(name) for name in table.grasps.object_names()])
        content["splits"][split] = estimates(values, groups)
        content["families"][split] = estimates_by_label(values, groups, families)
        content["types"][split] = estimates_by_label(values, groups, np.array(table.grasps.type_names()))
    _LOG.info("%s", format_table(content["splits"]))
    if output is not None:
        write_atomically(output, (json.dumps(content, indent=1) + "\n").encode())


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the report."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    auto_cli(report, args=None if args is None else list(args), as_positional=False)


if __name__ == "__main__":
    main()
