"""Checkpoints of policies that share one primitive: its weights, six sevenths of each, are kept once."""

import hashlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lightning_modules.checkpoints import WITHOUT_PRIMITIVE, read_checkpoint
from lightning_modules.settings_guard import check_same_primitive

_PREFIX = "score_module."
"""Of the primitive's weights in a policy's."""


def without_primitive(content: Mapping[str, Any], source: str, primitive: str) -> dict[str, Any]:
    """A policy's checkpoint without its primitive's weights; it tells the digest of these.

    Args:
        content: of the checkpoint.
        source: its file, for messages.
        primitive: file of the primitive, the same as inside.

    Raises:
        FileNotFoundError, ValueError: the primitive's file is not there or another one.
    """
    weights = content["state_dict"]
    check_same_primitive(source, weights, primitive)
    kept = {name: value for name, value in weights.items() if not name.startswith(_PREFIX)}
    left_out = {name.removeprefix(_PREFIX): value for name, value in weights.items() if name.startswith(_PREFIX)}
    return {**content, "state_dict": kept, WITHOUT_PRIMITIVE: _digest(left_out)}


def with_primitive(content: Mapping[str, Any], source: str, primitive: str) -> dict[str, Any]:
    """The checkpoint as it was before `without_primitive`.

    Raises:
        FileNotFoundError, ValueError: nothing is left out; or the primitive's file is not there or another one.
    """
    expected = content.get(WITHOUT_PRIMITIVE)
    if expected is None:
        raise ValueError(f"checkpoint {source} has its primitive; leave out --primitive")
    weights = read_checkpoint(primitive)["state_dict"]
    found = _digest(weights)
    if found != expected:
        raise ValueError(
            f"checkpoint {source} was exported without a primitive of digest {expected[:12]}, {primitive} has "
            f"{found[:12]}; give the primitive that the policy was trained with"
        )
    inside = {_PREFIX + name: value for name, value in weights.items()}
    rest = {name: value for name, value in content.items() if name != WITHOUT_PRIMITIVE}
    return {**rest, "state_dict": {**content["state_dict"], **inside}}


def _digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
