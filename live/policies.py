"""What says how the fingers should move: an exported policy in onnxruntime, or a checkpoint in torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from live.hand_facts import HandFacts
from live.poses import Array

KEY = "graspgf"
"""Where exported files describe themselves (`lightning_modules.graphs.writing.KEY`)."""

BATCH = "batch"
"""The dimension that is free in them (`lightning_modules.graphs.writing.BATCH`)."""


@dataclass(frozen=True)
class LiveObservation:
    """What one hand sees at a control step, without a batch.

    Attributes:
        points_h: object cloud in the hand frame (1024, 3), m.
        groups: inputs that say which of its points are neighbours, by name.
        joint_pos, command: actuated joints and their targets of the step before (J,), rad.
        coupled_pos: coupled joints (C,), rad.
        wrist_history: the last five wrist poses, world, oldest first (5, 7).
        wrist_past: wrist poses longer ago (P, 7).
    """

    points_h: Array
    groups: Mapping[str, NDArray[np.int64]]
    joint_pos: Array
    coupled_pos: Array
    command: Array
    wrist_history: Array
    wrist_past: Array


@dataclass(frozen=True)
class PolicyParts:
    """The action of the hand in [-1, 1], what the primitive wants, and a_s and a_r (J,); see `ActionParts`."""

    action: Array
    a_p: Array
    a_s: Array
    a_r: Array


class ControlPolicy(Protocol):
    """Moves the fingers of one hand.

    Attributes:
        facts: the hand.
    """

    facts: HandFacts

    def start(self) -> None:
        """Another object, or a new beginning: forget what was worked out."""
        ...

    def act(self, observation: LiveObservation) -> PolicyParts:
        """What to do now."""
        ...


class OnnxPolicy:
    """A policy exported with ``--format onnx``; needs onnxruntime and no torch.

    The cloud is encoded again once a point of it, or the table, has moved by ``tolerance`` in the hand frame.

    Args:
        folder: holds encoder.onnx and control.onnx.
        tolerance: m; 0 encodes in every step.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file of another version or part, no file of this project, or files of different checkpoints.
        ModuleNotFoundError: onnxruntime is not installed.
    """

    def __init__(self, folder: str | Path, tolerance: float = 1.5e-3) -> None:
        self._encoder, self._control = (_Session(Path(folder) / f"{name}.onnx") for name in ("encoder", "control"))
        for part, name in ((self._encoder, "encoder"), (self._control, "control")):
            if (found := part.description.get("part")) != name:
                raise ValueError(f"{part.path} is the part {found!r} of an export, expected {name!r}; export it anew")
        sources = {part.description["checkpoint_sha256"] for part in (self._encoder, self._control)}
        if len(sources) > 1:
            raise ValueError(
                f"the files in {folder} come of {len(sources)} checkpoints; export one into an empty folder"
            )
        self.facts = HandFacts.of_description(self._control.description, str(self._control.path))
        self._tolerance = tolerance
        self._place = np.zeros(0, np.float32)
        self.num_encoded = 0

    def start(self) -> None:
        """See `ControlPolicy.start`."""
        self._place = np.zeros(0, np.float32)

    def act(self, observation: LiveObservation) -> PolicyParts:
        """See `ControlPolicy.act`."""
        given, found = self._control.inputs, self._control.outputs
        for name in ("points_h", "joint_pos", "coupled_pos", "command", "wrist_history", "wrist_past"):
            given[name][0] = getattr(observation, name)
        present_w = given["wrist_history"][0, -1]
        place = np.concatenate([given["points_h"][0, ::16].ravel(), present_w[2:]])
        if len(place) != len(self._place) or np.abs(place - self._place).max() >= self._tolerance:
            seen = {"points_h": given["points_h"][0], "wrist_pose_w": present_w, **observation.groups}
            for name, array in self._encoder.inputs.items():
                array[0] = seen[name]
            self._encoder.run()
            given["scene"][:] = self._encoder.outputs["scene"]
            self._place = place
            self.num_encoded += 1
        self._control.run()
        return PolicyParts(*(found[name][0].astype(float) for name in ("action", "a_p", "a_s", "a_r")))


class _Session:
    """A file in onnxruntime on one thread, for one hand, with its description.

    Attributes:
        inputs: arrays (1, ...) by name that `run` reads.
        outputs: those that it writes.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "onnxruntime runs exported policies; install: pip install -e '.[onnx]'"
            ) from error
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist; make it: python -m lightning_modules.export --checkpoint CHECKPOINT "
                f"--format onnx --output {path.parent}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_free_dimension_override_by_name(BATCH, 1)  # what no input decides is then worked out here
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has types of its own for every failure
            raise ValueError(f"{path} is no ONNX file that onnxruntime can run: {error}") from error
        text = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        if text is None:
            raise ValueError(
                f"{path} does not describe its inputs; expected a file that lightning_modules.export wrote"
            )
        self.path = path
        self.description: dict[str, Any] = json.loads(text)
        HandFacts.of_description(self.description, str(path))
        # arrays that stay where they are: a call that hands them over anew takes 0.02 ms longer
        self.inputs = {each.name: _room(each) for each in self._session.get_inputs()}
        self.outputs = {each.name: _room(each) for each in self._session.get_outputs()}
        self._bound = self._session.io_binding()
        for name, array in self.inputs.items():
            self._bound.bind_cpu_input(name, array)
        for name, array in self.outputs.items():
            self._bound.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def run(self) -> None:
        """From `inputs` to `outputs`."""
        self._session.run_with_iobinding(self._bound)


def _room(field: Any) -> NDArray[Any]:
    """An array of zeros for one hand's input or output, as onnxruntime describes it."""
    return np.zeros((1, *field.shape[1:]), np.int64 if field.type == "tensor(int64)" else np.float32)


def load_control_policy(path: str | Path) -> ControlPolicy:
    """The policy of a folder of ONNX files, or of a checkpoint, which takes torch.

    Raises:
        FileNotFoundError, ValueError, ModuleNotFoundError: see `OnnxPolicy` and `load_policy`.
    """
    if Path(path).is_dir():
        return OnnxPolicy(path)
    from live.torch_policy import TorchPolicy

    return TorchPolicy(path)


def policy_digest(path: Path) -> str:
    """Stands for the weights of a checkpoint, or of a folder of ONNX files."""
    total = hashlib.sha256()
    for each in sorted(path.glob("*.onnx")) if path.is_dir() else [path]:
        total.update(each.read_bytes())
    return total.hexdigest()[:16]
