"""a = a_p * a_s + a_r and its ablations."""

import pytest
import torch
from jsonargparse import ArgumentParser

from lightning_modules.composition import (
    Composition,
    Direct,
    ResidualOnly,
    ScaleAndResidual,
    ScaleOnly,
    compose,
    split_action,
)

ALL: tuple[Composition, ...] = (ScaleAndResidual(), ResidualOnly(), ScaleOnly(), Direct())


def test_compose_by_hand() -> None:
    # 0.5 * 0.4 + 0.1 = 0.3;  -1 * 0.5 - 0.2 = -0.7;  1 * 2 + 0 = 2 -> 1;  -0.8 * 1 - 0.9 = -1.7 -> -1
    a_p, a_s, a_r = torch.tensor([[0.5, -1.0, 1.0, -0.8], [0.4, 0.5, 2.0, 1.0], [0.1, -0.2, 0.0, -0.9]])
    torch.testing.assert_close(compose(a_p, a_s, a_r), torch.tensor([0.3, -0.7, 1.0, -1.0]))


def test_the_unclamped_action_has_a_gradient_beyond_the_limits() -> None:
    action = torch.full((1, 36), 2.0, requires_grad=True)
    hand = ScaleAndResidual().unclamped(torch.ones(1, 18), action)
    assert torch.equal(hand, torch.full((1, 18), 4.0))
    hand.sum().backward()
    assert action.grad is not None
    assert torch.equal(action.grad, torch.ones(1, 36))
    assert torch.equal(ScaleAndResidual()(torch.ones(1, 18), action), torch.ones(1, 18))


def test_scale_comes_first() -> None:
    a_s, a_r = split_action(torch.arange(36.0)[None])
    assert torch.equal(a_s, torch.arange(18.0)[None])
    assert torch.equal(a_r, torch.arange(18.0, 36.0)[None])


def test_variants_are_the_full_form_with_a_part_held() -> None:
    generator = torch.Generator().manual_seed(0)
    a_p, a_s, a_r = (torch.randn(5, 18, generator=generator) for _ in range(3))
    ones, zeros = torch.ones(5, 18), torch.zeros(5, 18)
    torch.testing.assert_close(ScaleAndResidual()(a_p, torch.cat([a_s, a_r], dim=1)), compose(a_p, a_s, a_r))
    torch.testing.assert_close(ResidualOnly()(a_p, a_r), compose(a_p, ones, a_r))
    torch.testing.assert_close(ScaleOnly()(a_p, a_s), compose(a_p, a_s, zeros))
    torch.testing.assert_close(Direct()(a_p, a_r), compose(zeros, ones, a_r))


def test_only_direct_goes_without_the_primitive() -> None:
    assert [composition.uses_primitive for composition in ALL] == [True, True, True, False]


def test_untrained_policy_slows_the_primitive() -> None:
    a_p = torch.full((2, 18), 0.5)
    moves = [float(c(a_p, c.centre(18).expand(2, -1))[0, 0]) for c in ALL]
    assert moves == pytest.approx([0.35, 0.5, 0.35, 0.0])
    assert [len(c.centre(6)) for c in ALL] == [c.action_dim(6) for c in ALL] == [12, 6, 6, 6]
    assert float(ScaleAndResidual(scale_centre=1.0).centre(18)[0]) == 1.0


@pytest.mark.parametrize("composition", ALL[:3], ids=lambda composition: type(composition).__name__)
def test_actions_that_do_not_fit_are_named(composition: Composition) -> None:
    expected = rf"expected \(E, J\) and \(E, {composition.numbers_per_joint} J\)"
    with pytest.raises(ValueError, match=rf"a_p has shape \(2, 18\) and action \(2, 20\); {expected}"):
        composition(torch.zeros(2, 18), torch.zeros(2, 20))
    with pytest.raises(ValueError, match=rf"a_p has shape None and action .*; {expected}"):
        composition(None, torch.zeros(2, 18))


def test_a_configuration_can_choose_one() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--composition", type=Composition)
    arguments = ["--composition=lightning_modules.composition.ScaleOnly", "--composition.scale_centre=0.4"]
    chosen = parser.instantiate(parser.parse_args(arguments)).composition
    assert isinstance(chosen, ScaleOnly)
    assert chosen.scale_centre == 0.4


def test_parts_are_what_the_action_is_made_of() -> None:
    generator = torch.Generator().manual_seed(1)
    a_p, a_s, a_r = (torch.randn(5, 18, generator=generator) for _ in range(3))
    outputs = (torch.cat([a_s, a_r], dim=1), a_r, a_s, a_r)
    expected = ((a_p, a_s, a_r), (a_p, None, a_r), (a_p, a_s, None), (None, None, None))
    for composition, output, parts in zip(ALL, outputs, expected, strict=True):
        found = composition.parts(a_p, output)
        assert torch.equal(found.action, composition(a_p, output))
        for one, other in zip((found.a_p, found.a_s, found.a_r), parts, strict=True):
            assert (one is None) == (other is None)
            assert one is None or other is None or torch.equal(one, other)
