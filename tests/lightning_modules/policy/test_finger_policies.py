"""Learnt controllers: the primitive alone, held back, and the policy behind the same seam."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.rollouts.runner import EpisodeRunner
from envs.hand.shadow import shadow_hand
from envs.task.perception import PerceptionNoise
from lightning_modules.policy.finger_policies import PrimitivePolicy
from lightning_modules.policy.inputs import ApproachInputs
from lightning_modules.policy.primitive_view import PrimitiveView
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import made_up_observation, sampler, save_primitive
from tests.learning import ROOT
from tests.lightning_modules.made_up_rollouts import Make

HAND = shadow_hand()


def test_the_primitive_alone_is_held_back_until_its_step(tmp_path: Path) -> None:
    primitive = GraspPrimitive.from_checkpoint(save_primitive(tmp_path / "gf.ckpt"))
    observation = made_up_observation()
    policy = PrimitivePolicy(PrimitiveView(primitive), start_step=7)
    policy.start(3)
    np.testing.assert_array_equal(policy.act(observation, 6), np.zeros((3, 18)))
    at_once = PrimitivePolicy(PrimitiveView(primitive)).act(observation, 0)
    assert at_once.any()
    np.testing.assert_array_equal(policy.act(observation, 7), at_once)


def test_a_learnt_policy_starts_anew_and_gives_plain_numbers(make: Make) -> None:
    module, observation = make(), made_up_observation()
    policy = module.policy()
    found = policy.act(observation, 0)
    assert found.dtype == np.float64
    assert module.view is not None
    assert module.view.num_encoded == 3
    policy.act(observation, 1)
    assert module.view.num_encoded == 3  # the clouds rest
    policy.start(3)
    np.testing.assert_array_equal(policy.act(observation, 0), found)
    assert module.view.num_encoded == 6


def test_a_policy_says_which_hidden_groups_it_reads(make: Make) -> None:
    assert make().policy().hidden_groups == ()
    assert make(inputs=ApproachInputs(["goal_joints"])).policy().hidden_groups == ("goal_joints",)
    with pytest.raises(KeyError, match="the observation has no group 'goal_joints', only joint_pos"):
        make(inputs=ApproachInputs(["goal_joints"])).policy().act(made_up_observation(), 0)


def shipped_primitive() -> PrimitivePolicy:
    return PrimitivePolicy(PrimitiveView(GraspPrimitive.from_checkpoint(ROOT / "pretrained" / "gf.ckpt")))


def test_the_shipped_primitive_sees_clouds_with_noise() -> None:
    runner = EpisodeRunner(num_worlds=3, noise=PerceptionNoise(point_m=0.5e-3))
    outcome = runner.run(shipped_primitive(), sampler().sample(3))
    assert (np.abs(outcome.joint_pos - HAND.open_pose.copy()).max(axis=1) > 0.2).all()


def test_the_shipped_primitive_takes_objects_that_nobody_knows() -> None:
    policy, known = shipped_primitive(), sampler().sample(3)
    outcomes = [EpisodeRunner(num_worlds=3).run(policy, each) for each in (known, replace(known, clouds=None))]
    # groups do not change when a cloud moves as a whole: found in each cloud anew they are those of its object
    np.testing.assert_allclose(outcomes[1].joint_pos, outcomes[0].joint_pos, atol=1e-6)
    np.testing.assert_array_equal(outcomes[1].is_success, outcomes[0].is_success)
