"""Signed distances to objects against those to their surface points."""

import numpy as np
import torch
from scipy.spatial import KDTree

from envs.bisector.distance_fields import MARGIN
from tests.envs.bisector.made_up import fields


def test_distances_are_those_to_the_surface_inside_and_out() -> None:
    store = fields()
    rows = torch.tensor([0, 1])
    store.prepare(rows)
    low, cell = store.frames(rows)
    for index, thing in enumerate(store.grasp_objects):
        reach = 0.5 * thing.extents + MARGIN
        points = np.random.default_rng(0).uniform(-reach, reach, (2000, 3)) + 0.5 * (
            thing.vertices.max(axis=0) + thing.vertices.min(axis=0)
        )
        nodes = (torch.tensor(points).float() - low[index]) / cell[index]
        found = store.at(rows[index : index + 1], nodes.T[None], with_gradient=True)
        expected = KDTree(thing.points).query(points)[0]
        error = np.abs(np.abs(found.distance[0].numpy()) - expected)
        assert np.quantile(error, 0.99) < 0.002
        assert error.max() < 0.008  # a cell of the bisector's grid
        assert found.gradient is not None
        assert torch.allclose(found.gradient.norm(dim=1), torch.ones(1, 2000), atol=1e-4)


def test_the_middle_of_an_object_is_inside() -> None:
    store = fields()
    rows = torch.tensor([0, 1])
    store.prepare(rows)
    low, cell = store.frames(rows)
    for index, thing in enumerate(store.grasp_objects):
        middle = torch.tensor(0.5 * (thing.vertices.max(axis=0) + thing.vertices.min(axis=0))).float()
        inside = store.at(rows[index : index + 1], ((middle - low[index]) / cell[index])[None, :, None])
        # as far from the surface as half of the smallest extent; between nodes the peak is cut off by half a cell
        assert abs(float(inside.distance) + 0.5 * thing.extents.min()) < 0.6 * float(cell[index])


def test_beyond_the_grid_the_way_to_it_is_added() -> None:
    store = fields()
    rows = torch.tensor([1])
    store.prepare(rows)
    low, cell = store.frames(rows)
    thing = store.grasp_objects[1]
    far = np.array([[0.4, 0.0, 0.0], [0.0, -0.3, 0.25]])
    found = store.at(rows, ((torch.tensor(far).float() - low) / cell).T[None], with_gradient=True)
    nearest = thing.points[KDTree(thing.points).query(far)[1]]
    expected = np.linalg.norm(far - nearest, axis=1)
    assert np.abs(found.distance[0].numpy() - expected).max() < 0.01
    assert found.gradient is not None
    away = torch.tensor((far - nearest) / expected[:, None]).float()
    assert (found.gradient[0].T * away).sum(1).min() > 0.98
