"""Results of an evaluation in plain files, kept as they come: a killed evaluation goes on where it stood."""

import io
import json
import logging
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callbacks.store.made_of import settings_of
from envs.field_files import read_json
from envs.files import write_atomically

_LOG = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


class ResultFiles:
    """A folder with NAME.npz and, beside it, NAME.json: what the arrays were made of.

    They are read again only where all of that is as it was.

    Args:
        folder: made when first written to.
        made_of: what every file is made of; those of the single files come on top.
        summaries: files that tell of the results as a whole. They are removed before a result is replaced by one that
            was made of something else: they would tell of what is no longer there.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any] | None = None, summaries: Sequence[Path] = ()) -> None:
        self.folder = folder
        self._made_of = dict(made_of or {})
        self._summaries = tuple(summaries)

    def load(self, name: str, made_of: Mapping[str, Any]) -> Arrays | None:
        """The arrays called ``name``; None where there are none, or none that can be read and were made of the same."""
        arrays, manifest = self._paths(name)
        wanted = self._manifest(made_of)
        try:
            kept = read_json(manifest, "")
            if kept != wanted:
                changed = ", ".join(key for key in wanted | kept if wanted.get(key) != kept.get(key))
                _LOG.info("%s was made with another %s and is made again", arrays, changed)
                return None
            with np.load(arrays, allow_pickle=False) as content:
                return {key: content[key] for key in content.files}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            _LOG.warning("%s cannot be read (%s); what it held is measured again", arrays, error)
            return None

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]], made_of: Mapping[str, Any]) -> None:
        """Keep arrays: a reader finds the whole of them, with their manifest, or nothing."""
        path, manifest = self._paths(name)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
        if path.exists() and not self._is_of_same(manifest, made_of):
            self._remove_summaries()
        manifest.unlink(missing_ok=True)
        write_atomically(path, buffer.getvalue())
        write_atomically(manifest, (json.dumps(self._manifest(made_of), indent=1) + "\n").encode())

    def _is_of_same(self, manifest: Path, made_of: Mapping[str, Any]) -> bool:
        try:
            return read_json(manifest, "") == self._manifest(made_of)
        except (OSError, ValueError):
            return False

    def _remove_summaries(self) -> None:
        for path in self._summaries:
            if path.exists():
                path.unlink()
                _LOG.info("removed %s: it told of results that are made again", path)

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.npz", self.folder / f"{name}.json"

    def _manifest(self, made_of: Mapping[str, Any]) -> dict[str, Any]:
        return dict(settings_of({**self._made_of, **made_of}))
