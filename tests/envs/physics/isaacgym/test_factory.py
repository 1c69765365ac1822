"""The factory of Isaac Gym: its contract with the stand-in, its place in a configuration, and whom workers serve."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from envs.physics.base import PhysicsFactory
from envs.physics.isaacgym.factory import IsaacGym
from envs.physics.isaacgym.options import BaseDrive, IsaacGymOptions
from envs.physics.isaacgym.process import WorkerProcess
from envs.physics.settings import PhysicsSettings
from tests.contracts.physics_factory import PhysicsFactoryContract
from tests.contracts.physics_start import HAND, hovering_start, put
from tests.isaac_gym import write_interpreter


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An interpreter with the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        path = write_interpreter(tmp_path_factory.mktemp("python"))
        patch.setenv("GRASPGF_ISAACGYM_PYTHON", path)
        yield path


@pytest.mark.usefixtures("python")
class TestIsaacGym(PhysicsFactoryContract):
    def factory(self, settings: PhysicsSettings) -> PhysicsFactory:
        return IsaacGym(settings)


def test_a_configuration_chooses_it_by_its_class_path() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--physics", type=PhysicsFactory | None, default=None)
    options = [
        "--physics=envs.physics.isaacgym.factory.IsaacGym",
        "--physics.settings.friction=3.0",
        "--physics.options.device=cuda:1",
        "--physics.options.base.stiffness=1.0e4",
        "--physics.python=/opt/isaacgym/bin/python",
        "--physics.patience.step=9.0",
    ]
    given = parser.instantiate(parser.parse_args(options)).physics
    assert isinstance(given, IsaacGym)
    assert given.settings == PhysicsSettings(friction=3.0)
    assert given.options == IsaacGymOptions("cuda:1", base=BaseDrive(stiffness=1.0e4))
    assert (given.options.device_number, given.python) == (1, "/opt/isaacgym/bin/python")
    assert given.patience.step == 9.0


def test_a_worker_serves_one_set_of_worlds_after_another(python: str) -> None:
    factory = IsaacGym(python=python)
    first = factory.make(HAND, 2)
    worker = first._worker  # type: ignore[attr-defined]
    other = factory.make(HAND, 2)
    assert other._worker is not worker  # type: ignore[attr-defined]
    del first
    gc.collect()
    again = factory.make(HAND, 3)
    assert again._worker is worker  # type: ignore[attr-defined]
    put(again, hovering_start())
    again.step()


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
def test_a_worker_ends_when_its_worlds_cannot_be_made(
    python: str, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    started: list[WorkerProcess] = []

    def fail(*args: object, **others: object) -> None:
        started.append(args[3])  # type: ignore[arg-type]
        assert started[0].is_usable
        raise error

    monkeypatch.setattr("envs.physics.isaacgym.factory.IsaacGymPhysics", fail)
    with pytest.raises(type(error)):
        IsaacGym(python=python).make(HAND, 2)
    assert not started[0].is_usable


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"device": "gpu"}, "device is 'gpu'; available: cpu, or cuda:0"),
        ({"substeps": 0}, "substeps is 0 and num_threads 4; at least 1 and 0"),
    ],
)
def test_options_that_isaac_gym_has_not(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IsaacGymOptions(**given)  # type: ignore[arg-type]


def test_drives_that_push_away_are_refused() -> None:
    with pytest.raises(ValueError, match="stiffness and damping are at least 0, limits positive"):
        BaseDrive(stiffness=-1.0)


def test_nothing_is_started_before_worlds_are_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRASPGF_ISAACGYM_PYTHON", raising=False)
    factory = IsaacGym(assets_dir=str(tmp_path))
    assert factory.memory_need(HAND, hovering_start(1).objects[0], 10).world > 0
