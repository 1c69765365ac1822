"""Round trips, the projected score against finite differences, and refused widths."""

import math

import pytest
import torch

from lightning_modules.diffusion.joint_state import JointState, JointVector, SinCosJoints

ALL = [JointVector(), SinCosJoints(), SinCosJoints(angle_scale=math.pi / 2)]


@pytest.mark.parametrize("state", ALL, ids=["vector", "sincos", "sincos-half-pi"])
def test_decode_inverts_encode(state: JointState) -> None:
    joint_pos = 2 * torch.rand(4, 3, 18, dtype=torch.float64) - 1
    encoded = state.encode(joint_pos)
    assert encoded.shape == (4, 3, state.dim)
    torch.testing.assert_close(state.decode(encoded), joint_pos)


def test_sincos_holds_all_sines_first() -> None:
    encoded = SinCosJoints(num_joints=2).encode(torch.tensor([0.5, -1.0]))
    expected = torch.tensor([math.sin(0.5), math.sin(-1.0), math.cos(0.5), math.cos(-1.0)])
    torch.testing.assert_close(encoded, expected)


def test_sincos_decodes_points_off_the_circle_by_their_direction() -> None:
    state = SinCosJoints()
    joint_pos = torch.linspace(-1, 1, 18)
    torch.testing.assert_close(state.decode(0.2 * state.encode(joint_pos)), joint_pos)


@pytest.mark.parametrize("state", ALL, ids=["vector", "sincos", "sincos-half-pi"])
def test_projected_score_is_the_gradient_along_the_joints(state: JointState) -> None:
    # For any log density u of the state, projecting its gradient must give d u(encode(q)) / dq.
    joint_pos = (2 * torch.rand(5, 18, dtype=torch.float64) - 1).requires_grad_()
    weight = torch.randn(state.dim, dtype=torch.float64)

    def log_density(x: torch.Tensor) -> torch.Tensor:
        return (-0.5 * (x - weight).square().sum(-1) + (weight * x).sum(-1) ** 2).sum()

    (expected,) = torch.autograd.grad(log_density(state.encode(joint_pos)), joint_pos)
    x = state.encode(joint_pos).detach().requires_grad_()
    (score,) = torch.autograd.grad(log_density(x), x)
    torch.testing.assert_close(state.project_score(score, joint_pos.detach()), expected)


def test_released_projection_formula() -> None:
    # g = -sin(q) s_cos + cos(q) s_sin, one joint, q = 0.5, s = (s_sin, s_cos) = (2, 3).
    projected = SinCosJoints(num_joints=1).project_score(torch.tensor([2.0, 3.0]), torch.tensor([0.5]))
    assert projected.item() == pytest.approx(-math.sin(0.5) * 3 + math.cos(0.5) * 2)


def test_wrong_widths_are_named() -> None:
    with pytest.raises(ValueError, match=r"joint_pos has shape \(2, 25\); its last dimension must be 18"):
        JointVector().encode(torch.zeros(2, 25))
    with pytest.raises(ValueError, match=r"state has shape \(2, 18\); its last dimension must be 36"):
        SinCosJoints().decode(torch.zeros(2, 18))
    with pytest.raises(ValueError, match=r"score has shape \(18,\); its last dimension must be 36"):
        SinCosJoints().project_score(torch.zeros(18), torch.zeros(18))


@pytest.mark.parametrize("angle_scale", [0.0, math.pi, -1.0])
def test_ambiguous_angle_scale_is_refused(angle_scale: float) -> None:
    with pytest.raises(ValueError, match=r"angle_scale is .*above 0 and below pi"):
        SinCosJoints(angle_scale=angle_scale)
