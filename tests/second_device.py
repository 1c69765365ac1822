"""A second device with real numbers, for tests of what has to be moved where: 'elsewhere', in pure Python.

Its tensors live on the CPU under another name. An operation on tensors of both devices fails as it does between a CPU
and a GPU, and so do a generator of the CPU and a conversion to numpy without `Tensor.cpu`. Uses torch's experimental
Python backend (torch.utils.backend_registration).
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "elsewhere"

_ACROSS = {"_copy_from", "_copy_from_and_resize", "_local_scalar_dense", "_to_copy", "copy_", "index", "index_put_"}
"""Operations that take tensors of both devices: copies, and indices on the CPU."""

_KEPT: dict[int, Tensor] = {}
"""What is behind a tensor of this device, by its storage."""

_LIBRARY = torch.library.Library("_", "IMPL")


class _Backend(_DummyBackendModule):
    """What torch asks every backend for when seeds are set."""

    def manual_seed_all(self, seed: int) -> None:
        """There is no generator."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Of mixed precision, which nobody asks for here."""
        return [torch.bfloat16]

    def _is_in_bad_fork(self) -> bool:
        return False


def _is_here(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type == NAME


def _behind(value: Tensor) -> Tensor:
    kept = _KEPT[value.untyped_storage()._cdata]
    # torch makes some views by itself, of the same storage
    return kept.view(value.shape) if kept.numel() == value.numel() and kept.shape != value.shape else kept


def _wrapped(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    # torch takes every tensor here for contiguous; of views, those that are stay views
    value = value.contiguous()
    here: Tensor = torch._C._acc.create_empty_tensor(list(value.shape), value.dtype)
    _KEPT[here.untyped_storage()._cdata] = value
    return here


def _run(operation: Any, *args: Any, **kwargs: Any) -> Any:
    name = operation._schema.name.removeprefix("aten::")

    def unwrapped(value: Any) -> Any:
        if isinstance(value, torch.Generator):
            raise RuntimeError(f"Expected a generator of the device {NAME}, found one of {value.device}")
        if isinstance(value, torch.device):
            return torch.device("cpu")
        if not isinstance(value, Tensor) or (not _is_here(value) and (value.ndim == 0 or name in _ACROSS)):
            return value
        if not _is_here(value):
            raise RuntimeError(f"{name}: Expected all tensors to be on the same device, found cpu and {NAME}")
        return _behind(value)

    if name in ("_copy_from", "copy_"):
        source, target = args[:2] if name == "_copy_from" else (args[1], args[0])
        unwrapped(target).copy_(unwrapped(source))
        return target
    found = operation(*tree_map(unwrapped, args), **tree_map(unwrapped, kwargs))
    if str(kwargs.get("device", NAME)) == "cpu":
        return found
    given = {id(_behind(value)): value for value in (*args, *kwargs.values()) if _is_here(value)}
    for value in given.values():
        if value.shape != _behind(value).shape:  # an empty tensor that the operation filled
            value.data = _wrapped(_behind(value))
    # what an operation gives back that was given to it was changed in place
    return tree_map(lambda value: given[id(value)] if id(value) in given else _wrapped(value), found)


def second_device() -> torch.device:
    """The device; made at the first call, there ever after."""
    if torch._C._get_privateuse1_backend_name() != NAME:
        _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
        _LIBRARY.fallback(_run, dispatch_key="PrivateUse1")
    return torch.device(NAME)
