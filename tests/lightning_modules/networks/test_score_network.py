"""Head against the plain formulation, several draws per cloud, and learning a score that is known."""

import pytest
import torch
from torch import Tensor, nn

from lightning_modules.diffusion.losses import denoising_loss
from lightning_modules.diffusion.sde import VPSDE
from lightning_modules.networks.point_encoders import PointNet2Encoder, PointNetEncoder
from lightning_modules.networks.score_network import (
    ConditionedBlock,
    ScoreNetwork,
    paper_score_network,
)


def small_network(state_dim: int = 4) -> ScoreNetwork:
    torch.manual_seed(0)
    encoder = PointNetEncoder(widths=(8, 16), feature_widths=(10,))
    return ScoreNetwork(encoder, state_dim, joint_width=12, time_width=8, hidden_width=16, block_depth=2)


def clouds(count: int) -> Tensor:
    return 0.1 * torch.rand(count, 30, 3, generator=torch.Generator().manual_seed(1))


def test_split_layer_equals_concatenation() -> None:
    block = ConditionedBlock(5, 7, 4, width=9, depth=2).double()
    hidden, time = torch.randn(3, 6, 5, dtype=torch.float64), torch.randn(3, 6, 4, dtype=torch.float64)
    feature = torch.randn(3, 7, dtype=torch.float64)
    copies = feature[:, None].expand(-1, 6, -1)
    plain = nn.functional.silu(block.first(torch.cat([hidden, copies, time], dim=-1)))
    plain = nn.functional.silu(block.rest[0](plain))
    torch.testing.assert_close(block(hidden, block.of_cloud(feature)[:, None], time), plain)


def test_draws_equal_separate_calls() -> None:
    network = small_network()
    state, t = torch.randn(3, 5, 4), torch.rand(3, 5)
    feature = network.encode(clouds(3))
    together = network.head(state, feature, t)
    separate = torch.stack([network.head(state[:, k], feature, t[:, k]) for k in range(5)], dim=1)
    torch.testing.assert_close(together, separate)


def test_kept_conditions_change_nothing() -> None:
    network = small_network()
    state, t, feature = torch.randn(3, 5, 4), torch.rand(3, 5), network.encode(clouds(3))
    kept = network.conditions(feature)
    assert torch.equal(network.head(state, feature, t, kept), network.head(state, feature, t))
    # and are used: those of other clouds give another result
    other = network.conditions(network.encode(2.0 * clouds(3)))
    assert not torch.equal(network.head(state, feature, t, other), network.head(state, feature, t))


def test_score_is_the_head_divided_by_std() -> None:
    network, sde = small_network(), VPSDE()
    state, t = torch.randn(3, 4), torch.tensor([0.01, 0.4, 1.0])
    feature = network.encode(clouds(3))
    score = network.score(state, feature, t, sde)
    torch.testing.assert_close(score * sde.std(t)[:, None], network.head(state, feature, t))


def test_gradient_reaches_every_parameter() -> None:
    network = small_network()
    t = torch.rand(3, 5).clamp_min(0.01)
    network.score(torch.randn(3, 5, 4), network.encode(clouds(3)), t, VPSDE()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_output_depends_on_state_cloud_and_time() -> None:
    network = small_network()
    state, feature, t = torch.randn(1, 4), network.encode(clouds(1)), torch.tensor([0.3])
    base = network.head(state, feature, t)
    for other in (
        network.head(state + 0.5, feature, t),
        network.head(state, feature + 0.5, t),
        network.head(state, feature, t + 0.2),
    ):
        assert (base - other).abs().max() > 1e-4


def test_learns_the_score_of_a_gaussian_that_the_cloud_decides() -> None:
    # One joint, N(-0.5, 0.2^2) for a cloud at -0.1 m and N(0.5, 0.2^2) for one at 0.1 m.
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    sde = VPSDE()
    network = ScoreNetwork(
        PointNetEncoder(widths=(8, 16), feature_widths=(8,)), 1, 32, 16, 64, time_scale=1.0
    )  # slow frequencies: a few hundred steps cannot average over fast ones
    side = torch.tensor([-1.0, 1.0]).repeat(32)
    points = 0.1 * side[:, None, None] + 0.01 * torch.randn(64, 8, 3, generator=generator)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 500)
    for _ in range(500):
        state0 = 0.5 * side[:, None] + 0.2 * torch.randn(64, 1, generator=generator)
        t = 1e-3 + (1 - 1e-3) * torch.rand(64, 16, generator=generator)
        z = torch.randn(64, 16, 1, generator=generator)
        feature = network.encode(points)
        loss = denoising_loss(lambda x, time, f=feature: network.score(x, f, time, sde), sde, state0, t=t, z=z).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        feature = network.encode(points[:2])
        t = torch.tensor([0.2, 0.4, 0.7]).expand(2, 3)
        alpha, std = sde.mean_coefficient(t)[..., None], sde.std(t)[..., None]
        mean, total = alpha * 0.5 * side[:2, None, None], alpha**2 * 0.04 + std**2
        # One standard deviation either way of the noised density, where the data are.
        for offset in (-1.0, 0.0, 1.0):
            x = mean + offset * total.sqrt()
            expected = -(x - mean) / total
            found = network.score(x, feature, t, sde)
            # Compared as std * score, which the loss weighs alike at all times; a network that ignores the cloud is
            # off by about 0.5 alpha std / total > 0.5 at the first two times.
            torch.testing.assert_close(std * found, std * expected, rtol=0, atol=0.15)


def test_sizes_of_paper_and_compact() -> None:
    paper, compact = paper_score_network(36), ScoreNetwork(PointNet2Encoder())
    assert (paper.state_dim, compact.state_dim) == (36, 18)
    assert paper.read_state[0].out_features == 1024
    assert paper.read_time.project.out_features == 512
    assert paper.encoder.feature_dim == 512
    assert paper.output.in_features == 1024
    # EMA and raw weights of the shipped checkpoint in float32 must stay below 15 MB: 1.9 M parameters each.
    assert sum(p.numel() for p in compact.parameters()) < 1_900_000


def test_a_network_that_sees_the_table_needs_it_and_uses_it() -> None:
    encoder = PointNetEncoder(widths=(8, 16), feature_widths=(8,))
    network = ScoreNetwork(encoder, 4, 32, 16, 64, table_width=6)
    points_h, table_h = torch.randn(3, 20, 3), torch.tensor([[0.0, 0.0, 1.0, 0.1]]).expand(3, 4)
    feature = network.encode(points_h, table_h=table_h)
    assert feature.shape == (3, network.feature_dim) == (3, 14)
    assert network.head(torch.zeros(3, 4), feature, torch.ones(3)).shape == (3, 4)
    assert torch.equal(network.encode(points_h, table_h=table_h + torch.tensor([0, 0, 0, 0.05]))[:, :8], feature[:, :8])
    assert not torch.equal(network.encode(points_h, table_h=table_h + torch.tensor([0, 0, 0, 0.05])), feature)
    with pytest.raises(ValueError, match="was made to see the table, and none is given; give table_h"):
        network.encode(points_h)


def test_shapes_that_do_not_fit_are_named() -> None:
    network = small_network()
    feature = torch.zeros(3, 10)
    with pytest.raises(ValueError, match=r"state has shape \(3, 18\); expected \(B, 4\)"):
        network.head(torch.zeros(3, 18), feature, torch.ones(3))
    with pytest.raises(ValueError, match=r"t has shape \(3, 2\); expected \(3, 5\)"):
        network.head(torch.zeros(3, 5, 4), feature, torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"feature has shape \(2, 10\); expected \(3, 10\)"):
        network.head(torch.zeros(3, 4), torch.zeros(2, 10), torch.ones(3))


def test_senseless_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hidden_width is 0; at least 1"):
        ScoreNetwork(PointNetEncoder(), hidden_width=0)
