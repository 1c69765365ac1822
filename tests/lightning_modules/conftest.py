"""A tiny primitive in a file, and tiny residual policies on it."""

from pathlib import Path
from typing import Any

import pytest

from lightning_modules.residual_ppo_module import ResidualPPOModule
from tests.assisting import save_primitive
from tests.lightning_modules.made_up_rollouts import Make


@pytest.fixture(scope="session")
def primitive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of an untrained primitive."""
    return save_primitive(tmp_path_factory.mktemp("primitive") / "gf.ckpt")


@pytest.fixture
def make(primitive: Path) -> Make:
    """Makes tiny residual policies."""

    def module(**settings: Any) -> ResidualPPOModule:
        small = {"bottleneck": 4, "hidden_widths": (16,), "minibatch_size": 32, "critic_groups": ("remaining",)}
        return ResidualPPOModule(**{"primitive": str(primitive), **small, **settings})

    return module
