"""A second device with real numbers, for tests of what has to be moved where: 'elsewhere', in pure Python.

Its tensors live on the CPU under another name. An operation on tensors of both devices fails as it does between a CPU
and a GPU, and so do a generator of the CPU and a conversion to numpy without `Tensor.cpu`. Uses torch's experimental
Python backend (torch.utils.backend_registration).

Autograd takes no device that comes after its first use, so that tests of it run in a process of their own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "elsewhere"

OWN_PROCESS = "GRASPGF_TEST_SECOND_DEVICE"
"""Environment variable of the process with the second device."""

GPU = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
ELSEWHERE = pytest.param(NAME, marks=pytest.mark.skipif(OWN_PROCESS not in os.environ, reason="own process"))
"""Parameters of `each_device`."""

not_in_own_process = pytest.mark.skipif(OWN_PROCESS in os.environ, reason="this is the process")

_ACROSS = {"_copy_from", "_copy_from_and_resize", "_local_scalar_dense", "_to_copy", "copy_", "index", "index_put_"}
"""Operations that take tensors of both devices: copies, and indices on the CPU."""

_WAITS = {"_local_scalar_dense", "masked_select", "nonzero"}
"""Operations of which a host waits for the answer, beside copies to it."""

_KEPT: dict[int, Tensor] = {}
"""What is behind a tensor of this device, by its storage."""

_BROUGHT: list[list[str]] = []
"""What is counted now: see `brought_to_host`."""

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


def _as_declared(kind: Any, value: Any) -> Any:
    """A number that torch took out of a tensor, as a tensor again where the operation wants one."""
    is_number = isinstance(value, int | float) and str(kind) == "Tensor"
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None) if is_number else value


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

    if name in _WAITS:
        _note_brought(name)
    if name in ("_copy_from", "copy_"):
        source, target = args[:2] if name == "_copy_from" else (args[1], args[0])
        if not _is_here(target):
            _note_brought(f"{tuple(source.shape)}")
        unwrapped(target).copy_(unwrapped(source))
        return target
    given_args = [
        _as_declared(each.type, value) for each, value in zip(operation._schema.arguments, args, strict=False)
    ]
    if name == "as_strided":  # places in a storage, of which what is behind a view may have the later part
        given_args[3:] = [sum(given_args[3:]) + _behind(args[0]).storage_offset()]
    found = operation(*tree_map(unwrapped, given_args), **tree_map(unwrapped, kwargs))
    if str(kwargs.get("device", NAME)) == "cpu":
        _note_brought(name)
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


def _note_brought(what: str) -> None:
    if _BROUGHT:
        _BROUGHT[-1].append(what)


@contextmanager
def brought_to_host() -> Iterator[list[str]]:
    """Notes what is copied from the device within: shapes of arrays, and names of operations that are waited for.

    What is within another one of these counts there alone.
    """
    _BROUGHT.append([])
    try:
        yield _BROUGHT[-1]
    finally:
        _BROUGHT.pop()


def named_device(name: str) -> torch.device:
    """The device of one of the parameters above."""
    return second_device() if name == NAME else torch.device(name)


@pytest.fixture(params=[ELSEWHERE, GPU])
def each_device(request: pytest.FixtureRequest) -> torch.device:
    """Each of them; the fixture `device` of a file that says ``device = each_device``."""
    return named_device(request.param)


def check_in_own_process(file: str) -> None:
    """Run the tests of a file in a process that has the second device; the caller is `not_in_own_process`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    ended = subprocess.run(command, env={**os.environ, OWN_PROCESS: "1"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert "passed" in ended.stdout
