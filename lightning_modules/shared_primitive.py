"""Checkpoints of policies that share one primitive: its weights, six sevenths of each, are kept once."""

from collections.abc import Mapping
from typing import Any

from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.left_out import PRIMITIVE_PREFIX, WITHOUT_PRIMITIVE, digest_of, with_weights
from lightning_modules.settings_guard import check_same_primitive


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
    prefix = PRIMITIVE_PREFIX
    kept = {name: value for name, value in weights.items() if not name.startswith(prefix)}
    left_out = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return {**content, "state_dict": kept, WITHOUT_PRIMITIVE: digest_of(left_out)}


def with_primitive(content: Mapping[str, Any], source: str, primitive: str) -> dict[str, Any]:
    """The checkpoint as it was before `without_primitive`.

    Raises:
        FileNotFoundError, ValueError: nothing is left out; or the primitive's file is not there or another one.
    """
    expected = content.get(WITHOUT_PRIMITIVE)
    if expected is None:
        raise ValueError(f"checkpoint {source} has its primitive; leave out --primitive")
    weights = read_checkpoint(primitive)["state_dict"]
    found = digest_of(weights)
    if found != expected:
        raise ValueError(
            f"checkpoint {source} was exported without a primitive of digest {expected[:12]}, {primitive} has "
            f"{found[:12]}; give the primitive that the policy was trained with"
        )
    return with_weights(content, weights)
