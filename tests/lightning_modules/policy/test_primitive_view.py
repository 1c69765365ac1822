"""The primitive's view of a moving wrist: what it says, and when it looks again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.hand.shadow import shadow_hand
from envs.task.observations import Observation
from envs.task.one_camera import OneCamera
from lightning_modules.policy.primitive_view import FAR, NEAR, PrimitiveView, closeness
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import made_up_observation, sampler, save_primitive


@pytest.fixture
def primitive(tmp_path: Path) -> GraspPrimitive:
    return GraspPrimitive.from_checkpoint(save_primitive(tmp_path / "gf.ckpt"))


def shifted(observation: Observation, metres: Tensor) -> Observation:
    """The clouds moved along x, each by its own distance (E,)."""
    points_h = observation["points_h"] + metres[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    return replace(observation, groups={**observation.groups, "points_h": points_h})


def test_the_nearer_the_cloud_the_closer() -> None:
    distances = torch.tensor([0.5, FAR, 0.5 * (FAR + NEAR), NEAR, 0.0])
    nearest = torch.tensor(shadow_hand().grasp_centre_h) + distances[:, None] * torch.tensor([0.0, 0.0, 1.0])
    points_h = torch.stack([nearest + torch.tensor([0.0, 0.0, far]) for far in (0.0, 0.02, 0.3)], dim=1)
    torch.testing.assert_close(
        closeness(shadow_hand(), points_h), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]), atol=1e-5, rtol=0.0
    )


def test_the_view_is_what_the_primitive_says(primitive: GraspPrimitive) -> None:
    observation = made_up_observation()
    view = PrimitiveView(primitive)
    feature = view.scene(observation)
    heading = view.heading(observation, feature)
    action = heading.action
    assert heading.way.shape == (3, 18)
    expected = primitive.encode(observation["points_h"])
    torch.testing.assert_close(feature, expected)
    assert action.shape == (3, 18)
    assert action.abs().max() <= 1.0


def test_a_resting_cloud_is_not_encoded_again(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    first = view.scene(observation)
    assert view.num_encoded == 3
    again = view.scene(shifted(observation, torch.tensor([0.0, 0.5e-3, -0.5e-3])))
    assert view.num_encoded == 3
    assert torch.equal(first, again)


def test_a_cloud_that_moved_is_encoded_anew_and_alone(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    first = view.scene(observation)
    kept = first.clone()
    moved = shifted(observation, torch.tensor([0.0, 0.02, 0.0]))
    second = view.scene(moved)
    assert view.num_encoded == 4
    expected = primitive.encode(moved["points_h"])
    torch.testing.assert_close(second[1], expected[1])
    assert torch.equal(second[[0, 2]], kept[[0, 2]])
    # what was handed out before may be part of a rollout
    assert torch.equal(first, kept)


def test_worlds_that_nobody_asks_for_are_not_encoded_until_somebody_does(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    view.scene(observation)
    moved = shifted(observation, torch.tensor([0.02, 0.02, 0.0]))
    seen = view.scene(moved, torch.tensor([1, 2]))
    assert view.num_encoded == 4
    torch.testing.assert_close(seen[1:], primitive.encode(moved["points_h"])[1:])
    torch.testing.assert_close(view.scene(moved), primitive.encode(moved["points_h"]))
    assert view.num_encoded == 5


def test_a_far_cloud_may_move_farther_before_it_is_encoded_anew(primitive: GraspPrimitive) -> None:
    """One at 5 cm from the grasp centre 1 + 5 mm, one at 25 cm 1 + 25 mm."""
    view, observation = PrimitiveView(primitive, tolerance=1e-3, tolerance_share=0.1), made_up_observation(2)
    centre_h = torch.tensor(shadow_hand().grasp_centre_h)
    away = torch.tensor([0.05, 0.25])[:, None, None] * torch.tensor([0.0, 0.0, 1.0])
    blob = 1e-4 * torch.randn(2, observation["points_h"].shape[1], 3, generator=torch.Generator().manual_seed(0))
    observation = replace(observation, groups={**observation.groups, "points_h": centre_h + away + blob})
    view.scene(observation)
    view.scene(shifted(observation, torch.tensor([5e-3, 24e-3])))
    assert view.num_encoded == 2
    view.scene(shifted(observation, torch.tensor([8e-3, 24e-3])))
    assert view.num_encoded == 3
    view.scene(shifted(observation, torch.tensor([8e-3, 30e-3])))
    assert view.num_encoded == 4
    assert view.anew().tolerance_share == 0.1


def test_many_small_movements_add_up(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    for step in range(12):
        feature = view.scene(shifted(observation, torch.full((3,), 0.3e-3 * step)))
    # encoded at 0, 1.2, 2.4 and at last at 3.3 mm - less than a millimetre: never farther behind than the tolerance
    true = primitive.encode(shifted(observation, torch.full((3,), 3.3e-3))["points_h"])
    start = primitive.encode(observation["points_h"])
    assert view.num_encoded == 3 * 3
    assert (feature - true).norm() < (start - true).norm()


def test_turning_clouds_are_encoded_anew(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive), made_up_observation()
    view.scene(observation)
    turned = observation["points_h"].clone()
    turned[..., :2] = turned[..., [1, 0]] * torch.tensor([-1.0, 1.0])
    view.scene(replace(observation, groups={**observation.groups, "points_h": turned}))
    assert view.num_encoded == 6


def test_new_episodes_forget_every_feature(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive), made_up_observation()
    view.scene(observation)
    view.start()
    view.scene(observation)
    assert view.num_encoded == 6


def test_another_number_of_worlds_is_encoded_anew(primitive: GraspPrimitive) -> None:
    view = PrimitiveView(primitive)
    view.scene(made_up_observation(3))
    assert len(view.scene(made_up_observation(2))) == 2


def test_a_tolerance_of_zero_encodes_always(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=0.0), made_up_observation()
    for _ in range(3):
        view.scene(observation)
    assert view.num_encoded == 9


def test_another_view_of_one_camera_is_encoded_anew_though_the_first_points_rest(primitive: GraspPrimitive) -> None:
    """Wrist and object go aside together: in the hand frame nothing moves, and the camera sees other points."""
    episodes = sampler().sample(8)
    camera, view = OneCamera(8), PrimitiveView(primitive, tolerance=1e-3)
    camera.begin(np.arange(8), episodes)
    clouds = torch.as_tensor(np.stack([thing.cloud.T for thing in episodes.grasp_objects]))
    pose_w = torch.as_tensor(episodes.object_pose_w.copy())
    made_up, first, num_missed = made_up_observation(8), None, 0
    for _ in range(12):
        cloud, objects = camera.see(clouds, pose_w)
        points_h = cloud.mT.contiguous()
        scene = view.scene(Observation({**made_up.groups, "points_h": points_h}, objects))
        torch.testing.assert_close(scene, primitive.encode(points_h, objects))
        if first is not None:
            is_other = (points_h != first).flatten(1).any(dim=1)
            num_missed += int((is_other & (points_h == first)[:, :4].flatten(1).all(dim=1)).sum())
        first = points_h
        pose_w[:, 1] += 0.05
    assert num_missed > 0  # worlds in which the first four points say nothing


def test_every_point_counts_of_a_cloud_that_nobody_knows(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    view.scene(observation)
    points_h = observation["points_h"].clone()
    points_h[1, 700:] += 0.01
    scene = view.scene(replace(observation, groups={**observation.groups, "points_h": points_h}))
    assert view.num_encoded == 4
    torch.testing.assert_close(scene, primitive.encode(points_h))


@pytest.mark.parametrize("name", ["tolerance", "tolerance_share"])
def test_a_tolerance_below_zero_is_refused(primitive: GraspPrimitive, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} of the primitive's view is -1.0; expected 0 or more"):
        PrimitiveView(primitive, **{name: -1.0})
