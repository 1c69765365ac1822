"""What exported checkpoints leave out: a policy's frozen primitive, kept once for all, what only learning needs, and
all but the encoder of a score module that a policy starts from."""

import hashlib
import math
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightning_modules.checkpoint_files import read_checkpoint_file

WITHOUT_PRIMITIVE = "without_primitive"
"""Field of a policy's checkpoint that leaves out its frozen primitive: the digest of that one's weights."""

LEFT_OUT = "left_out"
"""Field with the type and shape of every weight that only learning needs and the checkpoint leaves out."""

ENCODER_ALONE = "encoder_alone"
"""Field of a score module's checkpoint that holds its encoder's weights and no others."""

_ENCODER_PREFIX = "network.encoder."

PRIMITIVE_PREFIX = "score_module."
"""Of the primitive's weights in a policy's."""

_OF_LEARNING_ALONE = (
    "network.critic.", "network.squeeze_critic.", "network.privileged_norm.", "action_value.", "critic.",
    "target_critic.",
)  # fmt: skip
"""Weights of critics, which no policy acts by."""

_PROJECT = Path(__file__).parents[1]
"""Where the project's own primitive lies, below ``pretrained``."""

_PRIMITIVE_FILE = "gf.ckpt"

_MOST = 50_000_000
"""Numbers in all that a checkpoint may have left out; the largest critics here have 2 million."""


def without_critics(content: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's checkpoint without its critics' weights; it tells what they were."""
    weights = content["state_dict"]
    critics = {name for name in weights if name.startswith(_OF_LEARNING_ALONE)}
    return _without(critics, content) if critics else dict(content)


def encoder_alone(content: Mapping[str, Any]) -> dict[str, Any]:
    """A score module's checkpoint with the weights of its encoder alone; it tells what the others were."""
    rest = {name for name in content["state_dict"] if not name.startswith(_ENCODER_PREFIX)}
    return {**_without(rest, content), ENCODER_ALONE: True}


def _without(names: Set[str], content: Mapping[str, Any]) -> dict[str, Any]:
    weights = content["state_dict"]
    left = {name: weights[name] for name in weights if name in names}
    told = {name: [str(value.dtype).removeprefix("torch."), *value.shape] for name, value in left.items()}
    kept = {name: value for name, value in weights.items() if name not in names}
    return {**content, "state_dict": kept, LEFT_OUT: told}


def put_back(content: dict[str, Any], path: str | Path, *, encoder_suffices: bool = False) -> dict[str, Any]:
    """A checkpoint with all weights that its module has: critics estimate NaN; a primitive is that of a file near.

    The primitive is looked for as ``gf.ckpt`` beside the checkpoint, in the folder above, and in the project's
    ``pretrained``: that whose weights have the digest.

    Args:
        content: of the checkpoint.
        path: its file.
        encoder_suffices: where a score module's encoder alone was kept, its other weights are NaN.

    Raises:
        ValueError: the primitive is in none of these places, or there is an encoder alone and that does not suffice.
    """
    if ENCODER_ALONE in content and not encoder_suffices:
        raise ValueError(
            f"checkpoint {path} holds a primitive's encoder alone, from which a policy may start: give it as "
            "model.encoder_checkpoint, and here one that was exported without --encoder-alone"
        )
    if LEFT_OUT in content:
        blank = _blank_weights(content[LEFT_OUT], path)
        rest = {name: value for name, value in content.items() if name != LEFT_OUT}
        content = {**rest, "state_dict": {**content["state_dict"], **blank}}
    if WITHOUT_PRIMITIVE not in content:
        return content
    folder = Path(path).absolute().parent
    places = list(dict.fromkeys([folder, folder.parent, _PROJECT / "pretrained"]))
    for file in (place / _PRIMITIVE_FILE for place in places):
        if file.is_file():
            weights = read_checkpoint_file(file)["state_dict"]
            if digest_of(weights) == content[WITHOUT_PRIMITIVE]:
                return with_weights(content, weights)
    digest = str(content[WITHOUT_PRIMITIVE])[:12]
    raise ValueError(
        f"checkpoint {path} was exported without its primitive, of digest {digest}, which is no {_PRIMITIVE_FILE} in "
        f"{', '.join(map(str, places))}; lay it there, or complete the checkpoint: python -m "
        f"lightning_modules.export --checkpoint {path} --primitive PRIMITIVE.ckpt --output WHOLE.ckpt"
    )


def with_weights(content: Mapping[str, Any], primitive: Mapping[str, Tensor]) -> dict[str, Any]:
    """A checkpoint with the weights of the primitive that it left out."""
    inside = {PRIMITIVE_PREFIX + name: value for name, value in primitive.items()}
    rest = {name: value for name, value in content.items() if name != WITHOUT_PRIMITIVE}
    return {**rest, "state_dict": {**content["state_dict"], **inside}}


def digest_of(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _blank_weights(told: Any, path: str | Path) -> dict[str, Tensor]:
    """Weights that nothing is known of: NaN, or 0 where their type has none."""
    blank, size = {}, 0
    try:
        for name, (kind, *shape) in told.items():
            dtype = getattr(torch, kind)
            value = float("nan") if dtype.is_floating_point else 0
            size += math.prod(shape)
            if size > _MOST:
                raise ValueError(f"{size} numbers")
            blank[str(name)] = torch.full(shape, value, dtype=dtype)
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"checkpoint {path}: its field {LEFT_OUT} is not type and shape of each weight ({error}); export it anew"
        ) from error
    return blank
