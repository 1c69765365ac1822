"""envs <- datamodules <- lightning_modules <- callbacks <- reports: nothing imports to its right.

`live` stands beside reports at the outer end: it may import everything, nothing imports it, reports neither.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("envs", "datamodules", "lightning_modules", "callbacks", "reports", "live")
OUTSIDE = ("tests", "benchmarks")
"""Top-level folders that no layer may import."""


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Absolute names of all modules that a file of ``package`` imports, inside functions and type checks too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            yield ".".join([*parents, *([node.module] if node.module else [])])


def forbidden_imports(source: str, package: str) -> list[str]:
    """The imports of a file that lie to the right of its layer, or outside the layers."""
    layer = package.split(".")[0]
    forbidden = {*LAYERS[LAYERS.index(layer) + 1 :], *OUTSIDE}
    return [name for name in imported_modules(source, package) if name.split(".")[0] in forbidden]


def layer_files() -> list[Path]:
    return sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def test_no_file_imports_to_its_right() -> None:
    files = layer_files()
    assert {path.relative_to(ROOT).parts[0] for path in files} == set(LAYERS)
    found = {}
    for path in files:
        package = ".".join(path.relative_to(ROOT).parent.parts)
        if names := forbidden_imports(path.read_text(encoding="utf-8"), package):
            found[str(path.relative_to(ROOT))] = names
    assert not found, f"imports against the order of the layers: {found}"


@pytest.mark.parametrize(
    ("package", "source", "expected"),
    [
        ("envs.hand", "import datamodules.types", ["datamodules.types"]),
        ("envs", "from callbacks.metrics import success", ["callbacks.metrics"]),
        ("datamodules", "def f():\n    import lightning_modules.primitive", ["lightning_modules.primitive"]),
        ("datamodules.grasps", "if TYPE_CHECKING:\n    from callbacks.training import ema", ["callbacks.training"]),
        ("lightning_modules", "from tests.envs import helpers", ["tests.envs"]),
        ("lightning_modules", "import envs.hand.hand\nfrom datamodules import types", []),
        ("callbacks.metrics", "from lightning_modules import cli\nfrom . import success\nfrom ..render import f", []),
        ("callbacks", "from reports.markdown import table", ["reports.markdown"]),
        ("reports", "from callbacks.metrics import success\nimport datamodules.types", []),
        ("reports", "from live.log import load_log", ["live.log"]),
        ("live", "from lightning_modules.graphs import parts\nimport envs.hand.hand", []),
        ("datamodules", "import callbacks_of_someone_else", []),
    ],
)
def test_an_import_to_the_right_is_found(package: str, source: str, expected: list[str]) -> None:
    assert forbidden_imports(source, package) == expected


def test_relative_imports_are_resolved() -> None:
    assert list(imported_modules("from . import a\nfrom .b import c\nfrom ..d import e", "envs.hand")) == [
        "envs.hand",
        "envs.hand.b",
        "envs.d",
    ]
