"""Chunks on threads of their own: the same results, in order, without gradients."""

import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from lightning_modules.networks.point_encoders import PointEncoder, PointNet2Encoder, PointNetEncoder
from lightning_modules.networks.worker_threads import map_without_grad


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_results_come_in_order_from_other_threads_without_gradients() -> None:
    weight = torch.ones(1, requires_grad=True)
    seen: list[int] = []

    def scaled(item: Tensor) -> Tensor:
        seen.append(threading.get_ident())
        assert torch.get_num_threads() == 1
        return item * weight

    results = map_without_grad(scaled, list(torch.arange(40.0)))
    assert torch.equal(torch.cat(results), torch.arange(40.0))
    assert not any(result.requires_grad for result in results)
    assert threading.get_ident() not in seen
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_a_thread_reaches_the_caller() -> None:
    def broken(item: int) -> int:
        raise ValueError(f"item {item} is broken")

    with pytest.raises(ValueError, match="item 0 is broken"):
        map_without_grad(broken, [0, 1])


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("make", [lambda: PointNet2Encoder(clouds_per_chunk=2), PointNetEncoder])
def test_encoders_give_the_same_with_and_without_threads(make: Callable[[], PointEncoder]) -> None:
    encoder = make()
    clouds = torch.rand((9, 256, 3), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        threaded = encoder(clouds)
        torch.set_num_threads(1)
        alone = encoder(clouds)
    torch.testing.assert_close(threaded, alone, rtol=0.0, atol=1e-6)
    torch.testing.assert_close(encoder(clouds).detach(), alone, rtol=0.0, atol=1e-5)  # the path with gradients
