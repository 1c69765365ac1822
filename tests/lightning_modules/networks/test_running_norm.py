"""Running statistics equal those of all data at once."""

import pytest
import torch

from lightning_modules.networks import running_norm
from lightning_modules.networks.running_norm import RunningNorm


def test_identity_before_the_first_update() -> None:
    x = torch.tensor([[100.0, -3.0]])
    assert torch.equal(RunningNorm(2)(x), x)


def test_pieces_give_the_statistics_of_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    # a mean far above the spread: sums of squares would lose it
    whole = 1.0e4 + torch.randn(1000, 3, generator=generator, dtype=torch.float64) * torch.tensor([0.01, 1.0, 10.0])
    norm = RunningNorm(3)
    for piece in whole.split([1, 499, 0, 500]):
        norm.update(piece)
    assert int(norm.count) == 1000
    torch.testing.assert_close(norm.mean, whole.mean(0))
    torch.testing.assert_close(norm.variance(), whole.var(0, correction=0))


def test_several_ranks_have_the_statistics_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 5.0
    parts = whole.split([12, 0, 18])
    every = [running_norm._moments(part) for part in parts]
    norms = [RunningNorm(3) for _ in parts]
    for rank, norm in enumerate(norms):

        def meet(own: object, rank: int = rank) -> list[object]:
            return [own if other == rank else moments for other, moments in enumerate(every)]

        monkeypatch.setattr(running_norm, "gathered", meet)
        norm.update(parts[rank])
        assert int(norm.count) == 30
        torch.testing.assert_close(norm.mean, whole.mean(0))
        torch.testing.assert_close(norm.variance(), whole.var(0, correction=0))
        # not nearly: the ranks would drift apart
        assert torch.equal(norm.mean, norms[0].mean)
        assert torch.equal(norm.squares, norms[0].squares)


def test_normalised_by_hand() -> None:
    norm = RunningNorm(1, eps=0.0)
    norm.update(torch.tensor([[1.0], [3.0]]))  # mean 2, variance 1
    torch.testing.assert_close(norm(torch.tensor([[5.0], [2.0]])), torch.tensor([[3.0], [0.0]]))


def test_leading_dimensions_do_not_matter() -> None:
    x = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(1))
    flat, deep = RunningNorm(2), RunningNorm(2)
    flat.update(x.reshape(20, 2))
    deep.update(x)
    assert torch.equal(flat.squares, deep.squares)
    assert flat(x).shape == x.shape
    assert flat(x).dtype == torch.float32


def test_constant_column_stays_bounded() -> None:
    norm = RunningNorm(1)
    norm.update(torch.full((10, 1), 7.0))
    assert torch.equal(norm(torch.full((1, 1), 7.0)), torch.zeros(1, 1))


def test_state_survives_a_checkpoint_and_counts_beyond_float32() -> None:
    norm, restored = RunningNorm(1), RunningNorm(1)
    norm.update(torch.randn(9, 1, generator=torch.Generator().manual_seed(2)))
    with torch.no_grad():
        norm.count += 2.0**24  # the next integer does not exist in float32
    norm.update(torch.zeros(1, 1))
    restored.load_state_dict(norm.state_dict())
    assert int(restored.count) == 2**24 + 10
    x = torch.ones(2, 1)
    assert torch.equal(norm(x), restored(x))


def test_vectors_of_no_size_are_allowed() -> None:
    norm = RunningNorm(0)
    norm.update(torch.zeros(4, 0))
    assert norm(torch.zeros(4, 0)).shape == (4, 0)


def test_bad_input_is_named() -> None:
    norm = RunningNorm(3)
    with pytest.raises(ValueError, match=r"vectors have shape \(2, 4\); expected \(..., 3\)"):
        norm(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="column 1 of the vectors to normalise holds inf, expected finite"):
        norm.update(torch.tensor([[0.0, float("inf"), float("nan")]]))
    assert float(norm.count) == 0.0
