"""The command ``python -m live.run``: what it is given is told when it cannot be used, before anything moves."""

import io
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from live.run import main
from tests.live.fakes import BALL, FakePolicy


@pytest.fixture(autouse=True)
def policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePolicy]:
    """In place of the one that a file holds; signals are as before afterwards."""
    made = FakePolicy()
    monkeypatch.setattr("live.run.load_control_policy", lambda _: made)
    before = signal.getsignal(signal.SIGTERM)
    yield made
    signal.signal(signal.SIGTERM, before)


def refusal(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """What the command says to arguments that it refuses."""
    with pytest.raises(SystemExit) as ended:
        main(["--policy", "exported", "--seconds", "0", "--port", "0", *args])
    assert ended.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_a_port_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "port is 70000; expected 0 to 65535" in refusal(capsys, "--port", "70000")


def saved(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)  # type: ignore[arg-type]
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, points=BALL)
    return stream.getvalue()


HUGE = saved(BALL).replace(b"(300, 3), }" + 7 * b" ", b"(3000000000, 3), }")
"""A header that tells of 72 GB."""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1", "cannot be read"),
        (b"PK\x03\x04 no archive", "cannot be read"),
        (saved(BALL)[:-100], "cannot be read"),
        (HUGE, "mmap length is greater than"),
        (saved(np.array(["a", "b"])), "holds <U1"),
        (saved(np.zeros(3, [("x", float)])), "holds"),
        (archive(), "holds several arrays"),
        (saved(np.zeros((5, 3))), "a cloud has shape (5, 3)"),
        (saved(np.full((50, 3), np.nan)), "finite points"),
    ],
)
def test_a_file_that_is_no_cloud_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "object.npy").write_bytes(content)
    told = refusal(capsys, "--object", str(tmp_path / "object.npy"))
    assert why in told
    assert "error:" in told
    assert "points" in told


def test_a_cloud_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no_such.npy" in refusal(capsys, "--object", str(tmp_path / "no_such.npy"))


@pytest.mark.parametrize("value", ["nan", "-1", "2"])
def test_a_level_that_is_none_is_told(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert "an assist level lies in [0, 1]" in refusal(capsys, f"--level={value}")


def test_it_runs_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "object.npy", BALL)
    main(["--policy", "exported", "--object", str(tmp_path / "object.npy"), "--port", "0", "--seconds", "0.1"])
