"""A trainer whose logger, checkpoints or bar are switched off needs no callbacks for them; Lightning refuses them."""

import logging
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.callbacks import Callback, Checkpoint, DeviceStatsMonitor, LearningRateMonitor, ProgressBar

_LOG = logging.getLogger(__name__)

_OF_BAREBONES = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary", "log_every_n_steps")
"""Arguments that ``barebones`` decides alone."""


def without_idle_parts(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that take the place of a trainer's: callbacks without those that what is switched off leaves idle.

    Args:
        trainer: arguments of the trainer, callbacks as objects.
    """
    bare = bool(trainer.get("barebones"))
    off: dict[str, tuple[type[Callback], ...]] = {}
    if bare or trainer.get("logger") in (False, []):
        off["no logger"] = (LearningRateMonitor, DeviceStatsMonitor)
    if bare or trainer.get("enable_checkpointing") is False:
        off["no checkpoints: the run can be neither resumed nor tested"] = (Checkpoint,)
    if bare or trainer.get("enable_progress_bar") is False:
        off["no progress bar"] = (ProgressBar,)
    given = trainer.get("callbacks") or []
    callbacks = list(given) if isinstance(given, list | tuple) else [given]
    for what, kinds in off.items():
        idle = [one for one in callbacks if isinstance(one, kinds)]
        if idle:
            names = ", ".join(type(one).__name__ for one in idle)
            _LOG.info("%s; left out: %s", what, names)
        callbacks = [one for one in callbacks if one not in idle]
    return {"callbacks": callbacks} | (dict.fromkeys(_OF_BAREBONES) if bare else {})
