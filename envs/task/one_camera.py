"""Clouds as one fixed depth camera sees them: the side of the object that is turned away is missing."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from envs.geometry.transforms import quat_conjugate, quat_rotate
from envs.geometry.visibility import visible_points
from envs.physics.base import Array
from envs.task.episodes import Episodes

CAMERA_AWAY = 0.6
"""Metres from where the object stands at the start to the camera, level (chosen)."""

CAMERA_ABOVE = 0.5
"""Metres of the camera above it (chosen)."""

LOOK_AGAIN = np.deg2rad(2.0)
"""Once the camera sees an object from a direction that has changed by so much, it is worked out anew what is visible:
the object has turned, or moved by 2.7 cm across the line of sight."""


def camera_places(object_pose_w: Array, wrist_pose_w: Array) -> Array:
    """Where the cameras stand (K, 3), m: opposite the side from which the wrist comes, beyond the object.

    From there the hand comes into the line of sight last, so that leaving out what it hides errs least; a camera on
    the user's side would mostly see the back of his hand.

    Args:
        object_pose_w: objects at the start (K, 7).
        wrist_pose_w: wrists at the start (K, 7).
    """
    away = object_pose_w[:, :2] - wrist_pose_w[:, :2]
    length = np.linalg.norm(away, axis=1, keepdims=True)
    away = np.where(length > 1e-3, away / np.maximum(length, 1e-3), [[1.0, 0.0]])  # straight above: along x
    return np.concatenate([object_pose_w[:, :2] + CAMERA_AWAY * away, object_pose_w[:, 2:3] + CAMERA_ABOVE], axis=1)


class OneCamera:
    """Clouds of E worlds, each seen by a camera of its own, which knows nothing of the hand: that hides nothing.

    The visible points stand in their old order, then again from the first one on until there are as many as before:
    the first of them lie as far apart as those of the whole cloud. Their neighbours are grouped once for each view.

    Args:
        num_worlds: E.
    """

    def __init__(self, num_worlds: int) -> None:
        self._camera_w = torch.zeros(num_worlds, 3, dtype=torch.float64)
        self._looked_from_o = torch.full((num_worlds, 3), torch.nan, dtype=torch.float64)
        self._points: list[NDArray[np.float32]] = [np.zeros((0, 3), dtype=np.float32)] * num_worlds
        self._normals = list(self._points)
        self._index = torch.zeros(0, dtype=torch.int64)
        self._views = ObjectClouds(torch.zeros(num_worlds, 0, 3))

    def begin(self, worlds: NDArray[np.int64], episodes: Episodes) -> None:
        """Episodes (K) begin in the worlds (K,)."""
        places_w = camera_places(episodes.object_pose_w, episodes.wrist_pose_w[:, 0])
        self._camera_w[worlds] = torch.as_tensor(places_w)
        self._looked_from_o[worlds] = torch.nan
        for world, thing in zip(worlds.tolist(), episodes.grasp_objects, strict=True):
            self._points[world], self._normals[world] = thing.cloud, thing.normals[thing.cloud_index]

    def see(self, clouds: Tensor, object_pose_w: Tensor) -> tuple[Tensor, KnownObjects]:
        """What is seen of clouds (E, 3, N), in the frames (E, 7) of their objects, and who knows its groups."""
        pose_w = object_pose_w.detach().cpu().double()
        camera_o = quat_rotate(quat_conjugate(pose_w[:, 3:]), self._camera_w - pose_w[:, :3])
        direction_o = torch.nn.functional.normalize(camera_o, dim=1)
        cosine = (direction_o * self._looked_from_o).sum(dim=1)
        changed = torch.nonzero(~(cosine > np.cos(LOOK_AGAIN)))[:, 0]
        if self._index.shape != clouds[:, 0].shape:
            self._index = torch.zeros(clouds[:, 0].shape, dtype=torch.int64)
            self._views = ObjectClouds(torch.zeros(len(clouds), clouds.shape[2], 3))
        for world in changed.tolist():
            seen = visible_points(self._points[world], self._normals[world], camera_o[world].numpy())
            self._index[world] = torch.as_tensor(np.resize(seen, clouds.shape[2]))
        self._looked_from_o[changed] = direction_o[changed]
        index = self._index.to(clouds.device)[:, None].expand(-1, 3, -1)
        seen_clouds = clouds.gather(2, index)
        self._views.change(changed, seen_clouds[changed.to(clouds.device)].mT)
        return seen_clouds, KnownObjects(self._views, torch.arange(len(clouds)))
