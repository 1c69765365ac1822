"""Points of surfaces: thinning, joining, contacts."""

import torch

from envs.bisector.points import BisectorPoints, join_hands, part_contacts
from tests.envs.bisector.made_points import made_up_points


def test_thinning_keeps_as_many_as_wanted_spread_over_the_order() -> None:
    points = made_up_points([10, 0, 3])
    thin = points.thinned(5)
    assert thin.counts().tolist() == [5, 0, 3]
    assert thin.num_hands == 3
    # rank r of n = 10 is kept where floor((r + 1) 5 / 10) > floor(r 5 / 10): every second one, from the second on
    assert thin.position_h[:5, 0].tolist() == points.position_h[[1, 3, 5, 7, 9], 0].tolist()
    assert points.thinned(10) is points


def test_joined_hands_are_counted_on() -> None:
    joined = join_hands([made_up_points([2, 1]), made_up_points([0, 2])])
    assert joined.hand_index.tolist() == [0, 0, 1, 3, 3]
    assert joined.num_hands == 4


def test_the_points_of_chosen_hands_stand_in_their_order() -> None:
    points = made_up_points([3, 0, 2])
    found = points.of_hands(torch.tensor([2, 1, 0, 2]))
    assert found.hand_index.tolist() == [0, 0, 2, 2, 2, 3, 3]
    assert found.num_hands == 4
    assert torch.equal(found.position_h, points.position_h[[3, 4, 0, 1, 2, 3, 4]])


def test_contacts_are_near_points_of_the_object_by_part() -> None:
    base = made_up_points([6])
    points = BisectorPoints(
        hand_index=base.hand_index,
        position_h=base.position_h,
        to_hand=base.to_hand,
        to_scene=base.to_scene,
        #                  near   near   far   inside  table  in the table
        hand_distance=torch.tensor([0.001, 0.004, 0.02, -0.002, 0.001, -0.002]),
        scene_distance=torch.tensor([0.001, 0.004, 0.02, -0.002, 0.001, -0.002]),
        is_palm_side=torch.tensor([True, False, True, True, True, True]),
        is_object=torch.tensor([True, True, True, True, False, False]),
        part=torch.tensor([1, 1, 1, 2, 2, 0]),
        num_hands=1,
    )
    found = part_contacts(points, 3)
    scale = 4096 / 6  # counted as if there were 4096 points
    assert torch.allclose(found.touching, scale * torch.tensor([[0.0, 2.0, 1.0]]))
    assert torch.allclose(found.inside, scale * torch.tensor([[0.0, 1.0, 1.0]]))
    assert torch.allclose(found.colliding, scale * torch.tensor([[1.0, 0.0, 1.0]]))
