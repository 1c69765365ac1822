"""Worker processes: how many, and what an interrupt does to them. Their end with a killed parent: test_synthesize."""

import os
import signal

import pytest
from pebble import ProcessExpired

from datamodules.workers import lasting_pool, worker_pool


def _state_of_worker() -> tuple[int, bool, int]:
    import torch

    return os.getpid(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN, torch.get_num_threads()


def test_a_worker_is_a_process_of_its_own_with_one_thread_that_leaves_interrupts_to_its_parent() -> None:
    with worker_pool(1) as pool:
        process, ignores_interrupts, threads = pool.submit(_state_of_worker).result()
    assert process != os.getpid()
    assert ignores_interrupts
    assert threads == 1


@pytest.mark.parametrize("count", [0, -2])
def test_fewer_than_one_worker(count: int) -> None:
    with pytest.raises(ValueError, match=rf"num_workers is {count}, expected at least 1 \(or null for one per core\)"):
        worker_pool(count)


def test_a_worker_that_dies_is_told_in_a_sentence() -> None:
    """Commands end with what an OSError says, and with a traceback of others."""
    with pytest.raises(ChildProcessError, match=r"one of 1 worker processes died.*run the same command again"):  # noqa: SIM117
        with worker_pool(1) as pool:
            pool.submit(os._exit, 9).result()


def test_a_worker_of_a_lasting_pool_that_dies_ends_its_own_call_alone() -> None:
    with lasting_pool(1, 8) as pool:
        dead, good = pool.schedule(os._exit, args=(9,)), pool.schedule(_state_of_worker)
        process, ignores_interrupts, threads = good.result()
        with pytest.raises(ProcessExpired):
            dead.result()
    assert (process != os.getpid(), ignores_interrupts, threads) == (True, True, 1)
    with pytest.raises(ValueError, match="num_workers is 0, expected at least 1"), lasting_pool(0, 8):
        pass
