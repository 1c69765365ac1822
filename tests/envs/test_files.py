import logging
from pathlib import Path

import pytest

from envs import files
from envs.files import cache_folder, check_output
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
