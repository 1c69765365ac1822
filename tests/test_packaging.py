"""What setup.cfg, the pins and the Makefile promise a fresh clone."""

import configparser
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("envs", "datamodules", "lightning_modules", "callbacks", "reports", "live", "configs")


def lines_of(text: str) -> list[str]:
    return [line for line in (raw.split("#")[0].strip() for raw in text.splitlines()) if line]


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in lines_of((ROOT / "constraints.txt").read_text(encoding="utf-8"))]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.fixture(scope="module")
def direct(setup_cfg: configparser.ConfigParser) -> list[Requirement]:
    texts = (setup_cfg["options"]["install_requires"], setup_cfg["options.extras_require"]["dev"])
    return [Requirement(line) for text in texts for line in lines_of(text)]


def test_every_direct_requirement_is_pinned_within_its_range(
    direct: list[Requirement], pins: dict[str, Requirement]
) -> None:
    for requirement in direct:
        pin = pins[canonicalize_name(requirement.name)]
        (specifier,) = pin.specifier
        assert requirement.specifier.contains(specifier.version), f"{pin} lies outside {requirement}"


def test_pins_are_exact_and_public(pins: dict[str, Requirement]) -> None:
    for pin in pins.values():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", f"{pin} is no exact pin"
        assert Version(specifier.version).local is None, f"{pin} names a local build"


@pytest.mark.parametrize(
    ("version", "allowed"), [("2.6.2", False), ("2.6.3", False), ("2.6.5", False), ("2.6.6", True)]
)
def test_lightning_range_leaves_out_the_bad_uploads(direct: list[Requirement], version: str, allowed: bool) -> None:
    (lightning,) = (requirement for requirement in direct if requirement.name == "lightning")
    assert lightning.specifier.contains(version) is allowed


def test_every_folder_of_code_is_a_package_that_gets_installed(setup_cfg: configparser.ConfigParser) -> None:
    patterns = lines_of(setup_cfg["options.packages.find"]["include"])
    assert sorted(pattern.rstrip("*") for pattern in patterns) == sorted(PACKAGES)
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert folders
    for folder in folders:
        assert (folder / "__init__.py").is_file(), f"{folder.relative_to(ROOT)} has no __init__.py"
        package = ".".join(folder.relative_to(ROOT).parts)
        assert any(fnmatch(package, pattern) for pattern in patterns)


def test_data_files_of_the_packages_get_installed(setup_cfg: configparser.ConfigParser) -> None:
    data = setup_cfg["options.package_data"]
    anywhere, configs = lines_of(data["*"]), lines_of(data["configs"])
    files = [path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    for path in files:
        if path.suffix in {".py", ".pyc"}:
            continue
        patterns = [*anywhere, *(configs if path.is_relative_to(ROOT / "configs") else [])]
        assert any(fnmatch(path.name, pattern.split("/")[-1]) for pattern in patterns), f"{path} is not package data"


def test_tests_mirror_the_packages() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert (path.parent / "__init__.py").is_file(), f"{path.parent.relative_to(ROOT)} has no __init__.py"


def test_no_project_file_but_setup_cfg_names_dependencies() -> None:
    # one place only: a second list would drift
    assert "[project]" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not (ROOT / "requirements.txt").exists()


def test_ci_calls_the_same_targets_as_people_do() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\w+)$", script.read_text(encoding="utf-8"), flags=re.MULTILINE) == ["check", "test"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("train", "bin/python -m lightning_modules.cli fit --config configs/gf.yaml"),
        ("test", "bin/python -m pytest"),
        ("check", "bin/mypy envs datamodules lightning_modules callbacks reports live"),
    ],
)
def test_make_sets_up_the_environment_and_then_runs(target: str, command: str, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", target, f"VENV={tmp_path / 'venv'}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert -1 < shown.index("pip install") < shown.index(command)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_leaves_a_finished_environment_alone(tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    shown = subprocess.run(
        ["make", "--dry-run", "train", f"VENV={tmp_path}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "pip install" not in shown
