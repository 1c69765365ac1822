"""Files of settings: a wrong one is named, and none replaces without a word what those before it said."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envs.command_line import run_command


@dataclass
class Size:
    """A group of settings."""

    width: int = 1
    height: int = 2


class Colour:
    """A class that settings may name."""

    def __init__(self, name: str = "red", share: float = 1.0) -> None:
        self.name, self.share = name, share


def paint(title: str, size: Size, colour: Colour | None = None) -> tuple[Any, ...]:
    """What was asked for."""
    return title, size, colour


def refusal(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit):
        run_command(paint, ["--title=x", *args])
    return " ".join(capsys.readouterr().err.split("error: ")[-1].split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "a.yaml is empty, expected fields by name; write settings as `name: value`"),
        ("- title\n", "a.yaml holds a list, expected"),
        ("5", "a.yaml holds 5, expected"),
        ("title: [", "a.yaml is no YAML (line 1: "),
        (100_000 * "[", "a.yaml is no YAML (it is nested too deeply)"),  # which libyaml would not survive
        ("title: a\ntitle: b\n", "a.yaml: key 'title' stands in line 1 and again in line 2"),
        ("size: 5\n", "a.yaml: size holds 5, expected fields by name"),
        ("title: a\nsize:\n", "a.yaml: size is empty, expected fields by name"),
        ("size: {width: broad}\n", "a.yaml: Parser key \"size.width\": Expected a <class 'int'>"),
        ("1: 2\n", "a.yaml: Key must be a string"),
        ("titel: a\n", "a.yaml: titel is no setting here; did you mean title?"),
        ("colours: {}\n", "a.yaml: colours is no setting here; did you mean colour?"),  # which changes nothing
        ("size: {wdith: 2}\n", "a.yaml: size.wdith is no setting here; did you mean size.width?"),
    ],
)
def test_a_wrong_file_is_named_with_what_it_holds(
    content: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.yaml").write_text(content)
    assert refusal(capsys, "--size.height=3", "--config=a.yaml").startswith(said)


@pytest.mark.parametrize("option", ["--size=twice.yaml", "--colour=class.yaml", "--config=above.yaml"])
def test_a_key_that_stands_twice_in_a_file_that_a_setting_names_is_refused(
    option: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "twice.yaml").write_text("width: 1\nheight: 2\nwidth: 3\n")
    (folder / "class.yaml").write_text(f"class_path: {__name__}.Colour\ninit_args:\n  name: a\n  share: 1\n  name: b\n")
    (folder / "above.yaml").write_text("size: twice.yaml\n")
    said = refusal(capsys, option)
    assert "twice.yaml" in said or "class.yaml" in said
    assert "stands in line 1 and again in line 3" in said or "stands in line 3 and again in line 5" in said


@pytest.mark.parametrize(
    "options",
    [
        [f"--colour={{class_path: {__name__}.Colour, init_args: {{name: a, name: b}}}}"],
        [f"--colour={__name__}.Colour", "--colour.init_args={name: a, name: b}"],
        [f"--colour={__name__}.Colour", "--colour={name: a, name: b}"],
        ["--size={name: 1, name: 2}"],
        ["--config=text.yaml"],
        ["--config=inline.yaml"],
        ["--config=settings.yaml"],
    ],
)
def test_a_key_that_stands_twice_in_one_line_is_refused_as_such(
    options: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = f"{{class_path: {__name__}.Colour, init_args: {{name: a, name: b}}}}"
    (folder / "text.yaml").write_text(f"colour: '{whole}'\n")
    (folder / "inline.yaml").write_text(f"colour: {whole}\n")
    (folder / "settings.yaml").write_text(
        f"colour:\n  class_path: {__name__}.Colour\n  init_args: '{{name: a, name: b}}'\n"
    )
    said = refusal(capsys, *options)
    assert "key 'name' stands twice, and the last one alone would count; remove one of them" in said
    assert not any(odd in said for odd in ("import path", "attribute", "Expected a path"))
    assert not options[0].startswith("--config") or said.startswith(options[0].removeprefix("--config="))


def test_what_was_refused_once_is_not_told_of_the_next_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "stands twice" in refusal(capsys, "--size={name: 1, name: 2}")
    assert "stands twice" not in refusal(capsys, f"--colour={__name__}.Colour", "--colour.init_args=text")


@pytest.mark.parametrize("settings", ["text", "'[a: 1, {'", '"it\'s: a, it: b"'])
def test_a_text_with_a_key_twice_is_not_blamed_for_the_settings_of_a_class(
    settings: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour = (f"--colour={__name__}.Colour", f"--colour.init_args={settings}")
    said = refusal(capsys, "--title={a: 1, a: 2}", *colour)
    assert "stands twice" not in said
    assert said.startswith("colour: ")


def test_settings_of_files_and_options_come_together(folder: Path) -> None:
    (folder / "size.yaml").write_text("width: 7\n")
    (folder / "b.yaml").write_text(f"size: {{height: 9}}\ncolour: {{class_path: {__name__}.Colour}}\n")
    (folder / "a.yaml").write_text("title: a\nsize: size.yaml\n")
    title, size, colour = run_command(paint, ["--config=a.yaml", "--config=b.yaml", "--colour.share=0.5"])
    assert (title, size, colour.name, colour.share) == ("a", Size(7, 9), "red", 0.5)


def test_a_misspelt_class_is_told_with_those_that_are_like_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.yaml").write_text(f"colour: {{class_path: {__name__}.Color}}\n")
    assert refusal(capsys, "--config=a.yaml").startswith("a.yaml: ")
    assert "has no attribute 'Color'; did you mean Colour?" in refusal(capsys, "--config=a.yaml")


def test_text_that_looks_like_settings_stays_text(folder: Path) -> None:
    assert run_command(paint, ["--title={a: 1, a: 2}"])[0] == "{a: 1, a: 2}"


def test_required_parameters_may_be_given_without_their_names(folder: Path) -> None:
    assert run_command(paint, ["a title"], as_positional=True)[0] == "a title"
