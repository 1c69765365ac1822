"""Checkpoint files: written whole or not at all, and read without running what they hold."""

import io
from pathlib import Path
from typing import Any

import torch

from envs.files import write_atomically
from envs.memory_limit import UnexplainedMemoryError, memory_of
from envs.stand_ins import what_stands_there


def save_checkpoint_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint so that a reader sees the older file or the whole new one, whatever happens in between."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(Path(path), buffer.getvalue())


def read_checkpoint_file(path: str | Path) -> dict[str, Any]:
    """A checkpoint's content as it lies in the file: tensors and plain containers only.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, not a checkpoint, or one that holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} does not exist; train one with: python -m lightning_modules.cli fit --config CONFIG. A "
            "run that ended before its first checkpoint has none: start it again without --ckpt_path"
        )
    stand_in = what_stands_there(path, "the checkpoint")
    if stand_in:
        raise ValueError(f"checkpoint {path}: {stand_in}")
    try:
        with memory_of(path):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnexplainedMemoryError as error:
        raise ValueError(f"checkpoint {error}") from None
    except Exception as error:  # torch raises many types for a damaged or foreign file
        # not torch's own text, which advises to unpickle whatever the file holds
        raise ValueError(
            f"checkpoint {path} cannot be read as plain tensors ({type(error).__name__}); it is truncated or was not "
            "made by this project"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ValueError(f"checkpoint {path} has no field state_dict; expected one written by this project's fit")
    return content
