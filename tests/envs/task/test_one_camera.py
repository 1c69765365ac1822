"""One fixed camera: where it stands, what it shows, and when it looks again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.geometry.point_grouping import GroupingLevelSpec, GroupingSpec
from envs.geometry.transforms import quat_rotate
from envs.rows import take_rows
from envs.task import one_camera
from envs.task.assist_env import HumanAssistEnv
from envs.task.episodes import Episodes
from envs.task.observations import POLICY_GROUPS
from envs.task.one_camera import CAMERA_ABOVE, CAMERA_AWAY, OneCamera, camera_places
from envs.task.perception import PerceptionNoise
from tests.assisting import make_env, sampler

SPEC = GroupingSpec((GroupingLevelSpec(64, 0.04, 8),))
NOISE = PerceptionNoise(one_camera=True)


def clouds_of(episodes: Episodes) -> Tensor:
    return torch.as_tensor(np.stack([thing.cloud.T for thing in episodes.grasp_objects]))


def looking(episodes: Episodes) -> OneCamera:
    camera = OneCamera(len(episodes))
    camera.begin(np.arange(len(episodes)), episodes)
    return camera


def see(camera: OneCamera, episodes: Episodes) -> Tensor:
    return camera.see(clouds_of(episodes), torch.as_tensor(episodes.object_pose_w))[0]


def test_the_camera_stands_beyond_the_object_and_above_it() -> None:
    object_w, wrist_w = np.zeros((2, 7)), np.zeros((2, 7))
    object_w[:, :3] = [1.0, 2.0, 0.05]
    wrist_w[:, :3] = [[1.0, 2.3, 0.2], [1.0, 2.0, 0.4]]
    expected = [[1.0, 2.0 - CAMERA_AWAY, 0.05 + CAMERA_ABOVE], [1.0 + CAMERA_AWAY, 2.0, 0.05 + CAMERA_ABOVE]]
    np.testing.assert_allclose(camera_places(object_w, wrist_w), expected)


def test_only_the_side_towards_the_camera_is_seen_and_repeated() -> None:
    episodes = sampler().sample(2)
    seen = see(looking(episodes), episodes).mT.numpy()
    places_w = camera_places(episodes.object_pose_w, episodes.wrist_pose_w[:, 0])
    for world, grasp_object in enumerate(episodes.grasp_objects):
        distinct = np.unique(seen[world], axis=0)
        assert 0.2 * 1024 < len(distinct) < 0.6 * 1024
        assert seen[world].shape == (1024, 3)
        # repeated from the first one on
        np.testing.assert_array_equal(seen[world, len(distinct) : 2 * len(distinct)][:200], seen[world, :200])
        towards = places_w[world, :2] - episodes.object_pose_w[world, :2]
        missing = grasp_object.cloud[~(grasp_object.cloud[:, None] == distinct[None]).all(axis=2).any(axis=1)]
        turn = torch.as_tensor(episodes.object_pose_w[world, 3:])
        seen_w, missing_w = (
            quat_rotate(turn, torch.as_tensor(part).double()).numpy()[:, :2] for part in (distinct, missing)
        )
        assert (seen_w @ towards).mean() > (missing_w @ towards).mean() + 0.005


def test_the_first_points_are_spread_over_what_is_seen() -> None:
    """No seen point is farther from the first 128 than such points are apart: as in the whole cloud."""
    episodes = sampler().sample(2)
    camera = looking(episodes)
    for seen, whole in zip(see(camera, episodes).mT, clouds_of(episodes).mT, strict=True):
        gaps = [torch.cdist(points, points[:128]).amin(dim=1).max() for points in (seen, whole)]
        assert gaps[0] < 1.5 * gaps[1]
        assert len(seen[:128].unique(dim=0)) == 128


def test_it_looks_again_once_the_object_has_turned_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def counting(*given: np.ndarray) -> np.ndarray:
        counts.append(1)
        return np.arange(400)

    monkeypatch.setattr(one_camera, "visible_points", counting)
    episodes = sampler().sample(2)
    camera = looking(episodes)
    pose_w = torch.as_tensor(episodes.object_pose_w.copy())
    for moved_m, expected in ((0.0, 2), (0.01, 2), (0.1, 3), (0.1, 3)):
        pose_w[0, 2] = episodes.object_pose_w[0, 2] + moved_m  # 1 and 10 cm upwards, at 0.78 m
        camera.see(clouds_of(episodes), pose_w)
        assert len(counts) == expected
    camera.begin(np.array([1]), sampler(seed=5).sample(1))
    camera.see(clouds_of(episodes), pose_w)
    assert len(counts) == 4


def test_its_groups_are_those_of_what_is_seen_also_after_a_change() -> None:
    episodes = sampler().sample(2)
    camera = looking(episodes)
    for turned in (False, True):
        pose_w = torch.as_tensor(episodes.object_pose_w.copy())
        if turned:
            pose_w[0, 3:] = torch.tensor([0.0, 0.0, 0.6, 0.8])
        cloud, objects = camera.see(clouds_of(episodes), pose_w)
        points = cloud.mT.contiguous()
        found, expected = objects.grouping(SPEC, points), SPEC.build(points)
        assert torch.equal(found.levels[0].centre_index, expected.levels[0].centre_index)
        assert torch.equal(found.levels[0].neighbour_index, expected.levels[0].neighbour_index)


def run(env: HumanAssistEnv, episodes: Episodes, steps: int) -> list[Tensor]:
    seen = [env.reset(episodes)]
    seen += [env.step(np.zeros((env.num_worlds, 18))).observation for _ in range(steps)]
    return [observation["points_h"] for observation in seen]


def test_policies_see_it_and_critics_do_not() -> None:
    episodes = sampler().sample(2)
    exact, one_sided = (
        make_env(privileged=["fingertip_distance"]),
        make_env(privileged=["fingertip_distance"], noise=NOISE),
    )
    first, second = exact.reset(episodes), one_sided.reset(episodes)
    for name in POLICY_GROUPS:
        assert torch.equal(first[name], second[name]) == (name != "points_h"), name
    assert torch.equal(first["fingertip_distance"], second["fingertip_distance"])
    assert second.objects is not None
    assert second.objects.clouds is not episodes.clouds


def test_what_is_seen_belongs_to_the_episode_whatever_runs_beside_it() -> None:
    episodes = sampler().sample(3)
    noise = replace(NOISE, point_m=0.002)
    together = run(make_env(3, noise=noise), episodes, 4)
    alone = run(make_env(1, noise=noise), take_rows(episodes, np.array([2])), 4)
    for one, three in zip(alone, together, strict=True):
        torch.testing.assert_close(one[0], three[2], atol=1e-6, rtol=0.0)
