"""Gymnasium knows the environments once both are imported, and nobody waits for its import in vain."""

import subprocess
import sys

import pytest

from tests.learning import ROOT


@pytest.mark.parametrize(
    "order", ["import envs; assert 'gymnasium' not in sys.modules; import gymnasium", "import gymnasium, envs"]
)
def test_the_order_of_imports_does_not_matter(order: str) -> None:
    code = f"import sys, importlib.util\nimportlib.util.find_spec('gymnasium')\n{order}\n"
    code += "spec = gymnasium.spec('GraspGF/HumanAssist-v0')\nassert spec.vector_entry_point\n"
    code += "assert not {'torch', 'mujoco'} & set(sys.modules), 'the task itself was imported'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_an_absent_gymnasium_is_no_error_of_ours() -> None:
    code = "import envs, sys\nsys.path.clear()\ntry:\n    import gymnasium\nexcept ModuleNotFoundError as error:\n"
    code += "    assert error.name == 'gymnasium'\nelse:\n    raise SystemExit('it was found')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
