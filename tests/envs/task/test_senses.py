"""What policies are shown begins the same way, however an episode begins."""

import pytest
import torch

from envs.task.perception import PerceptionNoise
from tests.assisting import HAND, make_env, sampler

WORLDS, STEPS = 12, 6


@pytest.mark.parametrize("at_once", [False, True], ids=["a step later", "at once"])
def test_wrists_are_told_to_rise_alike_after_a_reset_and_where_an_episode_begins_anew(at_once: bool) -> None:
    noise, still = PerceptionNoise(wrist_position_m=0.05), torch.zeros(WORLDS, HAND.num_joints)
    fresh = make_env(WORLDS, noise=noise)
    fresh.reset(sampler(seed=2).sample(WORLDS))
    anew = make_env(WORLDS, noise=noise, source=sampler(seed=2))
    anew.reset(sampler(seed=1, num_steps=1).sample(WORLDS))
    assert anew.step(still).ended.all()
    anew.begin_anew() if at_once else anew.step(still)
    for step in range(STEPS):
        assert torch.equal(fresh._senses.reflex.is_rising, anew._senses.reflex.is_rising), step
        fresh.step(still)
        anew.step(still)


def test_the_error_of_the_first_look_is_no_rise() -> None:
    env = make_env(WORLDS, noise=PerceptionNoise(wrist_position_m=0.05))
    for seed in range(4):
        env.reset(sampler(seed=seed).sample(WORLDS))
        assert not env._senses.reflex.is_rising.any()
