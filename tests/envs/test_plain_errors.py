"""What a command says at its end is a sentence that one can act upon."""

import pickle
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonargparse import ArgumentError, ArgumentParser

from envs.physics.isaacgym.process import IsaacGymError
from envs.physics.unavailable import PhysicsUnavailableError
from envs.plain_errors import TRACEBACK_VARIABLE, plain_errors, plain_text


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
    with pytest.raises(SystemExit, match="error: no simulator; install it"), plain_errors():
        raise PhysicsUnavailableError("no simulator; install it")
    with pytest.raises(SystemExit, match="error: 'x'"), plain_errors(KeyError):
        raise KeyError("x")


def test_what_a_worker_says_comes_out_of_other_processes_as_it_was() -> None:
    # commands that simulate in workers of their own end with the same sentence
    error = pickle.loads(pickle.dumps(IsaacGymError("no worker")))
    assert isinstance(error, PhysicsUnavailableError)
    assert str(error) == "no worker"


def test_other_errors_and_asked_for_tracebacks_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="x"), plain_errors():
        raise KeyError("x")
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    with pytest.raises(ValueError, match="y"), plain_errors():
        raise ValueError("y")


@dataclass
class Dwell:
    """Refuses some settings."""

    dwell_s: tuple[float, float] = (0.3, 1.0)
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.dwell_s[0] < 0.0:
            raise ValueError(f"dwell_s is {self.dwell_s}, allowed from 0")


@dataclass
class Task:
    """Holds them."""

    movement: Dwell | None = None


class Data:
    """Holds a task."""

    def __init__(self, task: Task | None = None) -> None: ...


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("movement.dwell_s=[-1.0, 0.3]", r"dwell_s is \(-1\.0, 0\.3\), allowed from 0"),
        ("movement.dwell_s=0.5", r"data\.task\.movement\.dwell_s: Expected a <class 'tuple'>. Got value: 0\.5"),
        ("movement.dwell=0.5", r"data\.task\.movement: Option 'dwell' is not accepted"),
        ("movement.steps=few", r"data\.task\.movement\.steps: Expected a <class 'int'>.*"),
    ],
)
def test_of_a_setting_deep_inside_the_sentence_about_it_is_left(option: str, told: str) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--data", type=Data | None)
    with pytest.raises((ValueError, ArgumentError)) as raised:
        parser.instantiate(parser.parse_args([f"--data={__name__}.Data", f"--data.init_args.task.{option}"]))
    assert "Does not validate against any of the Union subtypes" in str(raised.value)  # else this tests nothing
    assert re.fullmatch(told, plain_text(str(raised.value))), plain_text(str(raised.value))


def test_what_is_no_report_of_the_parser_is_left_as_it_is() -> None:
    assert plain_text("two worlds\n  - and a list\nErrors: 3") == "two worlds\n  - and a list\nErrors: 3"
