import errno
import logging
import multiprocessing
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from envs import files
from envs.files import cache_folder
from envs.objects.builder import make_object
from envs.objects.grasp_object import GraspObject
from envs.objects.store.object_cache import ObjectCache

KEY = "ab" + 38 * "0"


@pytest.fixture(scope="module")
def mug() -> GraspObject:
    return make_object("mug", 3)


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "objects")


def assert_same_bits(one: GraspObject, other: GraspObject) -> None:
    """Every field equal, arrays in type, shape and bits."""
    for field in fields(GraspObject):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "pieces":
            assert [piece.tobytes() for piece in a] == [piece.tobytes() for piece in b]
        elif isinstance(a, np.ndarray):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), field.name
        else:
            assert a == b, field.name
            assert type(a) is type(b)


def test_a_kept_object_is_the_built_one_to_the_bit(cache: ObjectCache, mug: GraspObject) -> None:
    cache.store(KEY, mug)
    loaded = cache.load(KEY)
    assert loaded is not None
    assert_same_bits(loaded, mug)
    loaded.points[0] = 0.0  # writable, as those of a built object: tensors may share its memory


def test_what_was_never_kept_is_absent(cache: ObjectCache) -> None:
    assert cache.load(KEY) is None


def damage_cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_header(data: bytes) -> bytes:
    return b"\xff\xff\xff\xff" + data[4:]


def damage_other_file(data: bytes) -> bytes:
    return b"not an object at all"


def damage_foreign(data: bytes) -> bytes:
    return save({"x": np.zeros(3)})


def damage_empty(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [damage_cut, damage_header, damage_other_file, damage_foreign, damage_empty])
def test_a_damaged_entry_is_told_with_its_file(
    damage, cache: ObjectCache, mug: GraspObject, caplog: pytest.LogCaptureFixture
) -> None:
    cache.store(KEY, mug)
    (path,) = (file for file in cache.folder.rglob("*") if file.is_file())
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert cache.load(KEY) is None
    assert f"kept file {path} cannot be used: " in caplog.text
    cache.store(KEY, mug)
    assert cache.load(KEY) is not None


def test_a_full_disk_is_told_once_and_done_without(
    cache: ObjectCache, mug: GraspObject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, payload: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_atomically", full)
    with caplog.at_level(logging.WARNING):
        cache.store(KEY, mug)
        cache.store(KEY, mug)
    (record,) = caplog.records
    assert "No space left on device" in record.getMessage()
    assert f"cache {cache.folder} cannot be written" in record.getMessage()
    assert "GRASPGF_CACHE" in record.getMessage()
    assert cache.load(KEY) is None


def test_a_folder_that_is_a_file_is_told(mug: GraspObject, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ObjectCache(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        cache.store(KEY, mug)
        cache.load(KEY)
    assert "cannot be written" in caplog.records[0].getMessage()


def _store_often(folder: Path, name: str) -> None:
    thing = replace(make_object("box", 0), name=name)
    for _ in range(30):
        ObjectCache(folder).store(KEY, thing)


def test_processes_that_write_the_same_entry_leave_a_sound_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_store_often, args=(tmp_path, name)) for name in ("first", "second")]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        thing = ObjectCache(tmp_path).load(KEY)
        seen.add(thing.name if thing is not None else None)
    assert all(writer.exitcode == 0 for writer in writers)
    assert seen <= {None, "first", "second"}
    assert ObjectCache(tmp_path).load(KEY) is not None
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1  # no temporary file is left


def test_a_cache_without_folder_keeps_nothing(mug: GraspObject) -> None:
    cache = ObjectCache(None)
    cache.store(KEY, mug)
    assert cache.load(KEY) is None


def test_the_users_folder_is_that_of_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRASPGF_CACHE", str(tmp_path))
    assert ObjectCache.of_user().folder == tmp_path / "objects"
    monkeypatch.setenv("GRASPGF_CACHE", "off")
    assert ObjectCache.of_user().folder is None


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/c"}, "/c/graspgf-lightning/objects"),
        ("linux", {}, "/home/me/.cache/graspgf-lightning/objects"),
        ("darwin", {}, "/home/me/Library/Caches/graspgf-lightning/objects"),
    ],
)
def test_without_the_variable_it_is_the_platforms(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GRASPGF_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert cache_folder("objects") == Path(expected)
