"""Make demonstrations for imitation: ``python -m datamodules.demonstrations --output data/demonstrations.npz``."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from datamodules.baselines.demonstration_file import save_demonstrations
from datamodules.baselines.demonstrations import Demonstrations, Origin, demonstrate
from datamodules.grasps.identity import grasp_set_identity
from datamodules.rollouts.module import RolloutDataModule
from envs.command_line import run_command
from envs.files import check_output
from envs.plain_errors import plain_errors
from envs.task.episodes import EpisodeSampler
from envs.task.settings import TaskSettings

_LOG = logging.getLogger("demonstrations")

_STREAM = 11
"""Tells the episodes that are demonstrated from those that are trained on with the same seed."""


def origin_of(data: RolloutDataModule) -> Origin:
    """What demonstrations of a data module are made of."""
    return Origin(grasp_set_identity(data.grasps), repr(data.task), data.physics.settings.control_dt)


def demonstrations_of(data: RolloutDataModule, *, num_tuples: int, begin: float) -> Demonstrations:
    """Demonstrations of a data module's training grasps, on its task; a bar shows the progress.

    Args:
        data: grasps, wrist patterns, task and seed.
        num_tuples: how many tuples of observation and action.
        begin: share of an episode before the hand begins to close.
    """
    origin = origin_of(data)
    sampler = EpisodeSampler(
        data.targets("train"),
        data.patterns.split("train"),
        mix=True,
        seed=(data.seed, _STREAM),
        task=data.task,
        period_s=origin.period_s,
        second_tries=False,
    )
    with tqdm(total=num_tuples, desc="demonstrations", unit="tuple", leave=False) as bar:
        return demonstrate(sampler, origin, num_tuples=num_tuples, begin=begin, on_tuples=bar.update)


def demonstrations(
    output: Path = Path("data/demonstrations.npz"),
    path: str = "data/grasps.npz",
    num_tuples: int = 125_000,
    begin: float = 0.0,
    task: TaskSettings | None = None,
    split_file: str | None = None,
    patterns: str | None = None,
    reachable_only: bool = True,
    seed: int = 0,
) -> None:
    """Joints interpolated from the open hand to stored grasps, along human wrist trajectories (GraspGF App. C).

    The file is written in one step at the end, so an interrupt leaves an older one as it was.

    Args:
        output: file to write.
        path: grasp set; its training grasps are demonstrated.
        num_tuples: tuples of observation and action.
        begin: share of an episode in which the hand stays open; 0 closes all along the way.
        task: how wrists move; the defaults when null.
        split_file: objects; the default split file when null.
        patterns: file of recorded wrist movements; the generated ones when null.
        reachable_only: leave out grasps that no moving hand took.
        seed: decides the episodes.
    """
    if num_tuples < 1 or not 0.0 <= begin < 1.0:
        raise ValueError(
            f"num_tuples is {num_tuples} and begin {begin}; expected at least 1, and 0 up to, not including, 1"
        )
    check_output(output, path, split_file, patterns)
    data = RolloutDataModule(
        path, task=task, split_file=split_file, patterns=patterns, reachable_only=reachable_only, seed=seed
    )
    shown = demonstrations_of(data, num_tuples=num_tuples, begin=begin)
    command = "python -m datamodules.demonstrations " + " ".join(sys.argv[1:])
    save_demonstrations(shown, output, {"command": command.strip(), "path": path, "seed": seed})
    _LOG.info("wrote %s: %d tuples of %d episodes", output, len(shown), len(shown.num_steps))


def main(args: Sequence[str] | None = None) -> None:
    """Command line of demonstrations."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run_command(demonstrations, args)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
