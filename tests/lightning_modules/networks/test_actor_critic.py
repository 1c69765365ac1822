"""What the policy may see, where it starts, and how it fails."""

from dataclasses import replace

import pytest
import torch

from lightning_modules.composition import ScaleAndResidual
from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput, PolicyOutput


def network(bottleneck: int | None = 8, privileged_dim: int = 4, head_gain: float = 0.01) -> ActorCritic:
    torch.manual_seed(0)
    centre = ScaleAndResidual().centre(18)
    return ActorCritic(6, 10, privileged_dim, centre, bottleneck, hidden_widths=(16, 16), head_gain=head_gain)


def inputs(rows: int = 3, privileged_dim: int = 4) -> PolicyInput:
    generator = torch.Generator().manual_seed(1)
    sizes = (6, 10, privileged_dim)
    return PolicyInput(*(torch.randn(rows, size, generator=generator) for size in sizes))


def test_starts_at_the_centre() -> None:
    output = network()(inputs())
    assert output.mean.shape == (3, 36)
    assert output.value.shape == (3,)
    # head gain 0.01 on hidden values of order 1
    torch.testing.assert_close(output.mean, ScaleAndResidual().centre(18).expand(3, -1), atol=0.1, rtol=0)


@pytest.mark.parametrize("bottleneck", [8, None])
def test_policy_does_not_see_privileged_and_critic_does(bottleneck: int | None) -> None:
    made, given = network(bottleneck, head_gain=1.0), inputs()
    before, after = made(given), made(replace(given, privileged=given.privileged + 1.0))
    assert torch.equal(before.mean, after.mean)
    assert not torch.equal(before.value, after.value)


@pytest.mark.parametrize("bottleneck", [8, None])
@pytest.mark.parametrize("name", ["vectors", "feature"])
def test_policy_and_critic_see_vectors_and_feature(bottleneck: int | None, name: str) -> None:
    made, given = network(bottleneck, head_gain=1.0), inputs()
    changed = replace(given, **{name: getattr(given, name).flip(0)})
    before, after = made(given), made(changed)
    assert not torch.equal(before.mean[0], after.mean[0])
    assert not torch.equal(before.value[0], after.value[0])


def test_rows_do_not_depend_on_one_another() -> None:
    made, given = network(head_gain=1.0), inputs()
    made.update_norms(given)
    alone = made(PolicyInput(given.vectors[:1], given.feature[:1], given.privileged[:1]))
    torch.testing.assert_close(alone.mean, made(given).mean[:1])


def test_thrown_objects_count_as_far_away() -> None:
    made, given = network(head_gain=1.0), inputs()
    far, thrown = given.privileged.clone(), given.privileged.clone()
    far[0, 0], thrown[0, 0] = 5.0, float("inf")
    assert torch.equal(made(replace(given, privileged=far)).value, made(replace(given, privileged=thrown)).value)


def test_normalisation_moves_only_when_updated() -> None:
    made, given = network(head_gain=1.0), inputs(50)
    before = made(given).mean
    assert torch.equal(made(given).mean, before)
    made.update_norms(replace(given, vectors=10.0 * given.vectors))
    assert int(made.vector_norm.count) == int(made.privileged_norm.count) == 50
    assert not torch.equal(made(given).mean, before)
    restored = network(head_gain=1.0)
    restored.load_state_dict(made.state_dict())
    assert torch.equal(restored(given).mean, made(given).mean)


def test_critic_without_privileged_inputs() -> None:
    made, given = network(privileged_dim=0), inputs(privileged_dim=0)
    made.update_norms(given)
    assert made(given).value.shape == (3,)


def test_every_parameter_learns() -> None:
    made = network()
    output: PolicyOutput = made(inputs())
    (output.mean.square().sum() + output.value.square().sum()).backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0.0) for p in made.parameters())


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("vectors", float("nan"), "an observation group, or the weights of the primitive"),
        ("feature", float("nan"), "the cloud, or the weights of the encoder"),
        ("feature", float("inf"), "the cloud, or the weights of the encoder"),
        ("privileged", float("nan"), "a hidden observation group"),
    ],
)
def test_nan_names_the_input_it_came_from(name: str, value: float, source: str) -> None:
    given = inputs()
    getattr(given, name)[1, 2] = value
    message = rf"output is NaN: input {name} is {value} at row 1, column 2\. Find what gives it: {source}"
    with pytest.raises(ValueError, match=message):
        network()(given)


def test_broken_weights_are_named() -> None:
    made = network()
    with torch.no_grad():
        next(made.actor.parameters())[0, 0] = float("nan")
    with pytest.raises(ValueError, match="inputs are finite: its weights are broken"):
        made(inputs())


def test_misfit_is_named() -> None:
    given = inputs()
    with pytest.raises(ValueError, match=r"vectors has shape \(3, 7\); this policy was made for \(B, 6\)"):
        network()(replace(given, vectors=torch.zeros(3, 7)))
    with pytest.raises(ValueError, match=r"feature has shape \(2, 10\); this policy was made for \(B, 10\)"):
        network()(replace(given, feature=torch.zeros(2, 10)))
    with pytest.raises(ValueError, match="bottleneck is 0; at least 1"):
        network(bottleneck=0)
    with pytest.raises(ValueError, match=r"hidden_widths\[1\] is 0; at least 1"):
        ActorCritic(6, 10, 0, [0.0], hidden_widths=(16, 0))
    with pytest.raises(ValueError, match="privileged_dim is -1; 0 or more"):
        ActorCritic(6, 10, -1, [0.0])
    with pytest.raises(ValueError, match=r"action_centre is \[nan\]; expected a vector of finite"):
        ActorCritic(6, 10, 0, [float("nan")])
