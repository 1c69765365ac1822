"""Small files that ask for much memory end as errors, and the limit goes with them."""

import io
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.formats.plain_files import load_npy, load_pth
from envs import memory_limit
from envs.memory_limit import UnexplainedMemoryError, memory_of
from envs.wrist.plain_pickle import load_plain_pickle
from lightning_modules.checkpoint_files import read_checkpoint_file

resource = pytest.importorskip("resource", reason="needs limits of memory")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")

_GIGABYTES = 40 * 10**9


def _number(code: bytes, form: str, value: int) -> bytes:
    return b"\x80\x05" + code + struct.pack(form, value) + b"."


PICKLES = {
    "a place in the memo": _number(b"]r", "<I", 2**31 - 8),
    "a place in the memo, as text": b"]p2147483640\n.",
    "bytes that may change": _number(b"\x96", "<Q", _GIGABYTES),
    "an array without its numbers": pickle.dumps(np.zeros(3), 2).replace(
        b"K\x00\x85", b"\x8a\x08" + struct.pack("<q", _GIGABYTES) + b"\x85", 1
    ),
}


@pytest.mark.parametrize("kind", PICKLES)
def test_pickle_that_asks_for_gigabytes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(PICKLES[kind])
    before = resource.getrlimit(resource.RLIMIT_DATA)
    for load in (load_plain_pickle, load_pth):
        with pytest.raises(ValueError, match=r"bomb\.pkl asks for more than 500 MB of memory, which its size does not"):
            load(path)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_object_array_that_asks_for_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    path.write_bytes(path.read_bytes().split(b"\x80")[0] + PICKLES["bytes that may change"])
    with pytest.raises(ValueError, match=r"bomb\.npy asks for more than 500 MB"):
        load_npy(path)


_LOADS_WITH_LITTLE = """
import sys
from pathlib import Path
from {module} import {name} as load
from envs import memory_limit
memory_limit.ALWAYS = 20_000_000  # in place of gigabytes
try:
    load(Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("load", [load_pth, read_checkpoint_file])
def test_archive_of_torch_that_unfolds_to_gigabytes(tmp_path: Path, load: Callable[[Path], object]) -> None:
    buffer = io.BytesIO()
    torch.save({"state_dict": {"a": torch.zeros(20_000_000)}}, buffer)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as small:
        for member in whole.infolist():
            small.writestr(member.filename, whole.read(member))
    assert path.stat().st_size < 500_000
    code = _LOADS_WITH_LITTLE.format(module=load.__module__, name=load.__name__)
    # in a process of its own: what earlier tests freed is taken again without asking the system
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert re.search(r"bomb\.pth asks for more than \d+ MB of memory", ended.stdout), ended.stdout


def test_what_the_size_explains_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "ALWAYS", 20_000_000)
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps([{} for _ in range(500_000)]))  # 64 bytes of memory for two of the file
    assert len(load_plain_pickle(path)) == 500_000


def test_limits_within_each_other_end_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "ALWAYS", 200_000_000)
    path = tmp_path / "file"
    path.write_bytes(b"")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with memory_of(path):
        outer = resource.getrlimit(resource.RLIMIT_DATA)
        assert outer[0] != before[0]
        monkeypatch.setattr(memory_limit, "ALWAYS", 20_000_000)
        with pytest.raises(UnexplainedMemoryError, match="file asks for more"), memory_of(path):
            bytearray(10**9)
        assert resource.getrlimit(resource.RLIMIT_DATA) == outer
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(10**9)) == 10**9
