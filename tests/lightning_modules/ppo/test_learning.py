"""What a policy learns from its own rollouts, and what it leaves alone."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from datamodules.types import Rollout
from lightning_modules.composition import Direct, ScaleOnly
from lightning_modules.networks.point_encoders import PointNetEncoder
from lightning_modules.ppo.exploration import IndependentNoise
from lightning_modules.ppo.kl_schedule import AdaptiveLearningRate
from lightning_modules.ppo.memory import PolicyMemory
from tests.assisting import save_primitive
from tests.lightning_modules.made_up_rollouts import (
    STEPS,
    WORLDS,
    MadeUpRollouts,
    Make,
    act,
    assert_same_weights,
    decide,
    fit,
    observations,
    rollout,
    wanting,
    wants_scale,
    weights,
)


def test_a_rollout_of_another_policy_is_refused(make: Make) -> None:
    module = make()
    old = rollout(module, wants_scale())
    with pytest.raises(RuntimeError, match=r"the rollout comes from policy 3, the present one is 0: .*fetched ahead"):
        module.training_step(replace(old, policy_version=3), 0)


def test_the_primitive_stays_as_it_was(make: Make, tmp_path: Path) -> None:
    module = make()
    before = weights(module)
    fit(module, MadeUpRollouts(2, wants_scale()), tmp_path)
    after = weights(module)
    frozen = [name for name in before if name.startswith("score_module.")]
    assert frozen
    for name in frozen:
        assert torch.equal(before[name], after[name]), name
    for part in ("network.actor.0.weight", "network.critic.0.weight", "network.squeeze_", "exploration."):
        changed = [name for name in before if name.startswith(part) and not torch.equal(before[name], after[name])]
        assert changed, part
    assert not module.train().score_module.training
    assert not any(parameter.requires_grad for parameter in module.score_module.parameters())


STEADY: dict[str, Any] = {"learning_rate_rule": AdaptiveLearningRate(factor=1.0)}

BOLD: dict[str, Any] = {
    "learning_rate": 1.0e-2, **STEADY, "clip": 0.8, "minibatch_size": 96,
}  # fmt: skip
"""Large steps, so that a few rollouts show what is learnt."""


@pytest.mark.parametrize("target", [0.2, 1.2])
def test_the_policy_learns_what_pays(target: float, make: Make, tmp_path: Path) -> None:
    module = make(composition=ScaleOnly(), exploration=IndependentNoise(18, std=0.5), gamma=0.0, **BOLD)

    fit(module, MadeUpRollouts(16, wants_scale(target)), tmp_path)
    assert abs(act(module).mean.mean() - target) < 0.4  # a_s starts at 0.7, half a unit below or above
    assert module.policy_version == 16
    assert int(module.agent_steps) == 16 * STEPS * WORLDS


def test_the_critic_learns_what_to_expect(make: Make, tmp_path: Path) -> None:
    def late(steps: PolicyMemory) -> Tensor:
        reward = torch.zeros(STEPS, WORLDS)
        reward[-1] = 1.0
        return reward

    module = make(gamma=1.0, **BOLD)
    before = (act(module).value - 1.0).abs().mean()
    fit(module, MadeUpRollouts(10, late), tmp_path)
    # without discount every step of the episode is worth 1
    assert (act(module).value - 1.0).abs().mean() < 0.4 * before


def test_a_step_is_the_same_every_time(make: Make, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        module = make()
        fit(module, MadeUpRollouts(3, wants_scale()), tmp_path)
        found.append(weights(module))
    assert_same_weights(*found)


def test_the_order_of_minibatches_depends_on_the_seed(make: Make, tmp_path: Path) -> None:
    modules = [make(seed=0), make(seed=0)]
    modules[1].hparams["seed"] = 1
    for module in modules:
        fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    first, second = (weights(module)["network.actor.0.weight"] for module in modules)
    assert not torch.equal(first, second)


def test_nothing_is_learnt_from_what_stands_after_the_end_of_an_episode(make: Make, tmp_path: Path) -> None:
    class HalfEndEarly(MadeUpRollouts):
        def _collect(self) -> Rollout:
            collected, last = super()._collect(), STEPS // 2
            steps, early = torch.arange(STEPS)[:, None], torch.arange(WORLDS) < WORLDS // 2
            is_over = early & (steps > last)
            reward = collected.reward.masked_fill(is_over, torch.nan)
            is_terminal = torch.where(early, steps == last, collected.is_terminal)
            return replace(collected, reward=reward, is_valid=~is_over, is_terminal=is_terminal)

    module = make()
    fit(module, HalfEndEarly(2, wants_scale()), tmp_path)
    assert all(value.isfinite().all() for value in weights(module).values())
    assert int(module.agent_steps) == 2 * (STEPS * WORLDS - (STEPS - 1 - STEPS // 2) * (WORLDS // 2))


def test_the_learning_rate_follows_the_change_of_the_policy(make: Make, tmp_path: Path) -> None:
    still = AdaptiveLearningRate(target_kl=100.0, factor=2.0, high=1.0)
    module = make(learning_rate=1.0e-4, learning_rate_rule=still, epochs=3)
    trainer = fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    # the policy hardly moves against a target of 100 nats: doubled after each epoch but the first, which starts at 0
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(4.0e-4)


def test_the_learning_rate_follows_the_change_as_all_ranks_see_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reduced(numbers: dict[str, float]) -> dict[str, float]:
        return {name: 1.0e3 if name == "kl" else value for name, value in numbers.items()}

    monkeypatch.setattr("lightning_modules.ppo.learning.mean_numbers", reduced)
    wild = AdaptiveLearningRate(target_kl=100.0, factor=2.0)
    module = make(learning_rate=1.0e-4, learning_rate_rule=wild, epochs=3)
    trainer = fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    # this rank's policy hardly moves, that of the others far beyond the target: halved twice
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(2.5e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"imitation_rollouts": 3, "imitation_epochs": 10, "imitation_learning_rate": 1.0e-2},
        {"imitation_coefficient": 1.0e3, "epochs": 10, "learning_rate": 1.0e-2, **STEADY},
    ],
    ids=["alone", "beside PPO"],
)
def test_imitation_brings_the_teachers_timing(settings: dict[str, Any], make: Make, tmp_path: Path) -> None:
    gate = torch.zeros(STEPS, WORLDS)
    gate[STEPS // 2 :] = 1.0
    module = make(**settings)

    def miss(steps: PolicyMemory) -> float:
        hand = torch.stack([module.composition(wanting(a_p), mean) for a_p, mean in zip(
            steps.primitive_action, steps.mean, strict=True)])  # fmt: skip
        return float((hand - gate[..., None] * steps.primitive_action).square().mean())  # there is no grip

    before = miss(act(module))
    trainer = fit(module, MadeUpRollouts(3, wants_scale(), gate=gate), tmp_path)
    assert miss(act(module)) < 0.6 * before
    assert module.policy_version == 3
    # alone first, then at its own rate
    assert trainer.optimizers[0].param_groups[0]["lr"] == module.learning_rate


def test_the_rate_of_imitation_falls_towards_a_tenth(make: Make, tmp_path: Path) -> None:
    module, rates = make(imitation_rollouts=3, imitation_epochs=1, imitation_learning_rate=1.0e-2), []
    descend = module._descend

    def watched(loss: Tensor) -> None:
        rates.append(module._optimizer().param_groups[0]["lr"])
        descend(loss)

    module._descend = watched  # type: ignore[method-assign]
    fit(module, MadeUpRollouts(3, wants_scale(), gate=torch.ones(STEPS, WORLDS)), tmp_path)
    assert sorted(set(rates), reverse=True) == pytest.approx([1.0e-2, 0.7e-2, 0.4e-2])


def test_a_share_of_the_clouds_feature_is_hidden_from_who_imitates(make: Make, tmp_path: Path) -> None:
    given: list[Tensor] = []
    module = make(imitation_rollouts=1, imitation_epochs=1, imitation_dropout=0.75)
    whole = decide(module).memory["feature"]
    module.network.register_forward_pre_hook(lambda _, seen: given.append(seen[0].feature))
    fit(module, MadeUpRollouts(1, wants_scale(), gate=torch.ones(STEPS, WORLDS)), tmp_path)
    learnt = torch.cat([feature for feature in given if bool((feature == 0.0).any())])
    is_kept = learnt != 0.0
    assert abs(float(is_kept.float().mean()) - 0.25) < 0.1
    # what is left is scaled, so that its mean stays
    assert torch.isin(learnt[is_kept] / 4.0, whole).all()


def test_the_first_rollout_is_learnt_from_inputs_of_a_known_size(make: Make, tmp_path: Path) -> None:
    seen: list[Tensor] = []

    class Watched(MadeUpRollouts):
        def _collect(self) -> Rollout:
            collected = super()._collect()
            module.network.actor.register_forward_hook(lambda _, given, __: seen.append(given[0].detach()))
            return collected

    module = make(exploration=IndependentNoise(36, correlation=0.0), epochs=1, minibatch_size=STEPS * WORLDS)
    fit(module, Watched(1, wants_scale()), tmp_path)
    vectors = seen[0][:, :18]  # joints, between -0.5 and 0.5 where they were observed
    torch.testing.assert_close(vectors.mean(dim=0), torch.zeros(18), atol=1e-4, rtol=0.0)
    torch.testing.assert_close(vectors.std(dim=0, correction=0), torch.ones(18), atol=1e-2, rtol=0.0)
    assert module.network.vector_norm.count == STEPS * WORLDS  # taken in once


def test_the_critic_knows_the_noise_that_goes_on(make: Make) -> None:
    module = make(critic_groups=("remaining",), exploration=IndependentNoise(36, correlation=0.7))
    steps = act(module)
    assert torch.equal(steps.privileged[..., 2:], steps.noise_before)
    white = act(make(critic_groups=("remaining",), exploration=IndependentNoise(36, correlation=0.0)))
    assert white.privileged.shape[-1] == 2  # of noise that is drawn anew nothing is to be known


def test_imitation_without_a_teacher_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"imitation_rollouts is 2 and .* 0\.0, but the rollouts have no teacher; set"):
        fit(make(imitation_rollouts=2), MadeUpRollouts(1, wants_scale()), tmp_path)


def test_without_a_primitive_nothing_of_it_is_there(make: Make, tmp_path: Path) -> None:
    module = make(
        primitive=None, composition=Direct(), exploration=IndependentNoise(18), encoder=PointNetEncoder((8, 16), (8,))
    )
    assert not any(name.startswith("score_module.") for name in module.state_dict())
    steps = decide(module)
    assert steps.primitive_action is None
    assert "primitive_action" not in steps.memory
    assert steps.memory["vectors"].shape[-1] == 87 - 18
    before = weights(module)
    fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    after = weights(module)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))
    assert not module.has_primitive
    assert module.policy().act(observations()[0], 0).shape == (WORLDS, 18)


def test_an_encoder_of_the_policys_own_is_trained(make: Make, tmp_path: Path) -> None:
    module = make(encoder=PointNetEncoder((8, 16), (8,)))
    before = weights(module)
    assert act(module).feature.shape == (STEPS, WORLDS, 1024, 3)
    fit(module, MadeUpRollouts(1, wants_scale()), tmp_path)
    after = weights(module)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))


def test_an_encoder_starts_from_a_pre_trained_one(make: Make, tmp_path: Path) -> None:
    pre_trained = save_primitive(tmp_path / "pointnet.ckpt", seed=8)
    module = make(encoder=PointNetEncoder((8, 16), (16,)), encoder_checkpoint=str(pre_trained))
    expected = torch.load(pre_trained, weights_only=True)["state_dict"]
    for name, value in module.encoder.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(value, expected[f"network.encoder.{name}"]), name


def test_everything_that_is_learnt_is_in_the_state(make: Make, tmp_path: Path) -> None:
    module = make()
    fit(module, MadeUpRollouts(2, wants_scale()), tmp_path)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other = make(seed=5)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    first, second = act(module), act(other)
    for name in ("mean", "value", "action"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    assert other.policy_version == 2
