"""Clouds of the two cameras: on the object, without table and hand, and a view that the hand hides stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.objects.grasp_object import GraspObject
from live.poses import Array, rotation_matrix
from live.rehearsal.cameras import DepthCameras, Seen
from live.rehearsal.disturbances import Disturbances

HAND = shadow_hand()
AWAY = np.array([-0.25, 0.0, 0.3, 0.5, 0.5, 0.5, 0.5])
OVER = np.array([-0.085, 0.0, 0.09, 0.5, 0.5, 0.5, 0.5])


def seen(thing: GraspObject, wrist_w: Array) -> Seen:
    joints = HAND.open_pose
    return Seen(joints, HAND.coupled_from_actuated(joints), wrist_w, thing.rest_poses[0])


def surface(thing: GraspObject) -> Array:
    pose: Array = thing.rest_poses[0]
    return thing.points @ rotation_matrix(pose[3:]).T + pose[:3]


@pytest.mark.parametrize(("wrong", "error"), [(Disturbances.none(), 0.005), (Disturbances(), 0.006)])
def test_the_cloud_lies_on_the_object_and_covers_most_of_it(wrong: Disturbances, error: float) -> None:
    thing = make_object("box", 0)
    found = DepthCameras(HAND, thing, wrong, np.random.default_rng(0)).cloud(seen(thing, AWAY), seen(thing, AWAY))
    points = surface(thing)
    assert np.percentile(cKDTree(points).query(found)[0], 98) < error
    assert (cKDTree(found).query(points)[0] < 0.01).mean() > 0.6  # all but its underside


def test_a_hand_over_the_object_hides_some_of_it_and_is_not_in_the_cloud() -> None:
    thing, rng = make_object("box", 0), np.random.default_rng(0)
    away, over = seen(thing, AWAY), seen(thing, OVER)
    alone = DepthCameras(HAND, thing, Disturbances.none(), rng).cloud(over, over)
    free = DepthCameras(HAND, thing, Disturbances.none(), rng).cloud(away, away)
    hidden = (cKDTree(alone).query(free)[0] > 0.01).mean()
    assert 0.1 < hidden < 0.9
    assert np.percentile(cKDTree(surface(thing)).query(alone)[0], 98) < 0.005


def test_a_view_that_is_hidden_stays_as_it_was() -> None:
    thing = make_object("box", 0)
    cameras = DepthCameras(HAND, thing, Disturbances.none(), np.random.default_rng(0))
    first = cameras.cloud(seen(thing, AWAY), seen(thing, AWAY))
    later = cameras.cloud(seen(thing, OVER), seen(thing, OVER))
    assert len(later) > 0.9 * len(first)


def test_cameras_do_not_know_where_they_are_and_err_alike_in_every_picture_of_a_trial() -> None:
    thing = make_object("egg", 4)  # small: all of its points are kept, none is drawn
    there = seen(thing, AWAY)
    exact = DepthCameras(HAND, thing, Disturbances.none(), np.random.default_rng(0)).cloud(there, there)
    wrong, shifts = replace(Disturbances.none(), camera_offset_m=0.01), []
    for seed in range(3):
        cameras = DepthCameras(HAND, thing, wrong, np.random.default_rng(seed))
        first, second = cameras.cloud(there, there), cameras.cloud(there, there)
        np.testing.assert_array_equal(first, second)
        shifts.append(first.mean(axis=0) - exact.mean(axis=0))
    # a cloud of both cameras is off by about the mean of their errors, Gaussian of 10 mm in x and y each
    away = np.linalg.norm(np.array(shifts)[:, :2], axis=1)
    assert (away > 0.001).all()
    assert (away < 0.03).all()
    assert np.ptp(away) > 0.001  # another error in another trial
    # height is measured from the table that each camera sees: far less than 10 mm is left
    assert np.abs(np.array(shifts)[:, 2]).max() < 0.003
