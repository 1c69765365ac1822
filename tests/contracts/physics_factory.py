"""What every factory of physics must do (envs.physics.base). A factory's test file subclasses the contract:

class TestMyFactory(PhysicsFactoryContract):
    def factory(self, settings: PhysicsSettings) -> PhysicsFactory:
        return MyFactory(settings)
"""

import pickle

import pytest

from envs.physics.base import PhysicsFactory, physics_identity
from envs.physics.settings import PhysicsSettings
from tests.contracts.physics_start import HAND, assert_same, hovering_start, put, run_script


class PhysicsFactoryContract:
    """Subclass, name it Test..., and give `factory`."""

    def factory(self, settings: PhysicsSettings) -> PhysicsFactory:
        """A factory of such backends."""
        raise NotImplementedError

    def test_worlds_have_the_settings_of_their_factory(self) -> None:
        settings = PhysicsSettings(friction=0.5)
        factory = self.factory(settings)
        physics = factory.make(HAND, 3, num_threads=0)
        assert factory.settings == physics.settings == settings
        assert physics.num_worlds == 3
        assert physics.num_diverged == 0

    def test_no_world_at_all(self) -> None:
        with pytest.raises(ValueError, match="num_worlds is 0, expected at least 1"):
            self.factory(PhysicsSettings()).make(HAND, 0)

    def test_worlds_of_one_factory_leave_each_other_alone(self) -> None:
        factory = self.factory(PhysicsSettings())
        alone = {count: run_script(factory.make(HAND, count, num_threads=0)) for count in (2, 3)}
        first, second = factory.make(HAND, 3, num_threads=0), factory.make(HAND, 2, num_threads=1)
        put(second, hovering_start(2))  # before the other runs
        assert_same(alone[3], run_script(first), [0, 1, 2])
        assert_same(alone[2], run_script(second), [0, 1])

    def test_prepared_objects_change_nothing(self) -> None:
        plain, ahead = self.factory(PhysicsSettings()), self.factory(PhysicsSettings())
        ahead.prepare(HAND, hovering_start().objects)
        ahead.prepare(HAND, hovering_start(1).objects)
        assert_same(
            run_script(plain.make(HAND, 3, num_threads=0)),
            run_script(ahead.make(HAND, 3, num_threads=0)),
            [0, 1, 2],
        )

    def test_a_factory_can_be_sent_to_another_process(self) -> None:
        factory = self.factory(PhysicsSettings(friction=0.5))
        here = run_script(factory.make(HAND, 3, num_threads=0))  # whatever it keeps of objects by now stays here
        there = pickle.loads(pickle.dumps(factory))
        assert there.settings == factory.settings
        assert_same(here, run_script(there.make(HAND, 3, num_threads=0)), [0, 1, 2])

    def test_more_objects_need_more_memory_and_worlds_the_same_each(self) -> None:
        factory, (thing,) = self.factory(PhysicsSettings()), hovering_start(1).objects
        one, many = factory.memory_need(HAND, thing, 1), factory.memory_need(HAND, thing, 300)
        assert one.world == many.world > 0
        assert many.shared >= one.shared >= 0

    def test_other_settings_or_another_simulator_are_another_identity(self) -> None:
        known = physics_identity(self.factory(PhysicsSettings()))
        assert known == physics_identity(self.factory(PhysicsSettings()))
        assert known != physics_identity(self.factory(PhysicsSettings(friction=0.5)))
        assert known["backend"].endswith(type(self.factory(PhysicsSettings())).__name__)
