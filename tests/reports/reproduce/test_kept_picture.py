"""Pictures kept with what they are of."""

from pathlib import Path

import numpy as np
import pytest

from envs import files
from envs.pictures.view import Image
from reports.reproduce.kept_picture import KeptPicture

RUN = {"a_p": {"test": "test/ours/seed_0/main", "stamp": "a"}}


def picture(seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_kept_picture_is_read_as_it_was_kept_for_what_it_is_of_alone(tmp_path: Path) -> None:
    kept = KeptPicture(tmp_path / "figures" / "x.png")
    assert kept.read(RUN) is None
    shown = kept.keep(picture(), RUN)
    again = kept.read(RUN)
    assert again is not None
    np.testing.assert_array_equal(again, shown)
    assert shown.shape == (40, 60, 3)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 256
    assert kept.read({"a_p": {**RUN["a_p"], "stamp": "b"}}) is None
    assert kept.read({}) is None


@pytest.mark.parametrize("damaged", ["x.png", "x.json"])
def test_a_damaged_or_missing_file_is_no_picture(tmp_path: Path, damaged: str) -> None:
    kept = KeptPicture(tmp_path / "x.png")
    kept.keep(picture(), RUN)
    path = tmp_path / damaged
    path.write_bytes(path.read_bytes()[:-20])
    assert kept.read(RUN) is None
    path.unlink()
    assert kept.read(RUN) is None


def test_killed_between_its_two_files_it_is_taken_for_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, other = KeptPicture(tmp_path / "x.png"), {"a_p": {"stamp": "b"}}
    kept.keep(picture(), RUN)

    def killed(path: Path, payload: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reports.reproduce.kept_picture.write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(picture(seed=1), other)
    assert kept.read(RUN) is None
    assert kept.read(other) is None


def test_a_full_disk_leaves_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptPicture(tmp_path / "x.png")
    shown = kept.keep(picture(), RUN)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=r"x\.png was not written: No space left on device"):
        kept.keep(picture(seed=1), {"a_p": {"stamp": "b"}})
    again = kept.read(RUN)
    assert again is not None
    np.testing.assert_array_equal(again, shown)
