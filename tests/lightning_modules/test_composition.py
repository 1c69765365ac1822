"""a = a_p * a_s + a_r and its ablations."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser

from lightning_modules.composition import (
    Composition,
    Direct,
    ExtentAndResidual,
    ResidualOnly,
    ScaleAndResidual,
    ScaleOnly,
    WithoutResidual,
    split_action,
)
from lightning_modules.followers import Heading
from tests.lightning_modules.made_up_rollouts import wanting

ALL: tuple[Composition, ...] = (ScaleAndResidual(), ResidualOnly(), ScaleOnly(), Direct())


def compose(a_p: torch.Tensor, a_s: torch.Tensor, a_r: torch.Tensor) -> torch.Tensor:
    """clip(a_p * a_s + a_r, -1, 1), elementwise (GraspGF eq. 2)."""
    return (a_p * a_s + a_r).clamp(-1.0, 1.0)


def test_the_papers_form_by_hand() -> None:
    # 0.5 * 0.4 + 0.1 = 0.3;  -1 * 0.5 - 0.2 = -0.7;  1 * 2 + 0 = 2 -> 1;  -0.8 * 1 - 0.9 = -1.7 -> -1
    a_p, a_s, a_r = torch.tensor([[0.5, -1.0, 1.0, -0.8], [0.4, 0.5, 2.0, 1.0], [0.1, -0.2, 0.0, -0.9]])
    hand = ScaleAndResidual()(wanting(a_p[None]), torch.cat([a_s, a_r])[None])
    torch.testing.assert_close(hand[0], torch.tensor([0.3, -0.7, 1.0, -1.0]))


def test_scale_comes_first() -> None:
    a_s, a_r = split_action(torch.arange(36.0)[None])
    assert torch.equal(a_s, torch.arange(18.0)[None])
    assert torch.equal(a_r, torch.arange(18.0, 36.0)[None])


def test_variants_are_the_full_form_with_a_part_held() -> None:
    generator = torch.Generator().manual_seed(0)
    a_p, a_s, a_r = (torch.randn(5, 18, generator=generator) for _ in range(3))
    ones, zeros = torch.ones(5, 18), torch.zeros(5, 18)
    torch.testing.assert_close(ScaleAndResidual()(wanting(a_p), torch.cat([a_s, a_r], dim=1)), compose(a_p, a_s, a_r))
    torch.testing.assert_close(ResidualOnly()(wanting(a_p), a_r), compose(a_p, ones, a_r))
    torch.testing.assert_close(ScaleOnly()(wanting(a_p), a_s), compose(a_p, a_s, zeros))
    torch.testing.assert_close(Direct()(None, a_r), compose(zeros, ones, a_r))


def test_a_policy_of_both_parts_can_do_without_a_r() -> None:
    generator = torch.Generator().manual_seed(0)
    a_p, a_s, a_r = (torch.randn(5, 18, generator=generator) for _ in range(3))
    heading = Heading(a_p, 0.3 * a_p, -0.2 * a_p)
    for whole in (ScaleAndResidual(), ExtentAndResidual()):
        found = WithoutResidual(whole).parts(heading, torch.cat([a_s, a_r], dim=1))
        torch.testing.assert_close(found.action, whole(heading, torch.cat([a_s, torch.zeros_like(a_r)], dim=1)))
        assert found.a_s is not None
        assert found.a_r is None
    with pytest.raises(ValueError, match="composition ScaleOnly has 1 number a joint"):
        WithoutResidual(ScaleOnly())


def test_only_direct_goes_without_the_primitive() -> None:
    assert [composition.uses_primitive for composition in ALL] == [True, True, True, False]


def test_untrained_policy_slows_the_primitive() -> None:
    a_p = torch.full((2, 18), 0.5)
    moves = [float(c(wanting(a_p), c.centre(18).expand(2, -1))[0, 0]) for c in ALL]
    assert moves == pytest.approx([0.35, 0.5, 0.35, 0.0])
    assert [len(c.centre(6)) for c in ALL] == [c.action_dim(6) for c in ALL] == [12, 6, 6, 6]
    assert float(ScaleAndResidual(scale_centre=1.0).centre(18)[0]) == 1.0


@pytest.mark.parametrize("composition", ALL[:3], ids=lambda composition: type(composition).__name__)
def test_actions_that_do_not_fit_are_named(composition: Composition) -> None:
    expected = rf"expected \(E, J\) and \(E, {composition.numbers_per_joint} J\)"
    with pytest.raises(ValueError, match=rf"a_p has shape \(2, 18\) and action \(2, 20\); {expected}"):
        composition(wanting(torch.zeros(2, 18)), torch.zeros(2, 20))
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
        found = composition.parts(wanting(a_p), output)
        assert torch.equal(found.action, composition(wanting(a_p), output))
        for one, other in zip((found.a_p, found.a_s, found.a_r), parts, strict=True):
            assert (one is None) == (other is None)
            assert one is None or other is None or torch.equal(one, other)


def test_an_extent_is_a_place_between_the_open_hand_and_the_grasp() -> None:
    # joint 0 stands half-way from open (0) to its grasp (0.08), joint 1 at its grasp (0.02)
    heading = Heading(torch.full((1, 2), torch.nan), torch.tensor([[0.04, 0.0]]), torch.tensor([[-0.04, -0.02]]))
    composition = ExtentAndResidual(waiting=0.0, band=(0.2, 0.6))

    def action(gate: float, residual: float = 0.0) -> torch.Tensor:
        return composition(heading, torch.tensor([[gate, gate, residual, residual]]))[0]

    torch.testing.assert_close(action(0.6), torch.tensor([0.8, 0.0]))
    torch.testing.assert_close(action(5.0), action(0.6))  # what is decided is done, and no more
    torch.testing.assert_close(action(0.4), torch.tensor([0.0, -0.2]))  # half-way
    torch.testing.assert_close(action(0.2, 0.1), torch.tensor([-0.7, -0.3]))
    torch.testing.assert_close(action(-5.0, 0.1), action(0.2, 0.1))
    torch.testing.assert_close(action(0.6, 0.9), torch.tensor([1.0, 0.9]))  # cut


def test_a_hand_that_waits_is_pre_shaped() -> None:
    way = torch.tensor([[0.03, 0.04]])
    heading = Heading(torch.zeros(1, 2), way, torch.zeros(1, 2))  # it is open
    composition = ExtentAndResidual(waiting=0.25)
    parts = composition.parts(heading, composition.centre(2)[None])
    assert parts.a_s is not None
    torch.testing.assert_close(parts.a_s, torch.full((1, 2), 0.25))
    torch.testing.assert_close(parts.action, 0.25 * way / 0.05)


def test_ways_are_gone_at_full_speed_with_all_joints_at_once() -> None:
    heading = Heading(torch.zeros(1, 2), torch.tensor([[0.5, -0.25]]), torch.zeros(1, 2))
    torch.testing.assert_close(
        ExtentAndResidual()(heading, torch.tensor([[1.0, 1.0, 0.0, 0.0]])), torch.tensor([[1.0, -0.5]])
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"waiting": -0.1}, r"waiting is -0\.1; a hand that waits .* in \[0, 1\)"),
        ({"waiting": 1.0}, r"waiting is 1\.0;"),
        ({"band": (0.4, 0.4)}, r"band is \(0\.4, 0\.4\); expected two rising gates in \[0, 1\]"),
        ({"band": (-0.1, 0.4)}, r"band is \(-0\.1, 0\.4\);"),
        ({"band": (0.1, 1.1)}, r"band is \(0\.1, 1\.1\);"),
    ],
)
def test_impossible_extents_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExtentAndResidual(**settings)


@pytest.mark.parametrize("kind", [ScaleAndResidual, ScaleOnly])
def test_a_centre_that_is_no_number_is_refused(kind: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="scale_centre is nan; a finite number is needed"):
        kind(float("nan"))


@pytest.mark.parametrize("composition", [*ALL[:3], ExtentAndResidual(0.0)], ids=lambda each: type(each).__name__)
def test_who_does_as_taught_waits_then_goes_with_the_primitive(composition: Composition) -> None:
    a_p = torch.tensor([[0.5, -1.0]])
    heading = Heading(a_p, 0.05 * a_p, torch.zeros(1, 2))  # a hand that is still open
    grip = torch.tensor([[0.2, 0.3]])
    for gate in (0.0, 1.0):
        output = composition.taught(a_p, torch.tensor([[gate]]), grip)
        added = 0.0 if isinstance(composition, ScaleOnly) else grip
        torch.testing.assert_close(composition(heading, output), (gate * a_p + added).clamp(-1.0, 1.0))


def test_there_is_nothing_to_teach_without_a_primitive() -> None:
    with pytest.raises(NotImplementedError, match="Direct has no primitive that a teacher could time"):
        Direct().taught(torch.zeros(1, 2), torch.ones(1, 1), torch.zeros(1, 2))
