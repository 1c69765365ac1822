"""A picture that takes weights to be made: kept with what it is of, so that they may go."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from envs.files import write_atomically
from envs.pictures.sheets import save_png
from envs.pictures.view import Image

_COLOURS = 256
"""Of a kept picture: a third of the size of one with all of them."""


@dataclass(frozen=True)
class KeptPicture:
    """A PNG, and a JSON beside it that says what it is of.

    Attributes:
        path: of the PNG.
    """

    path: Path

    def read(self, made_of: Mapping[str, Any]) -> Image | None:
        """The picture (H, W, 3) uint8; None where there is none, one of something else, or a damaged one."""
        try:
            told = json.loads(self._told.read_text(encoding="utf-8"))
            payload = self.path.read_bytes()
        except (OSError, ValueError):
            return None
        # the two files are written one after the other: the digest says whether they belong together
        if told != _beside(made_of, payload):
            return None
        return _decoded(payload)

    def keep(self, picture: Image, made_of: Mapping[str, Any]) -> Image:
        """The picture (H, W, 3) uint8 as it is read from now on: of few colours.

        Args:
            picture: to be kept.
            made_of: what JSON can say of what it is of.

        Raises:
            OSError: it cannot be written; names the file.
        """
        save_png(self.path, picture, _COLOURS)
        payload = self.path.read_bytes()
        write_atomically(self._told, (json.dumps(_beside(made_of, payload), indent=1) + "\n").encode())
        return _decoded(payload)

    @property
    def _told(self) -> Path:
        return self.path.with_suffix(".json")


def _beside(made_of: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
    return {"made_of": dict(made_of), "sha256": sha256(payload).hexdigest()}


def _decoded(payload: bytes) -> Image:
    with PillowImage.open(io.BytesIO(payload)) as picture:
        return np.asarray(picture.convert("RGB"))
