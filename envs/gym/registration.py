"""Makes the environments known to Gymnasium as soon as both it and `envs` have been imported, in either order.

Importing Gymnasium takes up to a second, most programs of this project have no use for it, and it has no plug-ins: so
`envs` does not import it, but looks out for its import.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ENV_ID = "GraspGF/HumanAssist-v0"
_MAKERS = "datamodules.rollouts.gym_envs"
"""Makes the environments of a grasp set; a name that Gymnasium resolves, because `envs` knows no grasp sets."""


def register() -> None:
    """Register `ENV_ID`, of one world and of many; once is enough, more do no harm."""
    import gymnasium

    if ENV_ID not in gymnasium.registry:
        gymnasium.register(ENV_ID, entry_point=f"{_MAKERS}:make_env", vector_entry_point=f"{_MAKERS}:make_vector_env")


def register_when_imported() -> None:
    """`register` now if Gymnasium has been imported, else right after its import."""
    if "gymnasium" in sys.modules:
        register()
    elif not any(isinstance(finder, _LookOut) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LookOut())


class _LookOut(MetaPathFinder):
    """Finds gymnasium where the others find it, and has it followed by `register`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Gymnasium's specification, its loader made to register what is ours; None for other modules."""
        if fullname != "gymnasium":
            return None
        others: Any = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(fullname, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                register()

            loader.exec_module = execute_and_register
        return spec
