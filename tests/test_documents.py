"""What the documents name exists."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
PACKAGES = ("envs", "datamodules", "lightning_modules", "callbacks", "reports", "live")
FOLDERS = (*PACKAGES, "configs", "docs", "benchmarks", "tests", "examples")
FILES = sorted(
    "/" + path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".yaml", ".md"}
)
CODE = "\n".join((ROOT / name[1:]).read_text(encoding="utf-8") for name in FILES if name.endswith(".py"))
WORDS = frozenset(re.findall(r"\w+", CODE))


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name)
def text(request: pytest.FixtureRequest) -> str:
    return request.param.read_text(encoding="utf-8")


def test_paths_exist(text: str) -> None:
    named = set(re.findall(r"(?<![\w./])[\w.-]+(?:/[\w.-]+)+\.(?:py|yaml|md)\b", text))
    # documents may leave out the first folders, and links go from docs/
    ours = {name.removeprefix("../") for name in named if not name.startswith("runs/")}
    assert sorted(name for name in ours if not any(path.endswith(f"/{name}") for path in FILES)) == []


def test_commands_and_classes_exist(text: str) -> None:
    commands = set(re.findall(r"python -m ((?:" + "|".join(PACKAGES) + r")[\w.]*\w)", text))
    assert sorted(name for name in commands if find_spec(name) is None) == []
    classes = {
        name for span in re.findall(r"`([^`\n]+)`", text) for name in re.findall(r"\b(?:[A-Z]+[a-z]\w*){2,}", span)
    }
    assert sorted(classes - WORDS - {"NoneType"}) == []


def test_imports_of_examples_work(text: str) -> None:
    for module, names in re.findall(
        r"^ *from ((?:" + "|".join(PACKAGES) + r")[\w.]*) import (.+)$", text, re.MULTILINE
    ):
        missing = [name for name in names.split(", ") if not hasattr(importlib.import_module(module), name)]
        assert missing == [], module


def test_every_overlay_is_told_of() -> None:
    told = (ROOT / "docs" / "variants.md").read_text(encoding="utf-8")
    no_overlays = ("__init__.py", "live.yaml", "synthesis.yaml", "synthesis_all.yaml", "synthesis_tests.yaml")
    overlays = [Path(name).name for name in FILES if name.startswith("/configs/") and not name.endswith(no_overlays)]
    assert sorted(name for name in overlays if not re.search(rf"[/`]{name}`", told)) == []
    assert overlays


def test_commands_that_draw_say_where_to() -> None:
    text = (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8")
    commands = re.findall(r"`((?:python -m )?(?:envs\.pictures|reports\.curves)[^`]*)`", text)
    assert len(commands) == 3
    assert [command for command in commands if not re.fullmatch(r"python -m [\w.]+ .*--output \S+\.png", command)] == []


def test_an_example_of_a_hand_is_told_with_what_fetches_its_model() -> None:
    steps = (ROOT / "docs" / "own_hand.md").read_text(encoding="utf-8").split("\n1. ")[1].split("\n2. ")[0]
    [path] = (ROOT / "docs" / "hands").glob("*.yaml")
    [install] = re.findall(r"^install: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"hands/{path.name}" in steps
    assert f"`{install}`" in steps
