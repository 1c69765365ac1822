"""Worlds of Isaac Gym through worker process, pipe and shared memory: the contract, with a stand-in for the package."""

import pytest

from envs.physics.base import PhysicsBackend
from envs.physics.isaacgym.factory import IsaacGym
from tests.contracts.physics import PhysicsContract
from tests.isaac_gym import write_interpreter


@pytest.fixture(scope="module")
def isaac(tmp_path_factory: pytest.TempPathFactory) -> IsaacGym:
    """A factory whose workers are given from test to test."""
    return IsaacGym(python=write_interpreter(tmp_path_factory.mktemp("python")))


class TestIsaacGymPhysics(PhysicsContract):
    @pytest.fixture(autouse=True)
    def _factory(self, isaac: IsaacGym) -> None:
        self.isaac = isaac

    def make(self, num_worlds: int) -> PhysicsBackend:
        return self.isaac.make(self.hand, num_worlds)
