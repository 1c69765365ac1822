"""What a camera sees, against rays that are cast at the mesh."""

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.geometry.visibility import visible_points
from envs.objects.grasp_object import GraspObject
from tests.datamodules.grasps.examples import thing


def reached_by_rays(grasp_object: GraspObject, camera: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points of the cloud (N,) before which a ray from the camera meets no triangle, but for the last 2 mm."""
    corners = grasp_object.vertices[grasp_object.faces] - camera  # (F, 3, 3)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sides = np.cross(corners, np.roll(corners, -1, axis=1))  # normals of the planes through the camera and an edge
    reached = []
    for ray in grasp_object.cloud - camera:
        turn = sides @ ray
        hit = (turn > 0.0).all(axis=1) | (turn < 0.0).all(axis=1)
        share = (corners[hit, 0] * normal[hit]).sum(axis=1) / (normal[hit] @ ray)
        reached.append(not (share < 1.0 - 0.002 / np.linalg.norm(ray)).any())
    return np.array(reached)


def seen(grasp_object: GraspObject, camera: NDArray[np.float64]) -> NDArray[np.bool_]:
    found = visible_points(grasp_object.cloud, grasp_object.normals[grasp_object.cloud_index], camera)
    assert (np.diff(found) > 0).all()
    return np.isin(np.arange(len(grasp_object.cloud)), found)


@pytest.mark.parametrize("camera", [(0.6, 0.1, 0.5), (-0.3, 0.5, 0.4), (0.1, -0.7, 0.2)])
@pytest.mark.parametrize(("family", "share"), [("box", 0.98), ("can", 0.96), ("mug", 0.92), ("bowl", 0.92)])
def test_agrees_with_rays_on_convex_and_on_hollow_objects(
    family: str, share: float, camera: tuple[float, float, float]
) -> None:
    """What is off lies at the rim and at edges, where a ray passes within 2 mm of the surface."""
    place = np.array(camera)
    found, expected = seen(thing(family), place), reached_by_rays(thing(family), place)
    assert (found == expected).mean() >= share
    assert 0.25 < expected.mean() < 0.6  # a camera sees less than about half of an object: neither answer is trivial


def test_a_cup_hides_more_than_its_back() -> None:
    """Half of a mug's surface faces the camera; its inside and what is behind the handle are hidden by the rest."""
    mug, camera = thing("mug"), np.array([0.8, 0.0, 0.0])
    normals = mug.normals[mug.cloud_index]
    facing = ((camera - mug.cloud) * normals).sum(axis=1) > 0.0
    assert seen(mug, camera).sum() < 0.75 * facing.sum()
    assert not (seen(mug, camera) & ~facing).any()


def test_turning_object_and_camera_together_changes_nothing() -> None:
    bowl, camera = thing("bowl"), np.array([0.6, 0.1, 0.5])
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    normals = bowl.normals[bowl.cloud_index]
    one = visible_points(bowl.cloud, normals, camera)
    other = visible_points(bowl.cloud @ turn.T, normals @ turn.T, turn @ camera)
    assert len(np.setxor1d(one, other)) <= 2  # rounding
