"""The stand-in for Isaac Gym and the worker, held against the public type stubs of `isaacgym.gymapi`."""

import ast
import importlib.metadata
import re
from pathlib import Path

import pytest

from envs.physics.isaacgym import worker

FAKE = Path(__file__).parent / "isaacgym" / "gymapi.py"


@pytest.fixture(scope="module")
def stubs() -> ast.Module:
    """The stub file; a property is called lambda there, which no Python can parse."""
    try:
        package = importlib.metadata.distribution("isaacgym-stubs")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("isaacgym-stubs is not installed")
    text = Path(str(package.locate_file("isaacgym-stubs/gymapi.pyi"))).read_text(encoding="utf-8")
    return ast.parse(text.replace("def lambda(", "def lambda_("))


def classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}


def arguments(function: ast.FunctionDef) -> list[str]:
    """Names of a method's arguments; where the stub has none, from the signature that its docstring begins with."""
    names = [each.arg for each in function.args.args]
    if function.args.vararg is None:
        return names
    signature = (ast.get_docstring(function) or "").split("->")[0]
    return re.findall(r"(\w+):", signature)


def fields(node: ast.ClassDef) -> set[str]:
    return {
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }


def called(source: str, *owners: str) -> set[str]:
    """Names that a file takes from something called like one of the owners, as in ``self.gym.simulate``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in owners:
                found.add(node.attr)
    return found


def test_functions_have_the_arguments_of_the_original_in_its_order(stubs: ast.Module) -> None:
    original = methods(classes(stubs)["Gym"])
    ours = methods(classes(ast.parse(FAKE.read_text(encoding="utf-8")))["Gym"])
    assert len(ours) > 25
    differing = {
        name: (arguments(function), arguments(original[name]) if name in original else None)
        for name, function in ours.items()
        if name not in original or arguments(function) != arguments(original[name])
    }
    assert not differing


def test_structures_have_no_field_that_the_original_has_not(stubs: ast.Module) -> None:
    known, tree = classes(stubs), ast.parse(FAKE.read_text(encoding="utf-8"))
    structures = {name: node for name, node in classes(tree).items() if not name.startswith("_") and name != "Gym"}
    assert {"SimParams", "PhysXParams", "AssetOptions", "PlaneParams", "Tensor", "Vec3", "Quat", "Transform"} == set(
        structures
    )
    for name, node in structures.items():
        made = methods(node)["__init__"]
        given = {
            word.arg for call in ast.walk(made) if isinstance(call, ast.Call) for word in call.keywords if word.arg
        }
        given |= {item.attr for item in ast.walk(made) if isinstance(item, ast.Attribute)} - {"__init__"}
        assert given, name
        assert given <= fields(known[name]), (name, given - fields(known[name]))


def test_the_worker_calls_what_there_is(stubs: ast.Module) -> None:
    source = Path(worker.__file__).read_text(encoding="utf-8")
    there = methods(classes(stubs)["Gym"])
    functions = called(source, "gym")
    assert len(functions) > 25
    assert functions <= set(there)
    assert set(worker.REQUIRED) <= functions
    names = {
        item.target.id for item in stubs.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }
    names |= {item.name for item in stubs.body if isinstance(item, ast.ClassDef | ast.FunctionDef)}
    assert called(source, "gymapi", "api") - {"gymapi"} <= names


def test_contact_records_have_the_fields_of_the_original(stubs: ast.Module) -> None:
    # its structured array has them in camel case
    known = {name.rstrip("_").replace("_", "") for name in methods(classes(stubs)["RigidContact"])}
    source = (FAKE.parent / "_simulation.py").read_text(encoding="utf-8")
    listed = ast.unparse(next(node for node in ast.parse(source).body if ast.unparse(node).startswith("CONTACT =")))
    ours = {name.lower() for name in re.findall(r"'([a-zA-Z0-9]+)'", listed)} - {"f4"}
    assert {"env0", "env1", "body0", "body1", "lambda"} < ours
    assert ours <= known
