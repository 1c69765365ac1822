"""What a controller saw and did, step by step, as one npz file."""

import io
import zipfile
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from envs.files import write_atomically
from live.poses import Array, Points


@dataclass(frozen=True)
class Step:
    """One control step.

    Attributes:
        time_s: when.
        wrist_pose_w: wrist (7,).
        object_pose_w: frame of the object's cloud (7,).
        joint_pos, command: joints and what they were told (J,), rad.
        a_s, a_p: of the policy (J,); 0 where it did not act.
        state: of the state machine.
        message: why the fingers are frozen; empty where they are not.
        compute_s: seconds that the step took.
    """

    time_s: float
    wrist_pose_w: Array
    object_pose_w: Array
    joint_pos: Array
    command: Array
    a_s: Array
    a_p: Array
    state: str
    message: str
    compute_s: float


class ControllerLog:
    """The last steps of a controller.

    Args:
        max_steps: steps that are kept, the oldest ones go first: an hour at 40 a second takes some 130 MB.

    Attributes:
        hand: name of the hand; told by the controller.
        cloud: the last cloud that the policy saw (1024, 3), m, in its own frame; None before the first.
        object_name, object_start_w: the object, and where it stood when the controller's time began (7,); empty and
            None unless whoever put it there tells.
    """

    def __init__(self, max_steps: int = 24_000) -> None:
        self._steps: deque[Step] = deque(maxlen=max_steps)
        self.hand = ""
        self.cloud: Points | None = None
        self.object_name = ""
        self.object_start_w: Array | None = None

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, step: Step) -> None:
        """One step more."""
        self._steps.append(step)

    def content(self) -> bytes:
        """An npz file of all steps: one array (T, ...) for each field of `Step`, with hand, cloud and object."""
        arrays: dict[str, Any] = {
            each.name: np.array([getattr(step, each.name) for step in self._steps]) for each in fields(Step)
        }
        arrays["hand"] = np.array(self.hand)
        arrays["cloud"] = np.zeros((0, 3)) if self.cloud is None else np.asarray(self.cloud)
        arrays["object_name"] = np.array(self.object_name)
        arrays["object_start_w"] = np.full(7, np.nan) if self.object_start_w is None else self.object_start_w
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        return content.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write `content`, complete or not at all."""
        path = Path(path)
        write_atomically(path, self.content())
        return path


def load_log(path: str | Path) -> dict[str, Array]:
    """The arrays of a log by name.

    Raises:
        ValueError: the file is none.
    """
    expected = {item.name for item in fields(Step)}
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"log {path} cannot be read: {error}; expected a file of ControllerLog.save") from error
    if missing := expected - arrays.keys():
        raise ValueError(f"log {path} has no field {min(missing)}; expected a file of ControllerLog.save")
    return arrays
