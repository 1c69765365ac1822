"""Threads with a number of torch threads each, whatever others set meanwhile."""

from collections.abc import Iterator

import pytest
import torch

from datamodules.threads import thread_pool


@pytest.fixture
def restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("restored_threads")
@pytest.mark.parametrize("torch_threads", [1, 3])
def test_a_thread_keeps_its_number_whatever_is_set_elsewhere(torch_threads: int) -> None:
    with thread_pool(1, "held", torch_threads=torch_threads) as pool:
        pool.submit(int).result()  # the thread is there and has not asked torch for anything
        torch.set_num_threads(2)
        assert pool.submit(torch.get_num_threads).result() == torch_threads
