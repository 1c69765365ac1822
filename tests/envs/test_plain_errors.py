from pathlib import Path

import pytest

from envs.plain_errors import TRACEBACK_VARIABLE, plain_errors


def test_what_a_user_can_mend_ends_as_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TRACEBACK_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    shown = r"^error: num is -1; expected at least 1\n\(GRASPGF_TRACEBACK=1 shows"
    with pytest.raises(SystemExit, match=shown), plain_errors():
        raise ValueError("num is -1; expected at least 1")
    shown = rf"relative paths are taken from the present folder, {tmp_path}"
    with pytest.raises(SystemExit, match=shown), plain_errors():
        raise FileNotFoundError("grasp set data/grasps.npz does not exist")
    with pytest.raises(SystemExit, match=rf"error: one\nnone.ckpt does not exist\n{shown}"), plain_errors():
        raise ValueError("one\nGiven value: Namespace(much=1)\nnone.ckpt does not exist")
    with pytest.raises(SystemExit, match="error: 'x'"), plain_errors(KeyError):
        raise KeyError("x")


def test_other_errors_and_asked_for_tracebacks_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="x"), plain_errors():
        raise KeyError("x")
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    with pytest.raises(ValueError, match="y"), plain_errors():
        raise ValueError("y")
