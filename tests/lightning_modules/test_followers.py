"""Ways of following the field, held against Gaussians whose score is known in closed form."""

import pytest
import torch
from torch import Tensor

from envs.conventions import MAX_JOINT_STEP
from envs.hand.shadow import shadow_hand
from lightning_modules.diffusion.joint_state import JointState, JointVector, SinCosJoints
from lightning_modules.diffusion.losses import ScoreFn
from lightning_modules.diffusion.sde import SDE, VESDE, VPSDE, PaperSDE, SubVPSDE
from lightning_modules.followers import (
    AnnealedDenoiser,
    Approach,
    Denoiser,
    Field,
    FixedTimeScore,
    Follower,
    GapDenoiser,
)
from tests.learning import gaussian_score

HAND = shadow_hand()

MEAN = torch.linspace(-0.8, 0.8, 18, dtype=torch.float64)
HALF = HAND.half_ranges(MEAN)
SDES = [VPSDE(), SubVPSDE(), PaperSDE(), VESDE()]


def joints(count: int = 5, seed: int = 0) -> Tensor:
    return 2.0 * torch.rand(count, 18, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1.0


def follow(follower: Follower, spread: float, sde: SDE, start: Tensor, steps: int = 100) -> Tensor:
    for step in range(steps):
        approach = Approach(elapsed=torch.full((len(start),), (step + 1) / steps, dtype=start.dtype))
        action = follower.heading(field_of(gaussian_score(MEAN, spread, sde), sde), start, approach).action
        start = start + MAX_JOINT_STEP * action / HALF
    return start


def field_of(score: ScoreFn, sde: SDE | None = None) -> Field:
    return Field(score, VPSDE() if sde is None else sde, JointVector(), HAND)


class Recorder:
    """A score of zero that remembers where it was asked."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        self.states: list[Tensor] = []
        self.times: list[Tensor] = []

    def __call__(self, state: Tensor, t: Tensor) -> Tensor:
        self.states.append(state)
        self.times.append(t)
        return torch.full_like(state, self.value)


@pytest.mark.parametrize("sde", SDES, ids=lambda sde: type(sde).__name__)
@pytest.mark.parametrize("follower", [Denoiser(0.35), Denoiser(0.9), AnnealedDenoiser(), GapDenoiser()])
def test_denoiser_reaches_the_mean_of_a_gaussian(follower: Follower, sde: SDE) -> None:
    # the fixed point of q -> E[x_0 | x = alpha q] is the mean; a step closes std^2 / (alpha^2 s^2 + std^2) of the gap
    torch.testing.assert_close(follow(follower, 0.02, sde, joints()), MEAN.expand(5, 18), atol=2e-3, rtol=0.0)


@pytest.mark.parametrize("sde", SDES, ids=lambda sde: type(sde).__name__)
def test_denoiser_steps_towards_the_posterior_mean(sde: SDE) -> None:
    spread, t = 0.3, torch.tensor(0.4, dtype=torch.float64)
    near = MEAN + 0.01 * joints(3)  # near enough not to be clipped
    action = Denoiser(0.4).heading(field_of(gaussian_score(MEAN, spread, sde), sde), near).action
    # E[x_0 | x_t = alpha q] = m + w (q - m), w = alpha^2 s^2 / (alpha^2 s^2 + std^2); the goal less q is (w - 1)(q - m)
    alpha, std = sde.mean_coefficient(t), sde.std(t)
    weight = alpha**2 * spread**2 / (alpha**2 * spread**2 + std**2)
    expected = (weight - 1.0) * (near - MEAN) * HALF / MAX_JOINT_STEP
    assert expected.abs().max() < 1.0
    torch.testing.assert_close(action, expected, atol=1e-12, rtol=0.0)


def test_far_goals_are_approached_at_full_speed() -> None:
    far = torch.stack([torch.full_like(MEAN, 0.99), torch.full_like(MEAN, -0.99)])
    action = Denoiser(0.35).heading(field_of(gaussian_score(MEAN, 0.01, VPSDE())), far).action
    assert torch.equal(action, (MEAN - far).sign())


def test_goals_lie_within_the_limits() -> None:
    # a clean estimate of +5 is a goal of +1: a joint at its upper limit is not pushed on
    sde, at_limit = VPSDE(), torch.ones(1, 18, dtype=torch.float64)
    action = Denoiser(0.35).heading(field_of(Recorder(100.0), sde), at_limit).action
    assert not action.any()


@pytest.mark.parametrize("joint_state", [JointVector(), SinCosJoints()], ids=lambda state: type(state).__name__)
def test_the_state_is_scaled_as_the_forward_process_does(joint_state: JointState) -> None:
    score, sde, now = Recorder(), VPSDE(), joints(2)
    Denoiser(0.6).heading(Field(score, sde, joint_state, HAND), now)
    alpha = torch.exp(torch.tensor(-0.5 * (0.5 * 0.36 * 9.9 + 0.06)).double())  # exp(-B/2), B = t^2 9.9 / 2 + 0.1 t
    torch.testing.assert_close(score.states[0], alpha * joint_state.encode(now))
    assert alpha.item() == pytest.approx(0.398, abs=1e-3)


def test_without_the_scaling_the_mean_would_be_left_again() -> None:
    sde, t = VPSDE(), torch.full((1,), 0.6, dtype=torch.float64)
    score, scaled = gaussian_score(MEAN, 0.5, sde), sde.mean_coefficient(t)[:, None] * MEAN
    torch.testing.assert_close(sde.clean_estimate(scaled, score(scaled, t), t), MEAN[None])
    # unscaled the estimate at q = m is m + w (m / alpha - m): w = 0.045, alpha = 0.398, so 0.054 off at m = 0.8
    unscaled = sde.clean_estimate(MEAN[None], score(MEAN[None], t), t)
    assert (unscaled - MEAN).abs().max().item() == pytest.approx(0.054, abs=0.002)


def test_sine_and_cosine_lead_to_the_same_joints() -> None:
    state, sde = SinCosJoints(), VPSDE()
    score = gaussian_score(state.encode(MEAN), 1e-3, sde)
    near = MEAN + 0.01 * joints(3)
    action = Denoiser(0.35).heading(Field(score, sde, state, HAND), near).action
    torch.testing.assert_close(action, (MEAN - near) * HALF / MAX_JOINT_STEP, atol=1e-3, rtol=0.0)  # spread 1e-3


def test_annealed_time_falls_from_start_to_end() -> None:
    share, hands = torch.tensor([0.0, 0.5, 1.0, 1.5, -1.0]), torch.zeros(5, 18)
    for approach in (Approach(elapsed=share), Approach(closeness=share), Approach(share, torch.zeros(5))):
        found = AnnealedDenoiser(0.6, 0.15).time(hands, approach)
        torch.testing.assert_close(found, torch.tensor([0.6, 0.375, 0.15, 0.15, 0.6]))
        # power 2: 0.15 + 0.45 / 4
        found = AnnealedDenoiser(0.6, 0.15, power=2.0).time(hands, approach)
        torch.testing.assert_close(found, torch.tensor([0.6, 0.2625, 0.15, 0.15, 0.6]))


def test_an_annealed_denoiser_has_to_know_a_clock_or_a_distance() -> None:
    with pytest.raises(ValueError, match="AnnealedDenoiser needs to know how far the approach has come; give elapsed"):
        AnnealedDenoiser().heading(field_of(Recorder()), joints(3))


def test_the_network_is_asked_at_each_hands_own_time() -> None:
    score = Recorder()
    approach = Approach(closeness=torch.tensor([0.0, 0.5, 1.0]).double())
    AnnealedDenoiser(0.6, 0.15).heading(field_of(score), joints(3), approach)
    torch.testing.assert_close(score.times[0], torch.tensor([0.6, 0.375, 0.15]).double())


def test_the_time_falls_with_the_gap_that_is_left() -> None:
    # a narrow Gaussian: every estimate is its mean, so that the gap is the distance to it in radians
    recorded: list[Tensor] = []

    def score(state: Tensor, t: Tensor) -> Tensor:
        recorded.append(t)
        return gaussian_score(MEAN, 1e-4, VPSDE())(state, t)

    direction = torch.ones(18, dtype=torch.float64) / 18**0.5 / HALF
    now = torch.stack([MEAN + gap * direction for gap in (0.0, 0.5, 1.0)])
    far = torch.full_like(MEAN, 0.99)  # many radians away
    GapDenoiser(0.8, 0.1, far=1.0, t_probe=0.4).heading(field_of(score), torch.cat([now, far[None]]))
    torch.testing.assert_close(recorded[0], torch.full((4,), 0.4).double())
    torch.testing.assert_close(recorded[1], torch.tensor([0.1, 0.45, 0.8, 0.8]).double(), atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("follower", [GapDenoiser(), Denoiser(), FixedTimeScore()])
def test_other_followers_ask_for_neither(follower: Follower) -> None:
    score = gaussian_score(MEAN, 0.3, VPSDE())
    known = Approach(torch.rand(5).double(), torch.rand(5).double())
    late, unknown = (follower.heading(field_of(score), joints(), *approach).action for approach in ((known,), ()))
    assert torch.equal(late, unknown)


def test_the_papers_form_moves_the_fastest_joint_at_full_speed() -> None:
    sde, now = VPSDE(), joints()
    score = gaussian_score(MEAN, 0.2, sde)
    action = FixedTimeScore().heading(field_of(score, sde), now).action
    torch.testing.assert_close(action.abs().amax(dim=1), torch.ones(5).double())
    # along the score in radians: the gradient in normalised joints times half the joint ranges
    gradient = score(now, torch.full((5,), 0.005).double()) * HALF
    torch.testing.assert_close(action, gradient / gradient.abs().amax(dim=1, keepdim=True))


def test_the_papers_form_asks_at_its_time_with_unscaled_joints() -> None:
    score, now = Recorder(1.0), joints(2)
    FixedTimeScore(t=0.005).heading(field_of(score), now, torch.ones(2).double())
    assert torch.equal(score.states[0], now)
    assert torch.equal(score.times[0], torch.full((2,), 0.005, dtype=torch.float64))


def test_no_gradient_is_no_motion() -> None:
    action = FixedTimeScore().heading(field_of(Recorder(0.0)), joints(2), torch.ones(2).double()).action
    assert torch.equal(action, torch.zeros(2, 18).double())


def test_without_normalising_the_score_is_a_clipped_tweedie_step() -> None:
    sde, now = VPSDE(), joints(1)
    # score 2 everywhere, t = 0.1: B = 0.01 * 9.9 / 2 + 0.01 = 0.0595, std^2 = 1 - exp(-B) = 0.05776
    step = 2.0 * 0.057765 * HALF / MAX_JOINT_STEP
    assert step.min() < 1.0 < step.max()
    follower = FixedTimeScore(0.1, normalise=False)
    action = follower.heading(field_of(Recorder(2.0), sde), now, torch.ones(1).double()).action
    torch.testing.assert_close(action[0], step.clamp(max=1.0), atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("follower", [FixedTimeScore(), Denoiser(), AnnealedDenoiser(), GapDenoiser()])
def test_actions_stay_in_range_whatever_the_score(follower: Follower) -> None:
    action = follower.heading(field_of(Recorder(1e6)), joints(), Approach(torch.linspace(0, 1, 5).double())).action
    assert action.shape == (5, 18)
    assert action.abs().max() <= 1.0


@pytest.mark.parametrize("t", [0.0, -0.1, 1.5])
def test_times_outside_the_process_are_refused(t: float) -> None:
    for make in (FixedTimeScore, Denoiser):
        with pytest.raises(ValueError, match=rf"t is {t}; diffusion times lie in \(0, 1\]"):
            make(t)
    with pytest.raises(ValueError, match=rf"t_start is {t}; diffusion times lie in"):
        AnnealedDenoiser(t, 0.1)
    with pytest.raises(ValueError, match=rf"t_end is {t}; diffusion times lie in"):
        AnnealedDenoiser(0.5, t)
    for name in ("t_far", "t_near", "t_probe"):
        with pytest.raises(ValueError, match=rf"{name} is {t}; diffusion times lie in"):
            GapDenoiser(**{name: t})


@pytest.mark.parametrize("far", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gap_that_is_none_is_refused(far: float) -> None:
    with pytest.raises(ValueError, match=f"far is {far}; the gap of the largest time has to be more than 0 rad"):
        GapDenoiser(far=far)


@pytest.mark.parametrize("power", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_does_not_fall_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match=f"power is {power}; a finite number above 0 is needed"):
        AnnealedDenoiser(power=power)


@pytest.mark.parametrize("kind", [Denoiser, AnnealedDenoiser, GapDenoiser])
def test_synchronised_joints_arrive_together(kind: type[Denoiser]) -> None:
    field, start = field_of(gaussian_score(MEAN, 1e-3, VPSDE())), joints(3)
    now = Approach(elapsed=torch.ones(3).double())
    action = kind(synchronised=True, speed=0.5).heading(field, start, now).action
    way = (MEAN - start) * HALF
    # every joint needs as many steps as the one that has farthest to go
    steps = way / (MAX_JOINT_STEP * action)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=1e-2, atol=0.0)
    torch.testing.assert_close(action.abs().amax(dim=1), torch.full((3,), 0.5).double())
    alone = kind(speed=0.5).heading(field, start, now).action
    assert (alone.abs() == 0.5).sum() > 3 * 10  # without, most are at full speed


def test_near_goals_are_not_overshot_when_synchronised() -> None:
    near = MEAN[None] + 0.1 * MAX_JOINT_STEP / HALF
    action = Denoiser(synchronised=True).heading(field_of(gaussian_score(MEAN, 1e-3, VPSDE())), near).action
    torch.testing.assert_close(action, torch.full_like(action, -0.1), atol=2e-3, rtol=0.0)


def test_speeds_outside_the_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"speed is 1.5; the largest action of a joint lies in \(0, 1\]"):
        GapDenoiser(speed=1.5)
