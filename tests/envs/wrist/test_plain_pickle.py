"""Pickles of strangers: plain content is read, everything else is refused before it runs."""

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.wrist.plain_pickle import load_plain_object, load_plain_pickle


def _save(path: Path, content: object) -> Path:
    array = np.empty((), dtype=object)
    array[()] = content
    np.save(path, array, allow_pickle=True)
    return path


class _Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.target}",))


def test_arrays_numbers_and_plain_containers(tmp_path: Path) -> None:
    content = {
        "array": np.arange(6.0).reshape(2, 3),
        "number": np.float32(0.5),
        "list": [1, "two", (3.0, None, True)],
        "ordered": collections.OrderedDict(a=np.array(["x", "y"])),
    }
    read = load_plain_object(_save(tmp_path / "plain.npy", content))
    np.testing.assert_array_equal(read["array"], content["array"])
    assert read["number"] == 0.5
    assert read["list"] == content["list"]
    np.testing.assert_array_equal(read["ordered"]["a"], ["x", "y"])


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_understood(tmp_path: Path, protocol: int) -> None:
    content = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.eye(2, 3)),
        "c": np.array(["x"], dtype=object),
    }
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = load_plain_pickle(path)
    for name, array in content.items():
        np.testing.assert_array_equal(read[name], array)


def test_names_of_numpy_1_are_understood(tmp_path: Path) -> None:
    path = _save(tmp_path / "new.npy", {"a": np.arange(3)})
    # the pickle stores names with their length: the shorter old name needs a shorter length
    old = path.read_bytes().replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    old = old.replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    assert b"numpy._core" not in old
    path.write_bytes(_without_frames(old))
    np.testing.assert_array_equal(load_plain_object(path)["a"], [0, 1, 2])


def _without_frames(content: bytes) -> bytes:
    """The same pickle without its frame length, which a shortened name makes wrong."""
    position = content.find(b"\x95", content.find(b"\x80"))
    return content if position < 0 else content[:position] + content[position + 9 :]


def test_code_is_refused_before_it_runs(tmp_path: Path) -> None:
    target = tmp_path / "was_run"
    path = _save(tmp_path / "evil.npy", {"trajectory": _Payload(target)})
    with pytest.raises(ValueError, match=r"evil\.npy was not read: it names \w+\.system; only numpy arrays and plain"):
        load_plain_object(path)
    assert not target.exists()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npy does not exist; give the path of an \.npy file"):
        load_plain_object(tmp_path / "nowhere.npy")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 some archive", pickle.dumps({"a": 1})])
def test_file_of_another_format(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.npy is not an \.npy file"):
        load_plain_object(path)


@pytest.mark.parametrize("word", [b"nan  ", b"(\x00   ", b"{    ", b"'    "])
def test_a_damaged_header_is_told(tmp_path: Path, word: bytes) -> None:
    path = tmp_path / "damaged.npy"
    np.save(path, np.array({"a": 1}, dtype=object), allow_pickle=True)
    path.write_bytes(path.read_bytes().replace(b"False", word))
    with pytest.raises(ValueError, match=r"damaged\.npy is not an \.npy file of version 1 or 2: (?!.*object at 0x)."):
        load_plain_object(path)


def test_array_of_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"numbers\.npy holds an array of float64, expected a pickled object"):
        load_plain_object(tmp_path / "numbers.npy")


def test_several_objects(tmp_path: Path) -> None:
    np.save(tmp_path / "list.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="does not hold one object"):
        load_plain_object(tmp_path / "list.npy")


def test_damaged_pickle(tmp_path: Path) -> None:
    path = _save(tmp_path / "cut.npy", {"a": np.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"cut\.npy was not read: "):
        load_plain_object(path)
