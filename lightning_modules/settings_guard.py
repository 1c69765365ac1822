"""Holds a configuration against the checkpoint that it is to be used with, which Lightning would let win silently.

A module class names in ``training_only`` the settings that may differ when a checkpoint is only evaluated; a data
module class in ``without_effect_on_training`` those that may differ when training is resumed; one of a class further
inside by its whole path. A class that names none has none.
"""

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.left_out import PRIMITIVE_PREFIX

PROCESSES = "processes"
"""Under this name checkpoints keep how many processes made them: each has batches, rollouts and noise of its own."""

_PRIMITIVE = "primitive"
"""Setting of a policy that names the file of its primitive: held against the checkpoint by content, not by name."""


def class_of(class_path: str) -> Any:
    """The class that a configuration names."""
    module, _, name = class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def check_checkpoint(
    path: str,
    content: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    resumes: bool,
    trainer: Mapping[str, Any],
    kept_of_trainer: Mapping[str, Any],
) -> None:
    """Hold a checkpoint against the configuration; see `check_same_settings`.

    Args:
        path: the checkpoint.
        content: what it holds.
        config: of the subcommand: model, data, ...
        resumes: training goes on from the checkpoint; else it is only evaluated.
        trainer: settings of the trainer that change what is learnt.
        kept_of_trainer: those that the checkpoint keeps; none in checkpoints that keep no such settings.

    Raises:
        ValueError: an exported checkpoint to resume from, or a setting that differs.
    """
    if resumes and "optimizer_states" not in content:
        raise ValueError(
            f"checkpoint {path} has no field optimizer_states: it was exported and cannot be trained on; resume from a "
            "file in the run's folder checkpoints"
        )
    model = config["model"]
    free = () if resumes else getattr(class_of(model["class_path"]), "training_only", ())
    check_same_settings(path, "model", model, content.get("hyper_parameters", {}), ignore=(*free, _PRIMITIVE))
    primitive = (model.get("init_args") or {}).get(_PRIMITIVE)
    if isinstance(primitive, str):
        check_same_primitive(path, content["state_dict"], primitive)
    if not resumes:
        return
    data, stored = config["data"], content.get("datamodule_hyper_parameters", {})
    free = getattr(class_of(data["class_path"]), "without_effect_on_training", ())
    check_same_settings(path, "data", data, stored, ignore=free)
    if kept_of_trainer:
        _check_same(path, "trainer", _flat(trainer), _flat(kept_of_trainer), ignore=(PROCESSES,))


def check_same_primitive(path: str, weights: Mapping[str, Tensor], primitive: str) -> None:
    """Hold the primitive inside a policy's checkpoint against the file that the configuration names.

    Raises:
        FileNotFoundError, ValueError: no such file, another architecture, or other weights.
    """
    prefix = PRIMITIVE_PREFIX
    inside = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    given = read_checkpoint(primitive)["state_dict"]
    remedy = "give the primitive that the policy was trained with (model.primitive)"
    for name in [*inside, *given]:
        shapes = [tuple(part[name].shape) if name in part else None for part in (inside, given)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"checkpoint {path} holds a policy on a primitive of another architecture than {primitive}: {name} is "
                f"{shapes[0] or 'absent'} there and {shapes[1] or 'absent'} here; {remedy}"
            )
    for name, value in inside.items():
        if not torch.equal(value, given[name]):
            raise ValueError(
                f"checkpoint {path} holds a policy on another primitive than {primitive}: {name} has other values; "
                f"{remedy}"
            )


def check_same_settings(
    path: str, part: str, config: Mapping[str, Any], stored: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> None:
    """Compare a class_path/init_args configuration with the hyper-parameters in a checkpoint.

    A setting that the checkpoint does not know, because it is newer, counts as its default.

    Raises:
        ValueError: a setting differs; names it with both values.
    """
    kept = {key: value for key, value in stored.items() if not key.startswith("_")}
    if not kept and "_class_path" not in stored:  # a class may have no settings
        raise ValueError(
            f"checkpoint {path} holds no settings of its {part}; it was not made through lightning_modules.cli "
            "fit, or by a class whose constructor does not call self.save_hyperparameters()"
        )
    given: dict[str, Any] = {"class_path": config.get("class_path"), "init_args": config.get("init_args") or {}}
    expected = _completed({"class_path": stored.get("_class_path"), "init_args": kept}, given)
    flat = [_flat({"class_path": each["class_path"], **each["init_args"]}) for each in (given, expected)]
    _check_same(path, part, flat[0], flat[1], ignore=ignore)


def _completed(stored: Any, given: Any) -> Any:
    """Settings of a checkpoint, with the defaults of those that their classes got since, where these are plain values.

    Only classes that the configuration names, too, are looked into: a checkpoint must not choose what is imported.
    """
    if not isinstance(stored, Mapping) or not isinstance(given, Mapping):
        return stored
    found = {key: _completed(value, given.get(key)) for key, value in stored.items()}
    path, arguments = found.get("class_path"), found.get("init_args") or {}
    wanted = given.get("init_args") or {}
    if isinstance(path, str) and path == given.get("class_path"):
        kind = class_of(path)
        hints = get_type_hints(kind.__init__)
        filled = {
            name: _filled(value, wanted.get(name), hints[name]) for name, value in arguments.items() if name in hints
        }
        found["init_args"] = {**_newer_defaults(kind, arguments, wanted), **arguments, **filled}
    return found


def _filled(stored: Any, given: Any, hint: Any) -> Any:
    """An argument's settings that have no class path, with the defaults of those that their dataclass got since."""
    kind = next((each for each in (hint, *get_args(hint)) if is_dataclass(each)), None)
    if kind is None or not (isinstance(stored, Mapping) and isinstance(given, Mapping)) or "class_path" in stored:
        return stored
    return {**_newer_defaults(kind, stored, given), **stored}


def _newer_defaults(kind: Any, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of a class's arguments that are given and not stored, where these are plain values."""
    parameters = inspect.signature(kind).parameters
    defaults = {name: parameters[name].default for name in set(given) - set(stored) if name in parameters}
    return {name: value for name, value in defaults.items() if isinstance(value, int | float | str | tuple)}


def _check_same(
    path: str, part: str, given: Mapping[str, Any], expected: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> None:
    """Compare flat settings; a class before what it is given."""
    for key in sorted(
        set(given) | set(expected), key=lambda name: (not name.endswith("class_path"), name.count("."), name)
    ):
        if key in ignore or re.split(r"[.[]", key)[0] in ignore:
            continue
        if given.get(key) != expected.get(key):
            raise ValueError(
                f"checkpoint {path} was made with {part}.{key} = {expected.get(key)!r}, the configuration says "
                f"{given.get(key)!r}; use the checkpoint's configuration, or train anew without --ckpt_path"
            )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested containers as dotted keys with plain values."""
    if isinstance(value, Mapping):
        items: dict[str, Any] = {}
        for key, item in value.items():
            items |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
        return items
    if isinstance(value, list | tuple):
        items = {}
        for index, item in enumerate(value):
            items |= _flat(item, f"{prefix}[{index}]")
        return items
    return {} if value is None else {prefix: value}
