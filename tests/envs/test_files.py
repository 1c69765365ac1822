import errno
import logging
import os
import pickle
from pathlib import Path

import pytest

from envs import files
from envs.files import cache_folder, check_folder, check_output, remove_leftovers, write_atomically
from envs.objects.store.object_cache import ObjectCache


def test_without_a_home_nothing_is_kept_which_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("GRASPGF_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(files, "_homeless", set())
    with caplog.at_level(logging.WARNING):
        assert cache_folder("objects") is None
        assert cache_folder("clouds") is None
        assert ObjectCache.of_user().load("0" * 40) is None
    assert len(caplog.records) == 1
    assert "name a folder in the environment variable GRASPGF_CACHE" in caplog.text
    monkeypatch.setenv("GRASPGF_CACHE", "/somewhere")
    assert cache_folder("objects") == Path("/somewhere/objects")


def test_an_output_that_cannot_be_written_is_told_and_its_folder_is_made(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "folder" / "a.json")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    with pytest.raises(ValueError, match="folder is a folder; give the name of a file in it"):
        check_output(tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"output .*b.json cannot be written \(.*; give a file in a folder"):
        check_output(tmp_path / "file" / "b.json")


def test_a_folder_that_cannot_be_written_to_is_told_and_one_that_can_is_made(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            ValueError, match=rf"nothing can be written into the folder {folder} \(.*; give one that may"
        ):
            check_folder(folder)


def test_a_full_disk_names_the_file_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a.npz", b"old")

    def is_full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", is_full)
    with pytest.raises(OSError, match=r"a\.npz was not written: No space left on device; free some space") as caught:
        write_atomically(tmp_path / "a.npz", b"new")
    assert caught.value.errno == errno.ENOSPC
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # workers hand it to their parent
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert (tmp_path / "a.npz").read_bytes() == b"old"


def test_a_file_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"b\.npz was not written: .*; name a place that may be written to"):
        write_atomically(tmp_path / "file" / "b.npz", b"new")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    check_output(tmp_path / "a.npz", None, tmp_path / "b.npz")
    (tmp_path / "link.npz").symlink_to(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"output .*link\.npz would overwrite .*a\.npz, .* name another file"):
        check_output(tmp_path / "link.npz", str(tmp_path / "a.npz"))


def test_what_a_killed_process_left_of_a_file_goes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".mesh.ply.x1_2.tmp").write_bytes(b"half")  # as write_atomically names it
    for name in ("mesh.ply", ".hidden", "note.tmp"):
        (tmp_path / "below" / name).write_bytes(b"whole")
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "below").iterdir()) == [".hidden", "mesh.ply", "note.tmp"]
    remove_leftovers(tmp_path / "nowhere")
