"""Arrays kept on disk as they come, under a name that stands for what decides them."""

import hashlib
import io
import json
import logging
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor

from envs.files import write_atomically

_LOG = logging.getLogger(__name__)

_VERSION = 1
"""Raised when the files' content changes, or what files of an older version would be worth."""

Arrays = dict[str, NDArray[Any]]


class ArrayStore:
    """A folder with one compressed file for each part of an evaluation.

    Args:
        folder: made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: str) -> Arrays | None:
        """The arrays kept under ``key``; None when there are none. A file that cannot be read counts as absent."""
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as content:
                return {name: content[name] for name in content.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            _LOG.warning("%s cannot be read (%s); what it held is measured again", path, error)
            return None

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays: a reader finds the whole file or none."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
        write_atomically(self._path(key), buffer.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def digest(*parts: Any) -> str:
    """32 hexadecimal digits that stand for arrays, text and whatever JSON can say of the rest."""
    total = hashlib.sha256(str(_VERSION).encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype.str}{part.shape}".encode())
            total.update(np.ascontiguousarray(part).tobytes())
        else:
            total.update(json.dumps(part, sort_keys=True, default=_plain).encode())
        total.update(b"\0")
    return total.hexdigest()[:32]


def module_digest(module: LightningModule) -> str:
    """Stands for a module's settings and weights."""
    weights = {name: digest(value.detach().cpu().numpy()) for name, value in module.state_dict().items()}
    return digest(type(module).__name__, dict(module.hparams), weights)


def _plain(value: Any) -> Any:
    """Numbers as what stands for them, settings objects as their class and attributes."""
    if isinstance(value, np.ndarray | Tensor):
        return digest(np.asarray(value))
    content = vars(value) if hasattr(value, "__dict__") else str(value)
    return {"class": type(value).__name__, "content": content}
