"""TensorBoard logs for tests."""

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


def write_log(folder: Path, scalars: Mapping[str, Mapping[int, float]], began: float = 1000.0) -> None:
    """Values by scalar and step; one minute a step, counted from the first step of the log."""
    first = min(step for values in scalars.values() for step in values)
    writer = SummaryWriter(str(folder))
    for tag, values in scalars.items():
        for step, value in values.items():
            writer.add_scalar(tag, value, step, walltime=began + 60.0 * (step - first))
    writer.close()
