"""Hyper-parameters that a checkpoint may hold."""

from collections.abc import Sequence

from lightning.pytorch import LightningModule


def leave_out_objects(module: LightningModule, names: Sequence[str]) -> None:
    """Take objects that were handed over in Python out of a module's saved hyper-parameters, and mark it so.

    The command line saves class paths in their place; an object has no place in a checkpoint, which must be readable
    without running code.

    Args:
        module: after its ``save_hyperparameters``.
        names: arguments that may be objects.
    """
    for name in names:
        if module.hparams[name] is not None and not isinstance(module.hparams[name], dict):
            module.hparams.pop(name)
            module.hparams["_built_in_python"] = True
