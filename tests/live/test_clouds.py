"""The thread of the clouds: what it cannot use it counts, and what should not happen reaches its user."""

import numpy as np
import pytest

from live import clouds
from live.clouds import CloudWorker, Workspace
from live.poses import IDENTITY

POINTS = np.random.default_rng(0).uniform(0.1, 0.2, (200, 3))


def test_an_error_of_any_kind_reaches_the_user_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = CloudWorker(Workspace(), ((16, 0.05, 8),))

    def fail(*_: object) -> None:
        raise IndexError("index 7 is out of bounds")

    with monkeypatch.context() as patched:
        patched.setattr(clouds, "prepare", fail)
        worker.give(POINTS, IDENTITY)
        worker.wait()
    with pytest.raises(RuntimeError, match=r"could not be prepared \(IndexError: index 7 is out of bounds\)"):
        worker.take()
    worker.give(POINTS, IDENTITY)  # and the next is prepared
    for _ in range(200):
        if not worker._waiting.unfinished_tasks:
            break
        worker._thread.join(0.05)
    done = worker.take()
    assert done is not None
    assert done.points.shape == (1024, 3)
    worker.close()


def test_clouds_of_too_few_points_are_counted() -> None:
    worker = CloudWorker(Workspace(), ((16, 0.05, 8),))
    worker.give(POINTS[:5], IDENTITY)
    worker.wait()
    assert (worker.take(), worker.num_refused) == (None, 1)
    worker.close()
