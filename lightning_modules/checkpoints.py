"""Checkpoint files: written whole or not at all, read without running what they hold, and modules built from them."""

import contextvars
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jsonargparse import ArgumentParser
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule

from datamodules.grasps.identity import HAND, check_trained_on
from envs.hand.hand import Hand
from envs.hand.identity import hand_identity
from lightning_modules.checkpoint_files import read_checkpoint_file, save_checkpoint_file
from lightning_modules.left_out import put_back

TRAINED_ON = "trained_on"
"""Field that the data's state in a checkpoint has, and exported checkpoints themselves."""

_TRUSTED_PREFIX = "lightning_modules."

_BUILT_IN_PYTHON = "_built_in_python"
"""Hyper-parameter that marks modules which were given objects: their checkpoints do not describe them."""

Module = TypeVar("Module", bound=LightningModule)


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

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As Lightning reads it, with what an export left out."""
        return put_back(super().load_checkpoint(path, *args, **kwargs), path)


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


def read_checkpoint(path: str | Path, *, encoder_suffices: bool = False) -> dict[str, Any]:
    """A checkpoint's content: tensors and plain containers only, nothing is unpickled beyond that.

    What an export left out is put back (`left_out.put_back`, also of ``encoder_suffices``).

    Raises:
        FileNotFoundError: no such file.
        ValueError: truncated, not a checkpoint, one that holds more than plain data, its primitive is not found, or an
            encoder alone where that does not suffice.
    """
    return put_back(read_checkpoint_file(path), path, encoder_suffices=encoder_suffices)


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
        ValueError: classes from outside this project, settings that do not describe such a module, weights that do not
            fit it, or a hand whose joints have changed since.
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
    hand = getattr(module, "hand", None)
    if isinstance(hand, Hand):
        check_trained_on(trained_on(content), {HAND: hand_identity(hand)}, {HAND: hand.name})
    return module


def trained_on(content: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what a checkpoint was trained on, by what they are of; none in those of before they kept any."""
    states = [content, *(part for part in content.values() if isinstance(part, dict))]
    told = [state[TRAINED_ON] for state in states if isinstance(state.get(TRAINED_ON), dict)]
    return dict(told[0]) if told else {}


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
