"""Files behind links are seen, each once; links in a circle end; what may not be looked at is told."""

import errno
import os
from pathlib import Path, PurePath
from typing import Any

import pytest

from envs.folders import FolderWalk, matches


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def files(walk: FolderWalk, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for _, below in walk for path in below]


def test_files_behind_links_are_seen_after_the_others_and_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(root, "b/2", "b/1", "z/3", "0")
    make(tmp_path / "other", "deep/4", "5")
    (root / "a_link").symlink_to(root / "z")
    (root / "m_link").symlink_to(tmp_path / "other")
    (root / "n_link").symlink_to(tmp_path / "other" / "deep")
    walk = FolderWalk(root)
    for _ in range(2):  # a walk may be walked again
        assert files(walk, root) == ["0", "b/1", "b/2", "z/3", "m_link/5", "m_link/deep/4"]
        assert walk.repeated == [root / "a_link", root / "n_link"]


def test_links_in_a_circle_end_and_lead_to_nothing_beside_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(tmp_path, "root/x/1", "beside/2", "far/y/3")
    (root / "x" / "up").symlink_to(tmp_path)
    (root / "self").symlink_to(root)
    (root / "away").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "y" / "back").symlink_to(root / "x")
    (root / "broken").symlink_to(root / "broken")
    walk = FolderWalk(root)
    assert files(walk, root) == ["broken", "x/1", "away/y/3"]
    assert set(walk.repeated) == {root / "self", root / "x" / "up", root / "away" / "y" / "back"}


def test_folders_that_may_not_be_read_are_told_also_behind_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    make(tmp_path, "root/closed/1", "root/open/2", "other/closed/3", "root/.closed/4")
    (root / "link").symlink_to(tmp_path / "other")
    look = os.scandir

    def may_not(path: Any) -> Any:
        if Path(path).name.endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", may_not)
    walk = FolderWalk(root, lambda name: name.startswith("."))
    assert files(walk, root) == ["open/2"]
    assert list(walk.unreadable) == [root / "closed", root / "link" / "closed"]
    assert set(walk.unreadable.values()) == {
        "folder cannot be read (Permission denied); allow reading it, or leave it out"
    }


@pytest.mark.parametrize(
    "pattern", ["**/*", "*", "*/*.obj", "**/b/*.obj", "a/**/c.*", "a/b/c.obj", "**", "?/[ab]/*", "x"]
)
def test_patterns_are_those_of_pathlib(pattern: str, tmp_path: Path) -> None:
    make(tmp_path, "c.obj", "a/c.obj", "a/b/c.obj", "a/b/.c.obj", "a/b/b/c.stl", "d/b/c.obj", "x/x/x")
    every = {path for _, below in FolderWalk(tmp_path) for path in below}
    wanted = {path for path in every if matches(path.relative_to(tmp_path).parts, PurePath(pattern).parts)}
    assert wanted == {path for path in tmp_path.glob(pattern) if path.is_file()}
