"""The thread of the clouds: what it cannot use it counts, and what should not happen it tells and goes on."""

import logging

import numpy as np
import pytest

from live import clouds
from live.clouds import CloudWorker, Workspace
from live.poses import IDENTITY

POINTS = np.random.default_rng(0).uniform(0.1, 0.2, (200, 3))


def test_an_error_of_any_kind_is_told_once_and_the_next_cloud_is_prepared(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = CloudWorker(Workspace(), ((16, 0.05, 8),))

    def fail(*_: object) -> None:
        raise IndexError("index 7 is out of bounds")

    with monkeypatch.context() as patched:
        patched.setattr(clouds, "prepare", fail)
        for _ in range(3):
            worker.give(POINTS, IDENTITY)
            worker.wait()
            worker._thread.join(0.05)  # a thread that ended would be waited for for ever
            assert worker._thread.is_alive()
    assert (worker.take(), worker.num_refused) == (None, 0)
    assert worker.fault == "a cloud could not be prepared (IndexError: index 7 is out of bounds)"
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert worker.fault in record.getMessage()
    assert record.exc_info is not None  # with where in the code
    worker.give(POINTS, IDENTITY)
    worker.wait()
    assert worker.fault == ""
    done = worker.take()
    assert done is not None
    assert done.points.shape == (1024, 3)
    worker.close()


RASTER = np.stack(np.meshgrid(np.linspace(0.1, 0.2, 32), np.linspace(0.1, 0.2, 32), [0.1]), axis=-1).reshape(-1, 3)
"""1024 points, row by row, as a depth camera gives them."""


def spread(points: np.ndarray) -> float:
    """Of the first 128 points, which networks take for the whole."""
    return float(np.ptp(points[:128], axis=0)[:2].min())


def test_a_cloud_of_as_many_points_as_networks_see_is_put_in_order_too() -> None:
    assert spread(RASTER) < 0.02  # four rows
    worker = CloudWorker(Workspace(), ((16, 0.05, 8),))
    worker.give(RASTER, IDENTITY)
    worker.wait()
    done = worker.take()
    worker.close()
    assert done is not None
    assert spread(done.points) > 0.09
    known = clouds.prepare(RASTER, ((16, 0.05, 8),))
    assert spread(known.points) > 0.09
    again = clouds.prepare(known.points, ((16, 0.05, 8),))
    np.testing.assert_array_equal(again.points, known.points)  # what is in order stays as it is


def test_only_a_cloud_that_is_said_to_be_in_order_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(clouds.prepare(RASTER, (), is_ordered=True).points, RASTER.astype(np.float32))
    with pytest.raises(ValueError, match="said to be in order has 200 points, expected 1024"):
        clouds.prepare(POINTS, (), is_ordered=True)


def test_a_workspace_without_room_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"low \(0.0, 0.0, 1.0\) and high \(1.0, 1.0, 0.5\) m; every low end has to be"
    ):
        Workspace(low=(0.0, 0.0, 1.0), high=(1.0, 1.0, 0.5))


def test_clouds_of_too_few_points_are_counted() -> None:
    worker = CloudWorker(Workspace(), ((16, 0.05, 8),))
    worker.give(POINTS[:5], IDENTITY)
    worker.wait()
    assert (worker.take(), worker.num_refused) == (None, 1)
    worker.close()
