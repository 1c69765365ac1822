import os

from envs.workers import default_workers


def test_default_is_one_worker_a_core() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)
