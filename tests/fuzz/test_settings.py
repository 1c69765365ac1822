"""YAML files of settings, of training and of other commands: settings, or an error that names the file."""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from jsonargparse import ArgumentParser, capture_parser

from datamodules import synthesize
from lightning_modules import cli
from live import server
from reports.reproduce.plan import read_plan
from reports.reproduce.selection import TABLES
from tests.fuzz.inputs import changed, check_clear, edited, given, many, strategies

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TRAINING = ("gf.yaml", "residual_ppo.yaml", "baselines/ibs.yaml", "baselines/ilad.yaml", "followers/denoiser.yaml")
ORIGINALS = {
    "fit": [CONFIGS / name for name in TRAINING],
    "synthesize": [CONFIGS / "synthesis.yaml", CONFIGS / "smoke" / "synthesis.yaml"],
    "live": [CONFIGS / "live.yaml"],
}


@pytest.fixture(scope="module")
def parsers() -> dict[str, ArgumentParser]:
    """What parses the settings of each command; nothing is run."""
    with patch.object(sys, "argv", ["graspgf"]):  # Lightning wonders at arguments of the process beside those given
        training = capture_parser(cli.main, [])
    return {
        "fit": training,
        "synthesize": capture_parser(synthesize.main, []),
        "live": capture_parser(server._settings, []),
    }


def tagged(path: Path, marker: Path) -> bytes:
    """The settings, and a tag that would run something."""
    return path.read_bytes() + f"\nmore: !!python/object/apply:os.mkdir ['{marker}']\n".encode()


@given(data=strategies.data(), command=strategies.sampled_from(sorted(ORIGINALS)))
@many(0.06)
def test_malformed_settings_are_settings_or_a_clear_error(
    data: Any, command: str, parsers: dict[str, ArgumentParser], tmp_path_factory: Any, capsys: Any
) -> None:
    root = tmp_path_factory.getbasetemp()
    path, trapped = root / "malformed_settings.yaml", root / "run_by_settings"
    original = data.draw(strategies.sampled_from(ORIGINALS[command]))
    kind = data.draw(strategies.sampled_from(["bytes", "fields", "fields", "tag"]))
    if kind == "tag":
        path.write_bytes(tagged(original, trapped))
    elif kind == "fields":
        path.write_text(yaml.safe_dump(data.draw(changed(yaml.safe_load(original.read_text())))))
    else:
        path.write_bytes(data.draw(edited([original.read_bytes()])))
    before, after = (["fit"] if command == "fit" else []), (["--output=a.npz"] if command == "synthesize" else [])
    try:
        parsed = parsers[command].parse_args([*before, "--config", str(path), *after])
    except SystemExit:
        said = capsys.readouterr().err
        if "the following arguments are required" not in said:  # by all files together
            check_clear(ValueError(said), path)
    else:
        assert kind != "tag"
        assert parsed is not None
    assert not trapped.exists()


@given(data=strategies.data())
@many(0.04)
def test_a_malformed_plan_is_a_plan_or_a_clear_error(data: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "malformed_plan.yaml"
    folder = CONFIGS / "reproduce"
    original = (folder / "quick.yaml").read_text().replace("base: ", f"base: {folder}/")
    if data.draw(strategies.booleans()):
        path.write_bytes(data.draw(edited([original.encode()])))
    else:
        path.write_text(yaml.safe_dump(data.draw(changed(yaml.safe_load(original)))))
    try:
        assert read_plan(path, tuple(TABLES)) is not None
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, path)
