"""Jobs of SLURM: one that is queued again goes on from its last checkpoint, as with ``--ckpt_path=last``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment


def was_queued_again() -> bool:
    """Whether this is not the job's first try: its node failed, it was preempted, or by ``scontrol requeue``."""
    count = os.environ.get("SLURM_RESTART_COUNT", "")
    return count.isdecimal() and int(count) > 0


def without_requeue(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that take the place of a trainer's: plugins, with an environment of SLURM that queues nothing again.

    Lightning's own would save ``hpc_ckpt_N.ckpt`` within its signal handler: in the middle of a rollout or an update,
    and with several processes in a collective that the others are not in. Elsewhere, under
    torchrun, and where the configuration has an environment of its own nothing changes.

    Args:
        trainer: arguments of the trainer, plugins as objects.
    """
    given = trainer.get("plugins") or []
    plugins = list(given) if isinstance(given, list | tuple) else [given]
    of_strategy = getattr(trainer.get("strategy"), "cluster_environment", None)
    is_chosen = any(isinstance(one, ClusterEnvironment) for one in (*plugins, of_strategy))
    if is_chosen or TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return {}
    return {"plugins": [*plugins, SLURMEnvironment(auto_requeue=False)]}


def unchecked_checkpoints(root: str | Path | None) -> list[Path]:
    """Checkpoints that Lightning would take by itself, in a job of SLURM without ``--ckpt_path``; none elsewhere.

    Args:
        root: folder of the run.
    """
    if not SLURMEnvironment.detect():
        return []
    return sorted(Path(root or ".").glob("hpc_ckpt_*.ckpt"), key=lambda path: (len(path.name), path.name))
