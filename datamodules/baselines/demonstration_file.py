"""The file of demonstrations: a compressed npz of plain arrays with a JSON header; nothing is ever unpickled."""

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.baselines.demonstrations import Demonstrations, Origin
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.hand.identity import hand_identity

SCHEMA = "graspgf.demonstrations"
VERSION = 3

_COLUMNS = ("object_index", "object_pose_w", "wrist_pose_w", "goal_joint_pos", "num_steps")


def save_demonstrations(shown: Demonstrations, path: Path, provenance: dict[str, Any]) -> None:
    """Write demonstrations atomically; ``provenance`` says how they were made."""
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "hand": shown.hand.name,
        "hand_identity": hand_identity(shown.hand),
        "joint_order": list(shown.hand.joints),
        **vars(shown.origin),
        "objects": list(shown.objects),
        "begin": shown.begin,
        "provenance": provenance,
    }
    buffer = io.BytesIO()
    header_bytes = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(buffer, header=header_bytes, **{name: getattr(shown, name) for name in _COLUMNS})
    write_atomically(path, buffer.getvalue())


def load_demonstrations(path: str | Path, hand: Hand, origin: Origin) -> Demonstrations:
    """Read demonstrations that a training can learn from.

    Args:
        path: the file.
        hand: the hand that is to learn from them.
        origin: grasp set, task and control period of that training.

    Raises:
        FileNotFoundError: no such file; says which command makes one.
        ValueError: not such a file, damaged, or of another hand, grasp set, task or control period.
    """
    path = Path(path)
    remedy = f"make them with: python -m datamodules.demonstrations --output {path}, and the data's --path and --task"
    if not path.is_file():
        raise FileNotFoundError(f"demonstrations {path} do not exist; {remedy}, or leave the file out")
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes().decode())
            columns = {name: archive[name] for name in _COLUMNS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} holds no demonstrations ({type(error).__name__}), or is damaged; {remedy}") from error
    if header.get("schema") != SCHEMA or header.get("version") != VERSION:
        raise ValueError(
            f"{path} is {header.get('schema')} of version {header.get('version')}, expected {SCHEMA} of version "
            f"{VERSION}; {remedy}"
        )
    for name, found, expected in (
        ("hand", header["hand"], hand.name),
        ("joint order", header["joint_order"], list(hand.joints)),
        ("hand, by its limits, couplings and open pose,", header["hand_identity"], hand_identity(hand)),
        ("grasp set", header["grasp_set"], origin.grasp_set),
        ("task", header["task"], origin.task),
        ("control period in seconds", header["period_s"], origin.period_s),
    ):
        if found != expected:
            raise ValueError(f"demonstrations {path} are of the {name} {found}, expected {expected}; {remedy}")
    _check_columns(path, columns, len(header["objects"]), hand.num_joints)
    return Demonstrations(
        hand=hand,
        origin=origin,
        objects=tuple(header["objects"]),
        begin=float(header["begin"]),
        **columns,
    )


def _check_columns(path: Path, columns: dict[str, np.ndarray[Any, Any]], num_objects: int, num_joints: int) -> None:
    """Refuse columns that do not fit one another.

    Raises:
        ValueError: names the file and what does not fit.
    """
    count = len(columns["num_steps"])
    steps = columns["wrist_pose_w"].shape[1] - 1
    shapes = {"object_pose_w": (count, 7), "wrist_pose_w": (count, steps + 1, 7), "goal_joint_pos": (count, num_joints)}
    for name, shape in shapes.items():
        if columns[name].shape != shape or not np.isfinite(columns[name]).all():
            raise ValueError(f"{name} of {path} has shape {columns[name].shape}, expected finite numbers of {shape}")
    index, lengths = columns["object_index"], columns["num_steps"]
    if count == 0 or index.shape != (count,) or (index < 0).any() or (index >= num_objects).any():
        raise ValueError(f"object_index of {path} does not name one of {num_objects} objects for {count} episodes")
    if (lengths < 1).any() or (lengths > steps).any():
        raise ValueError(f"num_steps of {path} spans {lengths.min()}..{lengths.max()}, expected 1..{steps}")
