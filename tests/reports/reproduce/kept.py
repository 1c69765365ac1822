"""Tests of a reproduction that were never run: files of episodes as `AssistEvaluation` keeps them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from callbacks.store.result_files import ResultFiles


def keep(
    folder: Path,
    split: str,
    successes: Sequence[int],
    *,
    policy: str = "ours",
    poses: int = 5,
    moved: float = 0.02,
    is_grasp: Sequence[bool] | None = None,
    episodes: str = "same",
) -> None:
    """Episodes of objects in two families, ``poses`` of each, the first ones of which succeed.

    Args:
        folder: of the test.
        split: of the objects.
        successes: how many poses of each object succeed.
        policy: whose episodes they are.
        poses: of each object.
        moved: translation of every episode, m.
        is_grasp: of each episode; all when None.
        episodes: what the episodes' digest is.
    """
    count = poses * len(successes)
    success = np.concatenate([np.arange(poses) < number for number in successes])
    grasps = np.ones(count, dtype=bool) if is_grasp is None else np.array(is_grasp)
    groups = np.repeat(np.arange(len(successes)), poses)
    files = ResultFiles(folder / "episodes", {})
    arrays = {
        "is_success": success, "is_grasp": grasps, "posture_rad": np.full(count, 0.5),
        "translation_m": np.full(count, moved), "rotation_cos": np.zeros(count),
    }  # fmt: skip
    files.save(f"{split}/{policy}_0", arrays, {"policy": policy})
    labels = {"groups": groups, "families": np.array(["mug", "pan"])[groups % 2], f"rows_{policy}": np.arange(count)}
    files.save(f"labels/{split}", labels, {"episodes": [episodes]})
    (folder / "metrics.json").write_text(json.dumps({"splits": {split: {}}}))
