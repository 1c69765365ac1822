"""Episodes as LeRobot reads datasets: version 3.0 of its layout, parquet and JSON alone; needs the extra lerobot.

    meta/info.json            features, rate, counts
    meta/stats.json           statistics of each feature
    meta/tasks.parquet        what was to be done, by number
    meta/episodes/chunk-000/file-000.parquet   where the frames of each episode are
    data/chunk-000/file-000.parquet            frames

Written from the description in the documentation of `lerobot.datasets.lerobot_dataset.LeRobotDataset` (0.4.4).
"""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.rollouts.recording import POSE_NAMES, RecordedEpisode, state_names
from envs.hand.hand import Hand

VERSION = "v3.0"
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_A_FILE = 4000
"""Some 40 MB: files are to stay below 100."""

QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)


def write_lerobot(recorded: Iterable[RecordedEpisode], output: Path, hand: Hand, fps: int) -> int:
    """Write episodes into a folder that must not exist yet; how many they were.

    Frames have ``observation.state`` and ``observation.environment_state`` (the object's pose), ``action``,
    ``next.reward``, ``next.done`` and ``next.success``.

    Args:
        recorded: the episodes.
        output: folder; whole or absent, whatever happens in between.
        hand: that moves.
        fps: control steps a second.

    Raises:
        ModuleNotFoundError: pyarrow is missing; says how to get it.
        FileExistsError: the folder exists.
        ValueError: no episodes.
    """
    arrow = _pyarrow()
    if output.exists():
        raise FileExistsError(f"{output} exists; datasets are not written over: name another folder, or remove it")
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    try:
        count = _Writer(arrow, folder, hand, fps).write(recorded)
        folder.chmod(0o755)
        folder.rename(output)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return count


def _pyarrow() -> ModuleType:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "datasets of LeRobot are parquet files, and pyarrow, which writes them, is missing; install the extra: "
            "pip install -e '.[lerobot]'"
        ) from error
    found: ModuleType = pyarrow
    return found


class _Writer:
    """Writes one dataset.

    Args:
        arrow: pyarrow.
        folder: empty.
        hand: that moves.
        fps: frames a second.
    """

    def __init__(self, arrow: ModuleType, folder: Path, hand: Hand, fps: int) -> None:
        self._arrow = arrow
        self._folder = folder
        self._fps = fps
        self._hand = hand
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._num_frames = 0
        names = {
            "observation.state": state_names(hand),
            "observation.environment_state": [f"object_{name}" for name in POSE_NAMES],
            "action": list(hand.joints),
        }
        numbers = {name: ("float32", columns) for name, columns in names.items()}
        others = {"next.reward": "float32", "next.done": "bool", "next.success": "bool", "timestamp": "float32"}
        others |= dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
        self._features = {
            name: {"dtype": dtype, "shape": [1 if columns is None else len(columns)], "names": columns}
            for name, (dtype, columns) in {**numbers, **{name: (kind, None) for name, kind in others.items()}}.items()
        }

    def write(self, recorded: Iterable[RecordedEpisode]) -> int:
        """All files; how many episodes."""
        columns: list[dict[str, NDArray[Any]]] = []
        kept: list[dict[str, NDArray[Any]]] = []
        for episode in recorded:
            columns.append(self._frames(episode, len(self._rows) // EPISODES_A_FILE))
            if len(columns) == EPISODES_A_FILE:
                kept.append(self._write_frames(columns, len(kept)))
                columns = []
        if columns:
            kept.append(self._write_frames(columns, len(kept)))
        if not kept:
            raise ValueError("there are no episodes to write; record at least one")
        self._write_meta({name: np.concatenate([part[name] for part in kept]) for name in self._features})
        return len(self._rows)

    def _frames(self, episode: RecordedEpisode, file: int) -> dict[str, NDArray[Any]]:
        """Columns of an episode, which is noted."""
        index, length, first = len(self._rows), len(episode), self._num_frames
        task = self._tasks.setdefault(episode.task, len(self._tasks))
        self._num_frames += length
        self._rows.append(
            {
                "episode_index": index,
                "tasks": [episode.task],
                "length": length,
                "data/chunk_index": 0,
                "data/file_index": file,
                "dataset_from_index": first,
                "dataset_to_index": first + length,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        frame = np.arange(length)
        is_last = frame == length - 1
        values: dict[str, Any] = {
            "observation.state": episode.state,
            "observation.environment_state": episode.object_pose_w,
            "action": episode.action,
            "next.reward": episode.reward,
            "next.done": is_last,
            "next.success": is_last & episode.is_success,
            "timestamp": frame / self._fps,
            "frame_index": frame,
            "episode_index": np.full(length, index),
            "index": first + frame,
            "task_index": np.full(length, task),
        }
        return {name: np.asarray(values[name], dtype=feature["dtype"]) for name, feature in self._features.items()}

    def _write_frames(self, episodes: list[dict[str, NDArray[Any]]], file: int) -> dict[str, NDArray[Any]]:
        """One file of frames; its columns."""
        columns = {name: np.concatenate([episode[name] for episode in episodes]) for name in self._features}
        arrow, arrays = self._arrow, {}
        for name, column in columns.items():
            flat = arrow.array(column.ravel())
            arrays[name] = flat if column.ndim == 1 else arrow.FixedSizeListArray.from_arrays(flat, column.shape[1])
        self._save(arrow.table(arrays), "data/" + FILE.format(chunk_index=0, file_index=file))
        return columns

    def _write_meta(self, columns: dict[str, NDArray[Any]]) -> None:
        """What describes the frames."""
        arrow = self._arrow
        self._save(arrow.Table.from_pylist(self._rows), "meta/episodes/" + FILE.format(chunk_index=0, file_index=0))
        tasks = arrow.table({"task_index": arrow.array(list(self._tasks.values())), "task": list(self._tasks)})
        self._save(
            tasks.replace_schema_metadata({b"pandas": json.dumps(_INDEXED_BY_TASK).encode()}), "meta/tasks.parquet"
        )
        info = {
            "codebase_version": VERSION,
            "robot_type": self._hand.name,
            "total_episodes": len(self._rows),
            "total_frames": self._num_frames,
            "total_tasks": len(self._tasks),
            "chunks_size": 1000,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self._fps,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": "data/" + FILE,
            "video_path": None,
            "features": self._features,
        }
        stats = {name: _statistics(column) for name, column in columns.items()}
        for name, content in (("info", info), ("stats", stats)):
            path = self._folder / "meta" / f"{name}.json"
            path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")

    def _save(self, table: Any, name: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._arrow.parquet.write_table(table, path)


def _statistics(column: NDArray[Any]) -> dict[str, list[float]]:
    """Statistics of a column (N,) or (N, D), as lists of one or of D numbers."""
    rows = column.reshape(len(column), -1).astype(np.float64)
    found = {"min": rows.min(axis=0), "max": rows.max(axis=0), "mean": rows.mean(axis=0), "std": rows.std(axis=0)}
    found |= {f"q{round(100 * share):02d}": np.quantile(rows, share, axis=0) for share in QUANTILES}
    return {"count": [len(rows)], **{name: values.tolist() for name, values in found.items()}}


_INDEXED_BY_TASK = {
    "index_columns": ["task"],
    "column_indexes": [
        {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    ],
    "columns": [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ],
    "pandas_version": "2.3.0",
}
"""What pandas writes beside a table whose index is the column task: LeRobot looks tasks up by it."""
