"""The worker's file: it runs on Python 3.7, and knows nothing of this project."""

import ast
import sys

from envs.physics.isaacgym import worker

with open(worker.__file__, encoding="utf-8") as _file:
    SOURCE = _file.read()


def test_its_syntax_is_that_of_python_3_7() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))


def test_it_imports_isaac_gym_numpy_and_the_standard_library_alone() -> None:
    found = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add((node.module or "").split(".")[0])
    assert "numpy" in found
    assert found - {"numpy"} <= set(sys.stdlib_module_names)
    assert SOURCE.count("import_module(") == SOURCE.count("import_module(GYMAPI)") == 2
    assert worker.GYMAPI == "isaacgym.gymapi"


def test_its_annotations_are_subscripted_as_python_3_8_can() -> None:
    # list[int] and int | None are no syntax errors, but fail where they are evaluated
    tree = ast.parse(SOURCE)
    shown = [
        node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation
    ]
    shown += [node.returns for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]
    assert shown
    for annotation in shown:
        for node in ast.walk(annotation):
            assert not isinstance(node, ast.BinOp), ast.unparse(annotation)
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                assert node.value.id in {"List", "Dict"}, ast.unparse(annotation)
