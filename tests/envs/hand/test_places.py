"""Places of few hands at once against the kinematics that is held against MuJoCo, and how few operations they take."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.hand.places import FEW, HandPlaces
from envs.hand.shadow import shadow_hand
from tests.hands import each_hand

# float64 differs by rounding only; float32 resolves 1e-8 m at 0.2 m, over a chain of some ten products
TOLERANCE = {torch.float64: 1e-14, torch.float32: 2e-7}


def random_joints(hand: Hand, count: int, dtype: torch.dtype) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return hand.denormalise(2.0 * torch.rand(count, hand.num_joints, generator=draw, dtype=dtype) - 1.0)


@each_hand
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
def test_places_are_those_of_the_kinematics(hand: Hand, dtype: torch.dtype, count: int) -> None:
    links = list(reversed(range(len(hand.links))))
    joints = random_joints(hand, count, dtype)
    pose = HandKinematics(hand).forward(joints)
    expected = torch.cat([pose.fingertips, pose.link_position[:, links]], dim=1)
    torch.testing.assert_close(HandPlaces(hand, links)(joints), expected, atol=TOLERANCE[dtype], rtol=0.0)


def test_joints_that_are_none_are_refused() -> None:
    hand = shadow_hand()
    joints = random_joints(hand, 2, torch.float32)
    joints[1, 3] = torch.nan
    with pytest.raises(ValueError, match="joint_pos holds nan in row 1, column 3; expected finite radians"):
        HandPlaces(hand)(joints)
    with pytest.raises(ValueError, match=r"joint_pos has shape \(2, 17\), expected \(B, 18\)"):
        HandPlaces(hand)(joints[:, :17])


def test_constants_of_a_first_call_in_inference_mode_serve_gradients() -> None:
    places = HandPlaces(shadow_hand())
    joints = random_joints(shadow_hand(), 1, torch.float64)
    with torch.inference_mode():
        places(joints)
    assert torch.autograd.gradcheck(places, (joints.requires_grad_(),))


class _Count(TorchDispatchMode):
    """Counts operations."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.total += 1
        return func(*args, **(kwargs or {}))


def test_few_hands_take_little_more_than_half_of_the_operations_of_the_kinematics() -> None:
    hand = shadow_hand()
    joints, counts = random_joints(hand, 1, torch.float32), []
    for each in (HandPlaces(hand), HandKinematics(hand).forward):
        each(joints)  # constants
        with _Count() as count:
            each(joints)
        counts.append(count.total)
    assert counts[0] < 0.6 * counts[1]


def test_mixed_precision_does_not_move_places() -> None:
    places, joints = HandPlaces(shadow_hand()), random_joints(shadow_hand(), 2, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = places(joints)
    assert torch.equal(found, places(joints))
