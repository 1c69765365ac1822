"""Learnt controllers: the primitive's view of a moving wrist, held back, and the policy behind the same seam."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules.rollouts.runner import EpisodeRunner
from envs.hand.shadow import shadow_hand
from envs.task.observations import Observation
from envs.task.perception import PerceptionNoise
from lightning_modules.policy.fingers import FAR, GRASP_CENTRE_H, NEAR, LearntFingers, PrimitiveFingers, PrimitiveView
from lightning_modules.policy.fingers import approach_progress as progress
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import made_up_observation, sampler, save_primitive
from tests.learning import ROOT

HAND = shadow_hand()


@pytest.fixture
def primitive(tmp_path: Path) -> GraspPrimitive:
    return GraspPrimitive.from_checkpoint(save_primitive(tmp_path / "gf.ckpt"))


def shifted(observation: Observation, metres: Tensor) -> Observation:
    """The clouds moved along x, each by its own distance (E,)."""
    points_h = observation["points_h"] + metres[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    return replace(observation, groups={**observation.groups, "points_h": points_h})


def test_an_approach_is_over_when_the_cloud_is_near() -> None:
    distances = torch.tensor([0.5, FAR, 0.5 * (FAR + NEAR), NEAR, 0.0])
    nearest = torch.tensor(GRASP_CENTRE_H) + distances[:, None] * torch.tensor([0.0, 0.0, 1.0])
    points_h = torch.stack([nearest + torch.tensor([0.0, 0.0, far]) for far in (0.0, 0.02, 0.3)], dim=1)
    torch.testing.assert_close(progress(points_h), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]), atol=1e-5, rtol=0.0)


def test_the_view_is_what_the_primitive_says(primitive: GraspPrimitive) -> None:
    observation = made_up_observation()
    feature, action = PrimitiveView(primitive)(observation)
    expected = primitive.encode(observation["points_h"])
    torch.testing.assert_close(feature, expected)
    assert action.shape == (3, 18)
    assert action.abs().max() <= 1.0


def test_a_resting_cloud_is_not_encoded_again(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    first = view(observation)[0]
    assert view.num_encoded == 3
    again = view(shifted(observation, torch.tensor([0.0, 0.5e-3, -0.5e-3])))[0]
    assert view.num_encoded == 3
    assert torch.equal(first, again)


def test_a_cloud_that_moved_is_encoded_anew_and_alone(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    first = view(observation)[0]
    kept = first.clone()
    moved = shifted(observation, torch.tensor([0.0, 0.02, 0.0]))
    second = view(moved)[0]
    assert view.num_encoded == 4
    expected = primitive.encode(moved["points_h"])
    torch.testing.assert_close(second[1], expected[1])
    assert torch.equal(second[[0, 2]], kept[[0, 2]])
    # what was handed out before may be part of a rollout
    assert torch.equal(first, kept)


def test_many_small_movements_add_up(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=1e-3), made_up_observation()
    for step in range(12):
        feature = view(shifted(observation, torch.full((3,), 0.3e-3 * step)))[0]
    # encoded at 0, 1.2, 2.4 and at last at 3.3 mm - less than a millimetre: never farther behind than the tolerance
    true = primitive.encode(shifted(observation, torch.full((3,), 3.3e-3))["points_h"])
    start = primitive.encode(observation["points_h"])
    assert view.num_encoded == 3 * 3
    assert (feature - true).norm() < (start - true).norm()


def test_turning_clouds_are_encoded_anew(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive), made_up_observation()
    view(observation)
    turned = observation["points_h"].clone()
    turned[..., :2] = turned[..., [1, 0]] * torch.tensor([-1.0, 1.0])
    view(replace(observation, groups={**observation.groups, "points_h": turned}))
    assert view.num_encoded == 6


def test_new_episodes_forget_every_feature(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive), made_up_observation()
    view(observation)
    view.start()
    view(observation)
    assert view.num_encoded == 6


def test_another_number_of_worlds_is_encoded_anew(primitive: GraspPrimitive) -> None:
    view = PrimitiveView(primitive)
    view(made_up_observation(3))
    feature, action = view(made_up_observation(2))
    assert feature.shape[0] == action.shape[0] == 2


def test_a_tolerance_of_zero_encodes_always(primitive: GraspPrimitive) -> None:
    view, observation = PrimitiveView(primitive, tolerance=0.0), made_up_observation()
    for _ in range(3):
        view(observation)
    assert view.num_encoded == 9


def test_the_primitive_alone_is_held_back_until_its_step(primitive: GraspPrimitive) -> None:
    observation = made_up_observation()
    fingers = PrimitiveFingers(PrimitiveView(primitive), start_step=7)
    fingers.start(sampler().sample(3))
    np.testing.assert_array_equal(fingers.act(observation, 6), np.zeros((3, 18)))
    at_once = PrimitiveFingers(PrimitiveView(primitive)).act(observation, 0)
    assert at_once.any()
    np.testing.assert_array_equal(fingers.act(observation, 7), at_once)


def test_a_learnt_policy_acts_without_gradient_and_starts_anew() -> None:
    started: list[int] = []
    weight = torch.ones(18, requires_grad=True)
    fingers = LearntFingers(lambda observation: observation["joint_pos"] * weight, lambda: started.append(1))
    fingers.start(sampler().sample(3))
    assert started == [1]
    observation = made_up_observation()
    found = fingers.act(observation, 0)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, observation["joint_pos"])


def test_the_shipped_primitive_sees_clouds_with_noise() -> None:
    policy = PrimitiveFingers(PrimitiveView(GraspPrimitive.from_checkpoint(ROOT / "pretrained" / "gf.ckpt")))
    runner = EpisodeRunner(num_worlds=3, noise=PerceptionNoise(point_m=0.5e-3))
    outcome = runner.run(policy, sampler().sample(3))
    assert (np.abs(outcome.joint_pos - HAND.open_pose.copy()).max(axis=1) > 0.2).all()


def test_the_shipped_primitive_takes_objects_that_nobody_knows() -> None:
    policy = PrimitiveFingers(PrimitiveView(GraspPrimitive.from_checkpoint(ROOT / "pretrained" / "gf.ckpt")))
    known = sampler().sample(3)
    outcomes = [EpisodeRunner(num_worlds=3).run(policy, each) for each in (known, replace(known, clouds=None))]
    # groups do not change when a cloud moves as a whole: found in each cloud anew they are those of its object
    np.testing.assert_allclose(outcomes[1].joint_pos, outcomes[0].joint_pos, atol=1e-6)
    np.testing.assert_array_equal(outcomes[1].is_success, outcomes[0].is_success)
