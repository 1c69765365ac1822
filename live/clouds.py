"""Clouds as the networks want them: cropped, 1024 points in farthest-point order, grouped; on a thread of its own."""

import logging
import queue
import threading
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from envs.objects.point_cloud import farthest_point_index
from live.poses import IDENTITY, Array, Points, rotation_matrix

_LOG = logging.getLogger(__name__)

NUM_POINTS = 1024
"""As `envs.conventions.NUM_CLOUD_POINTS`."""

MIN_POINTS = 32
"""Fewer points of a cloud are no object."""

MAX_POINTS = 4096
"""Points among which the farthest ones are looked for; of larger clouds every so-manieth is taken."""


@dataclass(frozen=True)
class Workspace:
    """Where objects may be: a box of the world above the table z = 0, m.

    Attributes:
        low, high: corners.
        above_table: points lower than this are the table's.

    Raises:
        ValueError: corners between which nothing can be.
    """

    low: tuple[float, float, float] = (-1.0, -1.0, -0.02)
    high: tuple[float, float, float] = (1.0, 1.0, 1.6)
    above_table: float = 0.004

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(
                f"workspace has low {self.low} and high {self.high} m; every low end has to be below its high"
            )

    def holds(self, points_w: Array) -> NDArray[np.bool_]:
        """Which points (N, 3) lie within (N,)."""
        inside = ((points_w >= self.low) & (points_w <= self.high)).all(axis=1)
        return inside & (points_w[:, 2] >= self.above_table)


Stamp = tuple[int, float]
"""How often the clock had begun anew, and the time, s: of two stamps the larger is the later."""


@dataclass(frozen=True)
class PreparedCloud:
    """An object's cloud (1024, 3), m, in a frame of its own, with the inputs that say which points are neighbours.

    Attributes:
        points: in farthest-point order.
        groups: the inputs by name.
        seen: when, where it is a camera's.
    """

    points: NDArray[np.float32]
    groups: dict[str, NDArray[np.int64]]
    seen: Stamp = (0, -np.inf)


def crop(points: Points, pose_w: Array, workspace: Workspace) -> Array:
    """Points (N, 3) of the frame at ``pose_w`` (7,) that are finite, in the workspace and not the table's (M, 3)."""
    finite: Array = np.asarray(points, dtype=np.float64)
    finite = finite[np.isfinite(finite).all(axis=1)]
    return finite[workspace.holds(finite @ rotation_matrix(pose_w[3:]).T + pose_w[:3])]


def prepare(points: Points, grouping: tuple[tuple[int, float, int], ...], *, is_ordered: bool = False) -> PreparedCloud:
    """A cloud (N, 3) down-sampled, in farthest-point order, and grouped; some 10 ms.

    Args:
        points: finite, m, any frame that moves with the object.
        grouping: centres, radius and neighbours of each level of the encoder.
        is_ordered: they are 1024 in that order already, as `GraspObject.cloud` is; nothing of it is looked at.

    Raises:
        ValueError: another shape, numbers that are not finite, or too few points.
    """
    cloud: Array = np.asarray(points, dtype=np.float64)
    if cloud.ndim != 2 or cloud.shape[1] != 3 or len(cloud) < MIN_POINTS or not np.isfinite(cloud).all():
        raise ValueError(
            f"a cloud has shape {cloud.shape}, expected (N, 3) with at least {MIN_POINTS} finite points in metres"
        )
    if is_ordered and len(cloud) != NUM_POINTS:
        raise ValueError(f"a cloud that is said to be in order has {len(cloud)} points, expected {NUM_POINTS}")
    if not is_ordered:
        cloud = cloud[:: -(-len(cloud) // MAX_POINTS)]
        cloud = cloud[farthest_point_index(cloud.astype(np.float32), min(NUM_POINTS, len(cloud)))]
        cloud = np.resize(cloud, (NUM_POINTS, 3))  # too few: again from the first on
    groups, level_points = {}, cloud
    for number, (count, radius, neighbours) in enumerate(grouping):
        centres = farthest_point_index(level_points.astype(np.float32), count)
        groups[f"centres_{number}"] = centres
        groups[f"neighbours_{number}"] = _neighbours(level_points, level_points[centres], radius, neighbours)
        level_points = level_points[centres]
    return PreparedCloud(cloud.astype(np.float32), groups)


def _neighbours(points: Array, centres: Array, radius: float, count: int) -> NDArray[np.int64]:
    """The nearest ``count`` points within the radius (M, K); the nearest one again where there are fewer."""
    distance, index = cKDTree(points).query(centres, k=min(count, len(points)))
    index = np.where(distance <= radius, index, index[:, :1])
    again = np.repeat(index[:, :1], count - index.shape[1], axis=1)
    return np.concatenate([index, again], axis=1).astype(np.int64)


class CloudWorker:
    """Prepares clouds on a thread of its own, so that control never waits; of several that wait only the last counts.

    Args:
        workspace: what lies outside is left out.
        grouping: see `prepare`.

    Attributes:
        num_refused: clouds of too few points.
        fault: why the last cloud could not be prepared, by an error that no cloud should cause; empty once one could.
    """

    def __init__(self, workspace: Workspace, grouping: tuple[tuple[int, float, int], ...]) -> None:
        self._workspace, self._grouping = workspace, grouping
        self._waiting: queue.Queue[tuple[Array, Stamp] | None] = queue.Queue(maxsize=1)
        self._done: deque[PreparedCloud] = deque(maxlen=1)  # its ends are atomic: none is lost between two threads
        self._newest: Stamp = (0, -np.inf)
        self.num_refused = 0
        self.fault = ""
        self._thread = threading.Thread(target=self._work, name="clouds", daemon=True)
        self._thread.start()

    def give(self, points: Points, pose_w: Array, seen: Stamp = (0, 0.0)) -> None:
        """A cloud (N, 3), m, of a camera that stands at ``pose_w`` (7,); fuse several by concatenation.

        One that was seen before the last one that was given is left out.
        """
        if seen < self._newest:
            return
        self._newest = seen
        points_w = np.asarray(points, dtype=np.float64) @ rotation_matrix(pose_w[3:]).T + pose_w[:3]
        self._replace((points_w, seen))

    def take(self) -> PreparedCloud | None:
        """The last cloud that is ready, in the world; None when there is no newer one."""
        try:
            return self._done.pop()
        except IndexError:
            return None

    def wait(self) -> None:
        """Until what was given is prepared, for simulations that run faster than time."""
        self._waiting.join()

    def close(self) -> None:
        """Ends the thread."""
        self._replace(None)
        self._thread.join(timeout=2.0)

    def _replace(self, item: tuple[Array, Stamp] | None) -> None:
        while True:
            try:
                self._waiting.put_nowait(item)
                return
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                    self._waiting.task_done()
                except queue.Empty:
                    continue

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            points, seen = item
            try:
                done = prepare(crop(points, IDENTITY, self._workspace), self._grouping)
                self._done.append(replace(done, seen=seen))
                self.fault = ""
            except ValueError as error:
                self.num_refused += 1
                _LOG.debug("cloud refused: %s", error)
            except Exception as error:  # the thread goes on: the next cloud may be prepared
                fault = f"a cloud could not be prepared ({type(error).__name__}: {error})"
                if fault != self.fault:  # with every cloud of a camera the log would be full of it
                    _LOG.exception("%s; please report this", fault)
                self.fault = fault
            finally:
                self._waiting.task_done()
