"""The learning rate over a run, and that it goes on where it stood in a resumed one."""

import math
from typing import Any

import numpy as np
from lightning.pytorch import Trainer
from torch.optim.lr_scheduler import LambdaLR


def check_learning_rate(optimizer: Any, schedule: Any) -> None:
    """Hold the learning rate that an optimiser was restored with against its schedule.

    Args:
        optimizer: as it is when training starts, or goes on.
        schedule: of its learning rate; only that of a `LambdaLR` is known beforehand.

    Raises:
        ValueError: they differ, so that the learning rate would jump in the first step; says from where to where.
    """
    if not isinstance(schedule, LambdaLR):
        return
    step = schedule.last_epoch
    for group, base, factor in zip(optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        planned = base * factor(step)
        if not np.isclose(group["lr"], planned, rtol=1e-6, atol=0.0):
            raise ValueError(
                f"the checkpoint has the learning rate {group['lr']:.4g} at step {step}, the schedule of this run "
                f"{planned:.4g}: it was begun with another number of steps (trainer.max_epochs, max_steps, batches of "
                "an epoch), and the learning rate would jump; resume with as many, or train anew without --ckpt_path"
            )


def steps_of_run(trainer: Trainer, decay_to: float) -> int:
    """Optimiser steps of a whole run, over which its learning rate decays.

    Args:
        trainer: of the run.
        decay_to: fraction of the learning rate at the end, for the error.

    Raises:
        ValueError: the run has no end.
    """
    steps = trainer.estimated_stepping_batches
    if not math.isfinite(steps):
        raise ValueError(
            f"max_epochs is {trainer.max_epochs} and max_steps {trainer.max_steps}, a run without an end, over which "
            f"the learning rate cannot decay to {decay_to:g} of its start; give one of them, or "
            "--model.init_args.decay_to 1.0 for a rate that stays"
        )
    return max(1, int(steps))


def learning_rate_factor(step: int, warmup_steps: int, total_steps: int, decay_to: float) -> float:
    """Factor on the learning rate: linear rise over the warm-up, then a cosine from 1 to ``decay_to``."""
    rise = min(1.0, (step + 1) / max(1, warmup_steps))
    if decay_to >= 1.0:
        return rise
    cosine = 0.5 * (1.0 + np.cos(np.pi * min(1.0, step / total_steps)))
    return float(rise * (decay_to + (1.0 - decay_to) * cosine))
