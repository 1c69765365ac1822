"""What is left out of the output of runs: warnings of no fault, advertisements, worlds that are counted anyway."""

import logging
import warnings

_HARMLESS_WARNINGS = (
    # the streams shard by rank themselves and are read with num_workers=0 (datamodules/grasps/module.py)
    r".*Your `IterableDataset` has `__len__` defined.*",
    # batches are gathered from tensors in memory: workers would only copy them (datamodules/grasps/dataset.py)
    r".*does not have many workers which may be a bottleneck.*",
    # Lightning's own use of torch; nothing that a user could change
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
    # it names the folder of a finished or resumed run; RunCheckpoint replaces last.ckpt on purpose
    r".*Checkpoint directory .* exists and is not empty.*",
    # a policy's primitive is frozen and stays in evaluation mode (lightning_modules/residual_ppo_module.py)
    r".*module\(s\) in eval mode at the start of training.*",
    # trials and episodes of the validation are run by the first of several processes alone (callbacks/)
    r".*It is recommended to use `self.log\('val/.*', \.\.\., sync_dist=True\)`.*",
    # a test run has no training state to restore: the averaged weights are those of the checkpoint
    # (callbacks/training/ema.py)
    r".*loading a checkpoint outside the 'fit' stage.*",
)

_ADVERTISEMENT = "💡 Tip:"
"""So begin the lines in which Lightning recommends litlogger and litmodels, in every run."""


def quieten() -> None:
    """Leave out what a newcomer would take for a fault and is none; every other warning stays."""
    for message in _HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_not_a_tip)
    # diverged worlds are counted and reported by the evaluation
    logging.getLogger("envs.physics").setLevel(logging.ERROR)


def _is_not_a_tip(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_ADVERTISEMENT)
