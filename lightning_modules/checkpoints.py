"""Checkpoint files: written whole or not at all, read without running what they hold, and modules built from them."""

import contextvars
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jsonargparse import ArgumentParser
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule

from envs.files import write_atomically

_TRUSTED_PREFIX = "lightning_modules."

_BUILT_IN_PYTHON = "_built_in_python"
"""Hyper-parameter that marks modules which were given objects: their checkpoints do not describe them."""

WITHOUT_PRIMITIVE = "without_primitive"
"""Field of a policy's checkpoint that leaves out its frozen primitive (`lightning_modules.shared_primitive`)."""

Module = TypeVar("Module", bound=LightningModule)


def save_checkpoint_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint so that a reader sees the older file or the whole new one, whatever happens in between."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(Path(path), buffer.getvalue())


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, replaced in one step; for ``trainer.plugins``.

    Lightning writes into the system's temporary folder and moves the file from there: where that is another file
    system the move is a copy, and a run killed within it leaves half a checkpoint in the place of a good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write beside the target, then rename.

        Raises:
            TypeError: storage options, which a local file has no use for.
        """
        if storage_options is not None:
            raise TypeError(f"storage_options is {storage_options!r}; local checkpoint files take none")
        save_checkpoint_file(checkpoint, path)


def leave_out_objects(module: LightningModule, names: Sequence[str]) -> None:
    """Take objects that were handed over in Python out of a module's saved hyper-parameters, and mark it so.

    The command line saves class paths in their place; an object has no place in a checkpoint, which must be readable
    without running code.

    Args:
        module: after its ``save_hyperparameters``.
        names: arguments that may be objects.
    """
    for name in names:
        if module.hparams[name] is not None and not isinstance(module.hparams[name], dict):
            module.hparams.pop(name)
            module.hparams[_BUILT_IN_PYTHON] = True


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint's content: tensors and plain containers only, nothing is unpickled beyond that.

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, not a checkpoint, one that holds more than plain data, or one without its primitive.
    """
    content = read_any_checkpoint(path)
    if WITHOUT_PRIMITIVE in content:
        raise ValueError(
            f"checkpoint {path} was exported without its primitive; complete it first: python -m "
            f"lightning_modules.export --checkpoint {path} --primitive PRIMITIVE.ckpt --output WHOLE.ckpt"
        )
    return content


def read_any_checkpoint(path: str | Path) -> dict[str, Any]:
    """As `read_checkpoint`, those without their primitive included."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"checkpoint {path} does not exist; train one with: python -m lightning_modules.cli fit --config CONFIG. A "
            "run that ended before its first epoch did has none: start it again without --ckpt_path"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or foreign file
        # not torch's own text, which advises to unpickle whatever the file holds
        raise ValueError(
            f"checkpoint {path} cannot be read as plain tensors ({type(error).__name__}); it is truncated or was not "
            "made by this project"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise ValueError(f"checkpoint {path} has no field state_dict; expected one written by this project's fit")
    return content


def settings_of(content: Mapping[str, Any], source: str | Path) -> dict[str, Any]:
    """The arguments that a checkpoint's module was made with, plain values.

    Raises:
        ValueError: it has none, or only part of them.
    """
    stored = content.get("hyper_parameters", {})
    settings = {key: value for key, value in stored.items() if not key.startswith("_")}
    if not settings:
        raise ValueError(f"checkpoint {source} has no field hyper_parameters; train it through lightning_modules.cli")
    if stored.get(_BUILT_IN_PYTHON):
        raise ValueError(
            f"checkpoint {source} is of a module that was given objects in Python, which it does not describe; build "
            "the module the same way and use load_state_dict, or train through lightning_modules.cli"
        )
    return settings


def check_is_of(kind: type[LightningModule], content: Mapping[str, Any], source: str | Path) -> None:
    """Refuse the checkpoint of another kind of module.

    Raises:
        ValueError: names both.
    """
    expected = class_path(kind)
    found = content.get("hyper_parameters", {}).get("_class_path", expected)
    if found != expected:
        raise ValueError(
            f"checkpoint {source} holds a {str(found).rpartition('.')[2]}, expected a {kind.__name__}; give a "
            f"checkpoint whose configuration has model.class_path {expected}"
        )


def class_path(kind: type) -> str:
    """What configurations call a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def build(kind: type[Module], content: Mapping[str, Any], settings: dict[str, Any], source: str | Path) -> Module:
    """A module with the weights of a checkpoint, built from plain settings.

    Args:
        kind: what to build.
        content: of the checkpoint.
        settings: arguments of the module, classes as class_path and init_args.
        source: the checkpoint's file, for messages.

    Raises:
        ValueError: classes from outside this project, settings that do not describe such a module, or weights that do
            not fit it.
    """
    check_is_of(kind, content, source)
    _check_class_paths(settings, str(source))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "model")
    try:
        # in a context of its own: within the command line's, the module would take the command line's settings for its
        given = parser.parse_object({"model": settings})
        module: Module = contextvars.Context().run(parser.instantiate, given).model
        module.load_state_dict(content["state_dict"])
    except Exception as error:
        raise ValueError(
            f"checkpoint {source} does not describe a {kind.__name__} of this version: {error}; retrain it, or use the "
            "version of the project that made it"
        ) from error
    return module


def _check_class_paths(value: Any, source: str) -> None:
    """Refuse class paths that lead outside this project: a checkpoint must not choose what code runs.

    Where a class is expected a bare string would be imported, too. One without a dot names nothing that can be.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "class_path" or not str(item).startswith(_TRUSTED_PREFIX):
                _check_class_paths(item, source)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_class_paths(item, source)
    elif isinstance(value, str) and not value.isidentifier():
        raise ValueError(
            f"checkpoint {source} asks for the class {value!r}; only classes of this project ({_TRUSTED_PREFIX}*) are "
            "built"
        )
