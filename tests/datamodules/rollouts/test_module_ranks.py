"""The rollouts of several processes: episodes and exploration of each rank's own, and each goes on where it stood."""

from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.ranks import rank as first_rank
from datamodules.rollouts import module as rollouts_module
from datamodules.rollouts.module import RolloutDataModule
from tests.datamodules.rollouts.test_module import actor, assert_same_rollouts, built

pytestmark = pytest.mark.usefixtures("fast_objects")


@pytest.fixture
def of_rank(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the data module of rank r of two."""

    def module(rank: int) -> RolloutDataModule:
        monkeypatch.setattr(rollouts_module, "rank", lambda: rank)
        monkeypatch.setattr(rollouts_module, "num_ranks", lambda: 2)
        return built(tiny_path)

    return module


def test_the_first_rank_explores_as_one_process_alone_would(tiny_path: Path, of_rank: Any) -> None:
    assert first_rank() == 0
    alone_acting, acting = actor(), actor()
    built(tiny_path).collect(alone_acting)
    of_rank(0).collect(acting)
    assert torch.equal(acting.draws[0], alone_acting.draws[0])


def test_each_rank_builds_and_keeps_objects_of_its_own(tiny_path: Path, of_rank: Any) -> None:
    alone, *parts = (module.library._objects.keys() for module in (built(tiny_path), of_rank(0), of_rank(1)))
    # the first object of all is looked at by every rank, for how much memory one needs
    assert len(parts[0] & parts[1]) <= 1
    assert parts[0] | parts[1] == alone


def test_ranks_have_episodes_and_exploration_of_their_own(of_rank: Any) -> None:
    first, second = actor(), actor()
    of_rank(0).collect(first)
    of_rank(1).collect(second)
    assert not torch.equal(first.seen[0]["wrist_history"], second.seen[0]["wrist_history"])
    assert not torch.equal(first.draws[0], second.draws[0])


def test_each_rank_goes_on_where_it_stood_itself(of_rank: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    monkeypatch.setattr(rollouts_module, "gathered", lambda state: [state])
    first = of_rank(0)
    first.collect(actor())
    states += first.state_dict()["samplers"]
    second = of_rank(1)
    second.collect(actor())
    states += second.state_dict()["samplers"]
    # what the first rank writes
    monkeypatch.setattr(rollouts_module, "gathered", lambda state: states)
    torch.save(second.state_dict(), tmp_path / "state")
    expected, acting = second.collect(actor()), actor()
    resumed = of_rank(1)
    resumed.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert_same_rollouts(resumed.collect(acting), expected)


def test_another_number_of_processes_is_named(of_rank: Any, tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = built(tiny_path).state_dict()
    with pytest.raises(ValueError, match=r"episodes of 1 processes, this run has 2; resume with trainer\.devices = 1"):
        of_rank(0).load_state_dict(state)


def test_processes_share_the_cores(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts_module, "default_workers", lambda: 8)
    monkeypatch.setattr(rollouts_module, "MIN_WORLDS", 1)
    seen = []
    for processes in (1, 2):
        monkeypatch.setattr(RolloutDataModule, "_processes", lambda _, processes=processes: processes)
        seen.append(len(built(tiny_path, num_worlds=16, num_threads=None)._collector.parts))  # type: ignore[union-attr]
    assert seen == [8, 4]


def test_one_process_builds_the_objects_for_all(of_rank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, read = of_rank(0), []
    monkeypatch.setattr(module.library, "each", lambda names: iter([read.append(list(names))]))  # type: ignore[func-returns-value]
    module.prepare_data()
    assert read == [list(module.grasps.objects)]
    monkeypatch.setattr(rollouts_module, "num_ranks", lambda: 1)
    module.prepare_data()
    assert len(read) == 1
