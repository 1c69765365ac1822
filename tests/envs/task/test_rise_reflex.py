"""Noticing a lift from the wrist alone."""

import numpy as np
import pytest
import torch

from envs.hand.shadow import shadow_hand
from envs.task.rise_reflex import RiseReflex
from envs.trials.lift import CLOSE_ANGLE

PERIOD_S = 0.025


def poses(place: list[float]) -> torch.Tensor:
    return torch.tensor([[*place, 1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)


def noticed(velocity: tuple[float, float, float], steps: int = 12) -> list[bool]:
    """Whether a wrist that rests for 10 steps and then moves at a constant velocity, m/s, is seen to rise, by step."""
    reflex = RiseReflex(poses([0.0, 0.0, 0.1]), PERIOD_S)
    for _ in range(10):
        reflex.look(poses([0.0, 0.0, 0.1]))
    found = []
    for step in range(1, steps + 1):
        place = np.array([0.0, 0.0, 0.1]) + step * PERIOD_S * np.array(velocity)
        reflex.look(poses(place.tolist()))
        found.append(bool(reflex.is_rising[0]))
    return found


def test_a_rise_of_20_cm_a_second_is_noticed_within_an_eighth_of_a_second() -> None:
    found = noticed((0.0, 0.0, 0.2))
    assert True in found[:5]
    assert all(found[found.index(True) :])


@pytest.mark.parametrize("velocity", [(0.0, 0.0, -0.3), (0.3, 0.0, 0.2), (0.0, 0.0, 0.02)])
def test_going_down_going_aside_and_creeping_are_no_rise(velocity: tuple[float, float, float]) -> None:
    assert not any(noticed(velocity))


def test_the_rise_ends_with_a_movement_elsewhere_and_not_with_standing_still() -> None:
    reflex = RiseReflex(poses([0.0, 0.0, 0.1]), PERIOD_S)
    for step in range(20):
        reflex.look(poses([0.0, 0.0, 0.1 + 0.005 * min(step, 10)]))
    assert reflex.is_rising.all()
    for step in range(10):
        reflex.look(poses([0.0, 0.0, 0.15 - 0.005 * step]))
    assert not reflex.is_rising.any()


def test_a_new_episode_knows_nothing_of_the_last_one() -> None:
    reflex = RiseReflex(poses([0.0, 0.0, 0.1]), PERIOD_S)
    for step in range(10):
        reflex.look(poses([0.0, 0.0, 0.1 + 0.005 * step]))
    assert reflex.is_rising.all()
    for _ in range(6):
        reflex.look(poses([0.3, 0.0, 0.5]), torch.tensor([True]))
        assert not reflex.is_rising.any()


def seen_with_errors(size: float, rise: float, count: int = 400, steps: int = 80) -> torch.Tensor:
    """Whether wrists are seen to rise (T, E) that rest for 40 steps, then rise at so many m/s, with errors, m."""
    rng, reflex = np.random.default_rng(0), RiseReflex(poses([0.0, 0.0, 0.1]).repeat(count, 1), PERIOD_S)
    found = []
    for step in range(steps):
        pose_w = poses([0.0, 0.0, 0.1 + rise * PERIOD_S * max(0, step - 40)]).repeat(count, 1)
        pose_w[:, :3] += torch.as_tensor(size * rng.standard_normal((count, 3)).clip(-1.0, 1.0))
        reflex.look(pose_w)
        found.append(reflex.is_rising)
    return torch.stack(found)


@pytest.mark.parametrize("size", [0.002, 0.02, 0.05])
def test_errors_of_the_tracker_are_no_rise(size: float) -> None:
    at_rest = seen_with_errors(size, 0.0)
    begun = (at_rest[1:] & ~at_rest[:-1])[10:].float().sum(dim=0)  # once the size of the errors is known
    assert begun.mean() < 0.2  # in 1.7 s; each of them would close the hand by 0.1 rad


def test_a_rise_is_noticed_through_errors() -> None:
    rising = seen_with_errors(0.02, 0.3)
    assert rising[40 + 24].float().mean() > 0.9  # after 0.6 s


def test_the_grip_closes_once_and_is_held() -> None:
    hand, reflex = shadow_hand(), RiseReflex(poses([0.0, 0.0, 0.1]), PERIOD_S)
    start = torch.tensor(hand.open_pose + 0.3 * hand.closing)
    command, joints = torch.zeros(1, hand.num_joints, dtype=start.dtype), start[None]
    for step in range(12):
        reflex.look(poses([0.0, 0.0, 0.1 + 0.005 * step]))
        command = reflex.grip(command, joints, hand)
        joints = joints + 0.01
        if reflex.has_begun.any():
            expected = command.clone()
    np.testing.assert_allclose(expected.numpy()[0] - start.numpy(), CLOSE_ANGLE * hand.closing, atol=0.1)
    assert torch.equal(command, expected)


def test_the_grip_ends_at_the_limits_of_the_joints() -> None:
    hand, reflex = shadow_hand(), RiseReflex(poses([0.0, 0.0, 0.1]), PERIOD_S)
    limits, closing = hand.limits, torch.tensor(hand.closing)
    # as far closed as they go but for 0.02 rad, where the grip would take 0.1
    ends = torch.where(closing < 0.0, torch.tensor(limits.low) + 0.02, torch.tensor(limits.high) - 0.02)
    for step in range(12):
        reflex.look(poses([0.0, 0.0, 0.1 + 0.005 * step]))
        if reflex.has_begun.any():
            break
    command = reflex.grip(ends[None], ends[None], hand)[0]
    expected = torch.where(closing > 0.0, torch.tensor(limits.high), torch.tensor(limits.low))
    moves = closing != 0.0
    assert moves.sum() > 9
    torch.testing.assert_close(command[moves], expected[moves])
    assert (command <= torch.tensor(limits.high)).all()
    assert (command >= torch.tensor(limits.low)).all()
