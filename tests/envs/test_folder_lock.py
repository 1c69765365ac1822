import errno
import os
from pathlib import Path

import pytest

from envs.folder_lock import locked


def test_a_full_disk_does_not_keep_a_folder_from_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", is_full)
        with locked(tmp_path), pytest.raises(BlockingIOError, match="in use by process unknown"), locked(tmp_path):
            pass
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text().split()[0] == str(os.getpid())


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, where a folder should be")
    with pytest.raises(OSError, match=r"runs cannot be written to \(File exists\); make it writable, or name another"):
        locked(tmp_path / "runs").__enter__()
    with pytest.raises(OSError, match=r"gf cannot be written to \(Not a directory\)"):
        locked(tmp_path / "runs" / "gf").__enter__()
