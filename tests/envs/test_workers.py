import os
import threading

import pytest

from envs.workers import call_plainly, checked_workers, default_workers, error_text


class TwoWordsError(Exception):
    """Cannot be made again of what it says."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_default_is_one_worker_a_core() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)


def test_a_number_of_workers_is_checked() -> None:
    assert checked_workers(None) == default_workers()
    assert checked_workers(3) == 3
    with pytest.raises(ValueError, match=r"num_workers is -1, expected at least 1 \(or null for one per core\)"):
        checked_workers(-1)


def test_errors_that_another_process_cannot_read_become_words() -> None:
    def fail(error: Exception) -> None:
        raise error

    assert call_plainly(sum, [1, 2]) == 3
    with pytest.raises(KeyError, match="as it is"):
        call_plainly(fail, KeyError("as it is"))
    with pytest.raises(RuntimeError, match="TwoWordsError: cannot be"):
        call_plainly(fail, TwoWordsError("cannot", "be"))
    with pytest.raises(RuntimeError, match="OSError: <unlocked"):
        call_plainly(fail, OSError(threading.Lock()))
    assert error_text(SilentError()) == "SilentError: it cannot say why"
