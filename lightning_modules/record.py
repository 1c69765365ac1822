"""Episodes of a learnt policy as a dataset of LeRobot: ``python -m lightning_modules.record --output FOLDER``."""

import logging
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from datamodules.formats.lerobot import write_lerobot
from datamodules.rollouts.gym_envs import TASKS
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.plans import SpreadPlan, planned_episodes
from datamodules.rollouts.recording import record_episodes
from envs.command_line import run_command
from envs.conventions import SPLITS, UNSEEN_SPLITS
from envs.plain_errors import plain_errors
from lightning_modules.policy.load import load_policy

_LOG = logging.getLogger("record")


def record(
    output: Path,
    checkpoint: Path = Path("pretrained/residual_ppo.ckpt"),
    path: str = "data/grasps.npz",
    split: str = SPLITS[0],
    episodes: int = 200,
    task: str = "paper",
    reachable_only: bool = True,
    seed: int = 0,
) -> None:
    """Run episodes and write them, successes and failures alike; ``next.success`` tells which is which.

    A success of the user's second try is one: frames run to its end. Evaluations count the first try alone.

    Args:
        output: folder to make.
        checkpoint: of the policy that moves the fingers.
        path: grasp set.
        split: its split that episodes are made of.
        episodes: how many; all grasps come equally often.
        task: paper, or user, who lifts when he likes.
        reachable_only: leave out grasps that a moving hand did not take.
        seed: decides trajectories.
    """
    if task not in TASKS:
        raise ValueError(f"--task is {task!r}; available: {', '.join(TASKS)}")
    policy = load_policy(checkpoint)
    data = RolloutDataModule(path=path, task=TASKS[task], reachable_only=reachable_only)
    period_s = data.physics.settings.control_dt
    planned = planned_episodes(
        SpreadPlan(episodes), data.targets(split), data.patterns, is_training=split not in UNSEEN_SPLITS, seed=seed,
        task=TASKS[task], period_s=period_s,
    )  # fmt: skip
    recorded = record_episodes(policy, planned, data.physics, task=TASKS[task])
    shown = tqdm(recorded, total=len(planned), desc="recording", unit="episode")
    count = write_lerobot(shown, output, data.hand, round(1.0 / period_s))
    _LOG.info("wrote %d episodes below %s", count, output)


def main(args: Sequence[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(record, args)


if __name__ == "__main__":
    with plain_errors(ModuleNotFoundError):
        main()
