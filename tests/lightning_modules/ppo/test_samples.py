"""From a rollout to the samples of gradient steps: each sample keeps its place, what did not happen is left out."""

from dataclasses import fields, replace

import pytest
import torch

from datamodules.types import Rollout
from envs.geometry.object_clouds import ObjectClouds
from lightning_modules.ppo import samples
from lightning_modules.ppo.advantages import generalised_advantages
from lightning_modules.ppo.memory import PolicyMemory
from lightning_modules.ppo.samples import minibatches, num_minibatches, samples_of

STEPS, WORLDS = 4, 3


def made_up_rollout() -> Rollout:
    """Numbers that name their place: 10 t + e."""
    place = 10.0 * torch.arange(STEPS)[:, None] + torch.arange(WORLDS)
    is_terminal = torch.zeros(STEPS, WORLDS, dtype=torch.bool)
    is_terminal[-1] = True
    reward = torch.rand((STEPS, WORLDS), generator=torch.Generator().manual_seed(0))
    return Rollout(
        hand_action=place[..., None],
        reward=reward,
        terms={"made_up": reward},
        is_terminal=is_terminal,
        is_valid=torch.tensor([True, False, True]).expand(STEPS, -1),
        memory={item.name: place[..., None] for item in fields(PolicyMemory) if item.name != "objects"}
        | {"value": place, "log_prob": -place},
        measures={"success": torch.zeros(WORLDS), "is_grasp": torch.ones(WORLDS)},
        gate=0.01 * place,
        grip=0.001 * place,
        policy_version=0,
        seconds={},
    )


def test_samples_stand_side_by_side_and_keep_their_place() -> None:
    samples = samples_of(made_up_rollout(), gamma=0.9, lam=0.8)
    expected = torch.tensor([0.0, 10.0, 20.0, 30.0, 2.0, 12.0, 22.0, 32.0])
    assert len(samples) == len(expected)
    assert torch.equal(samples.steps.action[:, 0], expected)
    assert torch.equal(samples.steps.log_prob, -expected)
    torch.testing.assert_close(samples.gate, 0.01 * expected)
    torch.testing.assert_close(samples.grip, 0.001 * expected)
    assert samples.follows.tolist() == [False, True, True, True] * 2


def test_advantages_are_those_of_the_steps_that_happened_standardised() -> None:
    rollout = made_up_rollout()
    samples = samples_of(rollout, gamma=0.9, lam=0.8)
    found = generalised_advantages(
        rollout.reward, rollout.memory["value"], torch.zeros(WORLDS), rollout.is_terminal, gamma=0.9, lam=0.8
    )
    torch.testing.assert_close(samples.target, found.target[:, [0, 2]].T.flatten())
    torch.testing.assert_close(samples.advantage.mean(), torch.zeros(()), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(samples.advantage.std(correction=0), torch.ones(()))
    order = found.advantage[:, [0, 2]].T.flatten().argsort()
    assert torch.equal(samples.advantage.argsort(), order)


def test_what_stands_where_nothing_happened_does_not_matter() -> None:
    rollout = made_up_rollout()
    broken = replace(rollout, reward=rollout.reward.clone())
    broken.reward[:, 1] = torch.nan
    first, second = samples_of(rollout, gamma=0.9, lam=0.8), samples_of(broken, gamma=0.9, lam=0.8)
    assert torch.equal(first.advantage, second.advantage)
    assert torch.equal(first.target, second.target)


def test_a_throw_ends_a_world_with_nothing() -> None:
    """The last world was thrown in step 1: it is learnt from, nothing is expected of what would have followed."""
    rollout = made_up_rollout()
    is_valid, is_terminal, reward = rollout.is_valid.clone(), rollout.is_terminal.clone(), rollout.reward.clone()
    is_terminal[1, 2], reward[1, 2], is_valid[2:, 2] = True, 0.0, False
    reward[2:, 2] = torch.nan
    memory = {name: value.clone() for name, value in rollout.memory.items()}
    memory["value"][2:, 2] = torch.nan
    thrown = replace(rollout, is_valid=is_valid, is_terminal=is_terminal, reward=reward, memory=memory)
    samples = samples_of(thrown, gamma=0.9, lam=0.8)
    assert samples.steps.action[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0, 2.0, 12.0]
    assert samples.follows.tolist() == [False, True, True, True, False, True]
    # values are 2 and 12: the target of step 1 is its reward, that of step 0 is r_0 + 0.9 (12 + 0.8 (0 - 12))
    expected = torch.stack([reward[0, 2] + 0.9 * (12.0 - 0.8 * 12.0), torch.zeros(())])
    torch.testing.assert_close(samples.target[-2:], expected)


def test_steps_stay_together_in_runs() -> None:
    ((first, *others),) = [list(epoch) for epoch in minibatches(103, 25, 1, (0, 1), run=10)]
    rows = torch.cat([first, *others])
    assert sorted(rows.tolist()) == list(range(103))
    assert [len(part) for part in (first, *others)] == [26, 26, 26, 25]
    # eleven runs, the last of three rows: ten breaks at most
    assert (rows.diff() == 1).sum() >= 102 - 10


def test_every_sample_comes_once_in_every_epoch() -> None:
    epochs = [[rows.tolist() for rows in epoch] for epoch in minibatches(103, 25, 3, (0, 1))]
    assert len(epochs) == 3
    for parts in epochs:
        # 103 / 25 is nearly 4: four parts of 25 or 26, no small rest
        assert sorted(map(len, parts)) == [25, 26, 26, 26]
        assert sorted(row for part in parts for row in part) == list(range(103))
    assert epochs[0] != epochs[1]


def test_fewer_samples_than_a_minibatch_make_one() -> None:
    ((rows,),) = [list(epoch) for epoch in minibatches(7, 25, 1, (0, 1))]
    assert sorted(rows.tolist()) == list(range(7))


def test_the_order_follows_from_the_seed() -> None:
    def order(*seed: int) -> list[int]:
        return [row for epoch in minibatches(20, 5, 2, seed) for rows in epoch for row in rows.tolist()]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


@pytest.mark.parametrize(
    ("own", "other", "size", "parts"),
    [
        (100, 100, 25, 4),
        (75, 100, 25, 4),  # (75 + 100) / 2 / 25 = 3.5, rounded to even
        (100, 75, 25, 4),
        (100, 2, 10, 2),  # five, but no step without a sample
        (3, 100, 1000, 1),
    ],
)
def test_ranks_take_the_same_number_of_steps(
    own: int, other: int, size: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "gathered", lambda count: [count, other])
    assert num_minibatches(own, size) == parts
    (epoch,) = minibatches(own, size, 1, (0,))
    rows = list(epoch)
    assert len(rows) == parts
    assert all(len(each) for each in rows)


def test_advantages_are_standardised_over_the_samples_of_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = samples_of(made_up_rollout(), gamma=0.9, lam=0.8).advantage
    raw: list[torch.Tensor] = []

    def meet(own: torch.Tensor) -> list[torch.Tensor]:
        raw.append(own)
        return [own + 7.0, own]

    monkeypatch.setattr(samples, "gathered", meet)
    monkeypatch.setattr(samples, "rank", lambda: 1)
    found = samples_of(made_up_rollout(), gamma=0.9, lam=0.8).advantage
    both = torch.cat([raw[0] + 7.0, raw[0]])
    torch.testing.assert_close(found, (raw[0] - both.mean()) / both.std(correction=0))
    assert not torch.allclose(found, alone)


def test_samples_know_their_objects_so_that_groups_need_not_be_found_again() -> None:
    clouds = ObjectClouds(torch.zeros(5, 4, 3))
    valid = torch.tensor([[True, True, True], [True, False, True], [True, False, True], [True, False, False]])
    made = replace(made_up_rollout(), is_valid=valid, object_row=torch.tensor([4, 0, 2]), clouds=clouds)
    objects = samples_of(made, gamma=1.0, lam=1.0).steps.objects
    assert objects is not None
    assert objects.rows.tolist() == [4, 4, 4, 4, 0, 2, 2, 2]  # world after world, without steps that did not happen
    others = replace(made, object_row=torch.tensor([4, -1, 2]))
    assert samples_of(others, gamma=1.0, lam=1.0).steps.objects is None
