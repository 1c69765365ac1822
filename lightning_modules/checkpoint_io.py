"""Checkpoint files that are complete or absent."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from envs.files import write_atomically


def save_checkpoint_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint so that a reader sees the older file or the whole new one, whatever happens in between."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(Path(path), buffer.getvalue())


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, replaced in one step; for ``trainer.plugins``.

    Lightning writes into the system's temporary folder and moves the file from there: where that is another file
    system the move is a copy, and a run killed within it leaves half a checkpoint in the place of a good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write beside the target, then rename.

        Raises:
            TypeError: storage options, which a local file has no use for.
        """
        if storage_options is not None:
            raise TypeError(f"storage_options is {storage_options!r}; local checkpoint files take none")
        save_checkpoint_file(checkpoint, path)
