"""The residual policy acts on what it may see; what it learns is held by ppo/test_learning.py."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.geometry.object_clouds import KnownObjects, ObjectClouds, move_clouds
from envs.geometry.point_grouping import CloudGrouping, GroupingSpec
from envs.geometry.transforms import pose_invert
from envs.task.observations import OBSERVATION_GROUPS, POLICY_GROUPS, PRIVILEGED_GROUPS, Observation
from lightning_modules.composition import Composition, Direct, ResidualOnly, ScaleOnly, split_action
from lightning_modules.networks.point_encoders import PointNet2Encoder, SetAbstractionSize
from lightning_modules.ppo.memory import PolicyMemory
from tests.assisting import made_up_observation
from tests.lightning_modules.made_up_rollouts import (
    STEPS,
    WORLDS,
    Make,
    act,
    assert_same_weights,
    decide,
    everywhere,
    observations,
    wanting,
    weights,
)


def test_an_untrained_policy_follows_the_primitive_at_the_centres_speed(make: Make) -> None:
    module = make()
    steps = act(module)
    torch.testing.assert_close(steps.mean[..., :18], torch.full((STEPS, WORLDS, 18), 0.7), atol=0.1, rtol=0.0)
    torch.testing.assert_close(steps.mean[..., 18:], torch.zeros(STEPS, WORLDS, 18), atol=0.1, rtol=0.0)


def test_the_hand_does_what_primitive_and_policy_make_up_together(make: Make) -> None:
    steps = decide(make())
    assert steps.primitive_action is not None
    for step in range(STEPS):
        a_s, a_r = split_action(steps.memory["action"][step])
        expected = (steps.primitive_action[step] * a_s + a_r).clamp(-1.0, 1.0)
        assert torch.equal(steps.hand_action[step], expected)
    assert steps.hand_action.abs().max() <= 1.0


def test_what_is_learnt_from_is_what_was_done(make: Make) -> None:
    module = make()
    steps = act(module)
    with torch.no_grad():
        for step in range(STEPS):
            centre = module.exploration.centre(steps.mean[step], steps.noise_before[step])
            now = module.exploration.log_prob(steps.action[step], centre)
            # the sampler knows its own noise, log_prob recovers it: 36 numbers in float32
            torch.testing.assert_close(steps.log_prob[step], now, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(steps.noise_before[1:], (steps.action - steps.mean)[:-1], atol=1e-6, rtol=0.0)


def test_exploration_does_not_depend_on_how_worlds_are_divided(make: Make) -> None:
    module, seen = make(), observations()
    whole = decide(module)
    sizes = (WORLDS - 5, 5)
    parts = module.begin(sizes, 50, torch.Generator().manual_seed(0))
    rows = torch.arange(WORLDS).split(sizes)
    for step in range(STEPS):
        for acting, own in zip(reversed(parts), reversed(rows), strict=True):  # the second part is ahead
            groups = {name: value[own] for name, value in seen[step].groups.items()}
            decided = acting.step(Observation(groups), everywhere(Observation(groups)))
            # fewer rows may be added up in another order
            torch.testing.assert_close(decided.memory["noise_before"], whole.memory["noise_before"][step, own])
            torch.testing.assert_close(decided.hand_action, whole.hand_action[step, own], atol=1e-5, rtol=0.0)
            torch.testing.assert_close(decided.memory["log_prob"], whole.memory["log_prob"][step, own])


def test_nothing_is_decided_where_nothing_moves_and_the_same_elsewhere(make: Make) -> None:
    module, seen = make(), observations()
    whole = decide(module)
    [acting] = module.begin([WORLDS], 50, torch.Generator().manual_seed(0))
    for step in range(STEPS):
        moving = torch.arange(WORLDS) < WORLDS - 4 * step  # four episodes end with every step, at last all have
        decided = acting.step(seen[step], moving)
        assert decided.hand_action.shape == whole.hand_action[step].shape
        if not moving.any():
            continue
        assert not decided.hand_action[~moving].any()
        torch.testing.assert_close(decided.hand_action[moving], whole.hand_action[step, moving], atol=1e-5, rtol=0.0)
        for name, value in decided.memory.items():
            torch.testing.assert_close(value[moving], whole.memory[name][step, moving], atol=1e-4, rtol=1e-4, msg=name)


def test_the_primitive_looks_at_far_scenes_less_often_in_rollouts_alone(make: Make) -> None:
    """A cloud moves by 5 mm, and the wrist stays, so that the table does."""
    observation = made_up_observation(groups=[*POLICY_GROUPS, *PRIVILEGED_GROUPS])
    moved = observation["points_h"] + torch.tensor([5e-3, 0.0, 0.0])
    later = replace(observation, groups={**observation.groups, "points_h": moved})

    def is_new(share: float, *, exploring: bool) -> bool:
        module = make(scene_tolerance=1e-3, scene_tolerance_share=share)
        if exploring:
            [worlds] = module.begin([3], 2, torch.Generator().manual_seed(0))
            first, second = (worlds.step(each, torch.ones(3, dtype=torch.bool)) for each in (observation, later))
            return not torch.equal(first.primitive_action, second.primitive_action)
        policy = module.eval().policy()
        policy.start(3)
        first_action, second_action = policy.act(observation, 0), policy.act(later, 1)
        return not np.array_equal(first_action, second_action)

    assert is_new(0.0, exploring=True)
    assert not is_new(5.0, exploring=True)
    assert is_new(5.0, exploring=False)


def test_hidden_state_changes_neither_action_nor_inputs_of_the_policy(make: Make) -> None:
    module = make(critic_groups=PRIVILEGED_GROUPS)
    seen = made_up_observation(WORLDS, 0, tuple(OBSERVATION_GROUPS))
    hidden = made_up_observation(WORLDS, 1, PRIVILEGED_GROUPS)
    altered = replace(seen, groups={**seen.groups, **hidden.groups})
    steps = []
    for observation in (seen, altered):
        [acting] = module.begin([WORLDS], 50, torch.Generator().manual_seed(0))
        steps.append(acting.step(observation, everywhere(observation)))
    assert torch.equal(steps[0].hand_action, steps[1].hand_action)
    first, second = (step.memory for step in steps)
    different = {name for name in first if not torch.equal(first[name], second[name])}
    assert different == {"privileged", "value"}


def test_the_policy_acts_without_hidden_groups_and_without_noise(make: Make) -> None:
    module = make(critic_groups=("contacts",))
    fingers = module.policy()
    seen = made_up_observation(WORLDS, 0, POLICY_GROUPS)
    first, second = fingers.act(seen, 0), fingers.act(seen, 0)
    assert (first == second).all()
    complete = made_up_observation(WORLDS, 0, (*POLICY_GROUPS, "contacts"))
    [acting] = module.begin([WORLDS], 50, torch.Generator().manual_seed(0))
    step = acting.step(replace(complete, groups={**complete.groups, **seen.groups}), everywhere(seen))
    expected = module.composition(wanting(step.memory["primitive_action"]), step.memory["mean"])
    torch.testing.assert_close(torch.as_tensor(first).float(), expected)


def test_a_critic_group_that_was_not_observed_is_named(make: Make) -> None:
    module = make(critic_groups=("contacts",))
    [acting] = module.begin([3], 50, torch.Generator())
    with pytest.raises(KeyError, match=r"the observation has no group 'contacts', only joint_pos, .*ask the"):
        acting.step(made_up_observation(3), torch.ones(3, dtype=torch.bool))


def test_the_same_seed_gives_the_same_policy(make: Make) -> None:
    assert_same_weights(weights(make(seed=1)), weights(make(seed=1)))
    first, other = weights(make(seed=1)), weights(make(seed=2))
    assert not torch.equal(first["network.actor.0.weight"], other["network.actor.0.weight"])


def test_the_seed_alone_decides_the_policy(make: Make) -> None:
    torch.manual_seed(0)
    first = weights(make())
    torch.manual_seed(1)
    assert_same_weights(first, weights(make()))


@pytest.mark.parametrize("composition", [Direct(), ResidualOnly(), ScaleOnly()])
def test_other_compositions_act_with_eighteen_numbers(composition: Composition, make: Make) -> None:
    steps = decide(make(composition=composition))
    assert steps.memory["action"].shape[-1] == steps.hand_action.shape[-1] == 18


def test_an_encoder_of_its_own_groups_known_clouds_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = (SetAbstractionSize(8, 0.04, 4, (4, 8)),)
    encoder = PointNet2Encoder(levels, global_widths=(8,), feature_widths=(8,))
    module = make(primitive=None, composition=Direct(), encoder=encoder, critic_groups=())
    seen = made_up_observation(3)
    clouds = ObjectClouds(seen["points_h"].clone())
    known = replace(seen, objects=KnownObjects(clouds, torch.arange(3)))
    expected = module.policy().parts(seen).action  # grouped by themselves
    first = module.policy().parts(known).action
    torch.testing.assert_close(first, expected)
    monkeypatch.setattr(GroupingSpec, "build", None)  # would be called again
    torch.testing.assert_close(module.policy().parts(known).action, expected)
    [acting] = module.begin([3], 50, torch.Generator().manual_seed(0))
    kept = PolicyMemory.of(acting.step(known, everywhere(known)).memory, known.objects)
    learnt = module._seen(kept, torch.tensor([2, 0]))
    torch.testing.assert_close(learnt.feature, encoder(seen["points_h"], clouds_of(known, encoder))[[2, 0]])


def test_of_known_clouds_the_poses_alone_are_kept_and_the_same_is_learnt_from(make: Make) -> None:
    levels = (SetAbstractionSize(8, 0.04, 4, (4, 8)),)
    encoder = PointNet2Encoder(levels, global_widths=(8,), feature_widths=(8,))
    module = make(primitive=None, composition=Direct(), encoder=encoder, critic_groups=())
    seen = made_up_observation(3)
    pose_h = pose_invert(seen["wrist_history"][:, -1])
    objects = KnownObjects(ObjectClouds(move_clouds(pose_invert(pose_h), seen["points_h"].mT)), torch.arange(3))
    rows = torch.tensor([2, 0])
    learnt = []
    for known in (replace(seen, objects=objects), replace(seen, objects=objects, cloud_pose_h=pose_h)):
        [acting] = module.begin([3], 50, torch.Generator().manual_seed(0))
        memory = acting.step(known, everywhere(known)).memory
        learnt.append(module._seen(PolicyMemory.of(memory, known.objects), rows).feature)
    torch.testing.assert_close(learnt[0], learnt[1], atol=1e-5, rtol=0.0)
    assert not torch.allclose(learnt[0][0], learnt[0][1], atol=1e-4)
    assert "feature" not in memory
    assert memory["cloud_pose_h"].shape == (3, 7)
    with pytest.raises(ValueError, match="neither a feature nor a known object's pose"):
        module._seen(PolicyMemory.of(memory), rows)


def clouds_of(known: Observation, encoder: PointNet2Encoder) -> CloudGrouping:
    assert known.objects is not None
    return known.objects.grouping(encoder.grouping_spec, known["points_h"])
