from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datamodules.grasps.grasp_file import load_grasp_set
from envs.objects.split_file import load_splits
from lightning_modules.checkpoints import read_checkpoint


@pytest.mark.parametrize("read", [load_grasp_set, load_splits, read_checkpoint])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n",
            "Git LFS pointer in place",
        ),
        (b"<!DOCTYPE html><html>", r"web page \(HTML\) in place of the .*download it again"),
        (bytes(4096), "first bytes are all zero"),
    ],
)
def test_what_stands_in_place_of_a_file_has_a_sentence(
    read: Callable[[Path], Any], content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.file").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a.file: .*{message}"):
        read(tmp_path / "a.file")
