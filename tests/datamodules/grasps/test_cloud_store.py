"""Clouds in one mapped file: those of the objects, made once, and anew when objects or the file changed."""

import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.grasps.cloud_store import object_clouds, object_shapes
from envs import files
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary

pytestmark = pytest.mark.usefixtures("fast_objects")

NAMES = ("mug_00001", "box_00000", "can_00002")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("GRASPGF_CACHE", str(tmp_path))
    return tmp_path / "clouds"


def expected(names: tuple[str, ...] = NAMES) -> np.ndarray:
    library = ObjectLibrary()
    return np.stack([library.get(name).cloud for name in names])


def test_clouds_are_those_of_the_objects_in_their_order(folder: Path) -> None:
    for _ in range(2):  # made, and mapped
        found = object_clouds(ObjectLibrary(), NAMES)
        np.testing.assert_array_equal(found, expected())
        assert found.dtype == np.float32
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]


def test_the_file_spares_reading_the_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    object_clouds(ObjectLibrary(), NAMES)
    monkeypatch.setattr(ObjectLibrary, "each", lambda *_: pytest.fail("objects were read"))
    again = object_clouds(ObjectLibrary(), NAMES)
    np.testing.assert_array_equal(again, expected())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="maps are read from Linux's /proc")
def test_the_file_is_mapped_not_copied(folder: Path) -> None:
    object_clouds(ObjectLibrary(), NAMES)
    clouds = object_clouds(ObjectLibrary(), NAMES)
    (path,) = folder.iterdir()
    address = clouds.ctypes.data
    with Path("/proc/self/maps").open() as maps:
        ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps if str(path) in line]
    assert any(first <= address < last for first, last in ranges)


def test_asking_twice_in_a_process_maps_once() -> None:
    library = ObjectLibrary()
    assert object_clouds(library, NAMES) is object_clouds(library, NAMES)


def test_changed_objects_have_another_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    object_clouds(ObjectLibrary(), NAMES)
    object_clouds(ObjectLibrary(), NAMES[::-1])
    assert len(list(folder.iterdir())) == 2
    monkeypatch.setattr(ObjectLibrary, "key", lambda _, name: f"changed {name}")
    object_clouds(ObjectLibrary(), NAMES)
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("make", [object_clouds, object_shapes])
def test_what_changed_while_it_was_read_is_not_kept(
    make: Callable[[ObjectLibrary, tuple[str, ...]], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mesh that is written over then would be found under the old content's name."""
    read = ObjectLibrary.each

    def overwrite(library: ObjectLibrary, names: Sequence[str]) -> Iterator[GraspObject]:
        yield from read(library, names)
        monkeypatch.setattr(ObjectLibrary, "key", lambda _, name: f"changed {name}")

    monkeypatch.setattr(ObjectLibrary, "each", overwrite)
    assert len(make(ObjectLibrary(), NAMES)) == len(NAMES)
    assert not list(folder.parent.rglob("clouds/*")) + list(folder.parent.rglob("shapes/*"))


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign"])
def test_a_damaged_file_is_told_and_made_anew(damage: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    object_clouds(ObjectLibrary(), NAMES)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    path.write_bytes({"truncated": content[:9000], "empty": b"", "foreign": b"x" * 99}[damage])
    np.testing.assert_array_equal(object_clouds(ObjectLibrary(), NAMES), expected())
    assert f"kept file {path} cannot be used" in caplog.text
    caplog.clear()
    object_clouds(ObjectLibrary(), NAMES)
    assert caplog.text == ""


def test_a_full_disk_is_told_and_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, payload: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "write_atomically", full)
    np.testing.assert_array_equal(object_clouds(ObjectLibrary(), NAMES), expected())
    assert "No space left on device" in caplog.text
    assert "environment variable GRASPGF_CACHE" in caplog.text


def test_without_a_cache_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRASPGF_CACHE", "off")
    np.testing.assert_array_equal(object_clouds(ObjectLibrary(), NAMES), expected())
    assert not folder.exists()
    assert object_clouds(ObjectLibrary(), ()).shape == (0, 1024, 3)


def test_an_unknown_object_is_named() -> None:
    with pytest.raises(KeyError, match=r"no object 'mug_99999' in split file"):
        object_clouds(ObjectLibrary(), ("mug_99999",))
