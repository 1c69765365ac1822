"""Graphs on disk, each with a description that says all that its caller has to know."""

import hashlib
import io
import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from envs.conventions import CONTROL_DT, MAX_JOINT_STEP
from envs.files import write_atomically
from envs.hand.hand import Hand
from envs.task.observations import PAST_S
from lightning_modules.graphs.fields import FIELDS, grouping_fields, random_inputs
from lightning_modules.graphs.parts import MAX_GAP, Graph, graphs_of
from lightning_modules.policy.finger_policies import LearntPolicy
from lightning_modules.policy.load import load_policy
from lightning_modules.primitive import GraspPrimitive

_LOG = logging.getLogger(__name__)

OPSET = 20
"""ONNX operators of this version; onnxruntime runs it from 1.17 on."""

FORMAT = 1
"""Version of the names and their meaning; who reads a file of another one has to refuse it."""

KEY = "graspgf"
"""Where the description stands in an ONNX file's metadata; of a torch program its extra file ``graspgf.json``."""


BATCH = "batch"
"""Name of the free dimension; for who fixes it at 1, onnxruntime works out beforehand all that no input decides."""


class Exportable:
    """The graphs of a checkpoint.

    Args:
        checkpoint: of a policy with its primitive, or of a primitive alone.

    Attributes:
        primitive: the primitive.
        policy: the policy; None for a primitive alone.
        graphs: by name.

    Raises:
        FileNotFoundError, ValueError: see `load_policy` and `graphs_of`.
    """

    def __init__(self, checkpoint: str | Path, content: Mapping[str, Any]) -> None:
        kind = str(content.get("hyper_parameters", {}).get("_class_path", ""))
        self.checkpoint = Path(checkpoint)
        self.policy: LearntPolicy | None = None
        if kind.endswith("ScoreMatchingModule"):
            self.primitive = GraspPrimitive.from_checkpoint(checkpoint)
        else:
            policy = load_policy(checkpoint)
            if not isinstance(policy, LearntPolicy) or policy.view is None:
                raise ValueError(f"checkpoint {checkpoint} is of a policy without a primitive; graphs are made of both")
            self.policy, self.primitive = policy, policy.view.primitive
        residual = None if self.policy is None else self.policy.residual
        self.graphs: dict[str, Graph] = graphs_of(self.primitive, residual)

    @property
    def hand(self) -> Hand:
        """The hand that it moves."""
        return self.primitive.hand

    def inputs(self, count: int, seed: int = 0) -> dict[str, Tensor]:
        """Random inputs of all graphs (count, ...), see `random_inputs`."""
        return self.complete(random_inputs(self.hand, self.primitive.module.network.encoder.grouping_spec, count, seed))

    @torch.no_grad()
    def complete(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same with what encoder and primitive make of them, which are inputs of other graphs."""
        found = {**given, **self.graphs["encoder"].named(given)}
        return {**found, **self.graphs["primitive"].named(found)}

    def description(self, name: str) -> dict[str, Any]:
        """What a caller has to know of the graph ``name``; plain values."""
        graph, spec = self.graphs[name], self.primitive.module.network.encoder.grouping_spec
        fields = FIELDS | grouping_fields(spec)
        return {
            "format": FORMAT,
            "part": name,
            "opset": OPSET,
            "checkpoint_sha256": hashlib.sha256(self.checkpoint.read_bytes()).hexdigest(),
            "inputs": {each: asdict(fields[each]) for each in graph.inputs},
            "outputs": {each: asdict(fields[each]) for each in graph.outputs},
            "hand": describe_hand(self.hand),
            "control_dt_s": CONTROL_DT,
            "max_joint_step_rad": MAX_JOINT_STEP,
            "max_target_gap_rad": MAX_GAP,
            "past_s": list(PAST_S),
            "grouping": [] if spec is None else [asdict(level) for level in spec.levels],
        }


def describe_hand(hand: Hand) -> dict[str, Any]:
    """What a controller has to know of a hand: names, limits, rad, and how coupled joints follow."""
    return {
        "name": hand.name,
        "joints": list(hand.joints),
        "low": hand.limits.low.tolist(),
        "high": hand.limits.high.tolist(),
        "open_pose": hand.open_pose.tolist(),
        "closing": hand.closing.tolist(),
        "grasp_centre_h": list(hand.grasp_centre_h),
        "stiffness": hand.gains.position,
        "coupled": list(hand.coupled.names),
        "coupled_parents": list(hand.parent_columns),
        "coupled_ratio": list(hand.coupled.ratio),
        "coupled_offset": list(hand.coupled.offset),
    }


def program(graph: Graph, given: Mapping[str, Tensor]) -> torch.export.ExportedProgram:
    """The graph as a program of torch with a batch of any size from 1 on."""
    arguments = tuple(given[name][:4] for name in graph.inputs)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constants that are made within
        graph(*arguments)  # what is worked out once and kept has to be numbers, not symbols
        return torch.export.export(graph, arguments, dynamic_shapes=_any_batch(graph))


def _any_batch(graph: Graph) -> tuple[Any, ...]:
    """The first dimension of every argument is free; those of ``*arguments`` are one tuple."""
    names = graph.forward.__code__.co_varnames[1 : graph.forward.__code__.co_argcount]
    free = [{0: torch.export.Dim.DYNAMIC} for _ in graph.inputs]
    has_rest = len(graph.inputs) > len(names) or not names
    return (*free[: len(names)], tuple(free[len(names) :])) if has_rest else tuple(free)


def write_onnx(graph: Graph, given: Mapping[str, Tensor], description: Mapping[str, Any], path: Path) -> Path:
    """An ONNX file with its description.

    Raises:
        ModuleNotFoundError: the extra ``onnx`` is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is needed for ONNX files; install: pip install -e '.[onnx]'"
        ) from error
    traced = program(graph, given)
    for chatty in ("torch.onnx", "onnxscript", "onnx_ir"):  # torchvision is not missed, nor a report of every rewrite
        logging.getLogger(chatty).setLevel(logging.ERROR)
    made = torch.onnx.export(
        traced,
        dynamo=True,
        opset_version=OPSET,
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        verbose=False,
    )
    if made is None:
        raise RuntimeError("torch.onnx.export gave no program")
    made.rename_axes({str(axis): BATCH for each in made.model.graph.inputs for axis in (each.shape or ())[:1]})
    made.model.metadata_props[KEY] = json.dumps(description)
    for value, fields in ((made.model.graph.inputs, "inputs"), (made.model.graph.outputs, "outputs")):
        for each in value:
            field = description[fields][each.name]
            each.doc_string = f"{field['meaning']} [{field['unit']}] {field['frame']}"
    write_atomically(path, made.model_proto.SerializeToString())
    return path


def write_program(graph: Graph, given: Mapping[str, Tensor], description: Mapping[str, Any], path: Path) -> Path:
    """A program of torch, which ``torch.export.load`` reads without this project, with its description."""
    content = io.BytesIO()
    torch.export.save(program(graph, given), content, extra_files={f"{KEY}.json": json.dumps(description)})
    write_atomically(path, content.getvalue())
    return path
