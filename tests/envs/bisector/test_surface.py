"""The bisector surface against closed forms and against every node of its grid."""

import pytest
import torch

from envs.bisector.distances import Distances, Scene, homogeneous
from envs.bisector.hand_shapes import HandShapes
from envs.bisector.points import part_contacts
from envs.bisector.surface import CELL, RADIUS, BisectorSurface
from envs.hand.hand import Hand
from envs.hand.shadow import shadow_hand
from tests.envs.bisector.made_up import TABLE_H, balls, grasping
from tests.hands import each_hand

HAND = shadow_hand()


def test_between_a_ball_and_a_plane_lies_a_paraboloid() -> None:
    ball = torch.tensor([[0.0, 0.0, 0.02]])
    points = BisectorSurface((0.0, 0.0, 0.0)).find(balls(ball, radius=0.02), Scene(TABLE_H))
    x, y, z = points.position_h.unbind(1)
    # |p - c| - r = z + 0.1 with c = (0, 0, 0.02), r = 0.02: rho^2 = (z + 0.12)^2 - (z - 0.02)^2 = 0.28 z + 0.014
    on_it = (x.square() + y.square() - 0.014) / 0.28
    # one Newton step from within half a cell leaves cell^2 / 8 over the distance to the ball, 0.05 m: 0.2 mm
    assert (z - on_it).abs().max() < 3e-4
    assert torch.allclose(points.hand_distance, points.scene_distance, atol=1e-6)
    assert (points.scene_distance - (z + 0.1)).abs().max() < 1e-6
    assert torch.allclose(points.to_scene, torch.tensor([0.0, 0.0, -1.0]).expand_as(points.to_scene))
    assert not points.is_object.any()
    assert (points.is_palm_side == (points.to_hand[:, 2] > 0.0)).all()  # it faces down
    # the paraboloid within the sphere: as many points as it has cells, give or take a sixth
    rho = torch.linspace(0.0, RADIUS, 4001)
    height = (rho.square() - 0.014) / 0.28
    inside = rho.square() + height.square() < RADIUS**2
    area = (2.0 * torch.pi * rho * (1.0 + (rho / 0.14).square()).sqrt() * inside).sum() * RADIUS / 4000
    assert float(len(points) / (area / CELL**2)) == pytest.approx(1.0, abs=0.17)


def test_of_two_balls_the_nearer_one_decides() -> None:
    centres = torch.tensor([[-0.05, 0.0, 0.0], [0.05, 0.0, 0.0]])
    points = BisectorSurface((0.0, 0.0, 0.0)).find(balls(centres), Scene(TABLE_H))
    nearest = centres[(points.position_h[:, 0] > 0.0).long()]
    towards = torch.nn.functional.normalize(nearest - points.position_h, dim=1)
    # directions are those of the node, up to half a cell away, where both balls may be as near
    is_clear = points.position_h[:, 0].abs() > CELL
    assert (towards - points.to_hand)[is_clear].norm(dim=1).max() < 0.15


def test_far_from_everything_there_is_no_point() -> None:
    far = Scene(torch.tensor([[0.0, 0.0, 1.0, 5.0]]))
    points = BisectorSurface((0.0, 0.0, 0.0)).find(balls(torch.zeros(1, 3)), far)
    assert len(points) == 0
    assert points.counts().tolist() == [0]
    assert part_contacts(points, 2).touching.tolist() == [[0.0, 0.0]]


@each_hand
def test_coarse_to_fine_finds_what_all_nodes_give(hand: Hand) -> None:
    surface = BisectorSurface(hand.grasp_centre_h)
    for closing in (0.0, 1.0):
        found, expected = surface.find(*grasping(hand, closing)), surface.find_by_all_nodes(*grasping(hand, closing))
        assert len(expected) > 2000
        for index in range(found.num_hands):
            own, other = (each.position_h[each.hand_index == index] for each in (found, expected))
            apart = torch.cdist(own, other)
            assert apart.amin(0).max() < CELL
            assert apart.amin(1).max() < CELL
        # and nearly always the very same points
        assert abs(len(found) - len(expected)) <= 0.002 * len(expected)


def test_points_are_as_far_from_hand_and_scene_as_they_say() -> None:
    shapes, scene = grasping(HAND)
    points = BisectorSurface(HAND.grasp_centre_h).find(shapes, scene)
    for index in range(points.num_hands):
        own = points.chosen(points.hand_index == index)
        distances = Distances(shapes.rows(index, index + 1), scene.part(index, index + 1))
        there = distances.sides(homogeneous(own.position_h[None]))
        error = torch.stack([(there.hand[0] - own.hand_distance), (there.scene[0] - own.scene_distance)]).abs()
        # to first order from half a cell away; more where another shape becomes the nearest
        assert error.quantile(0.9) < 1e-3
        assert error.max() < CELL


def test_directions_are_against_the_gradient_of_the_distances() -> None:
    shapes, scene = grasping(HAND, count=1)
    distances = Distances(shapes, scene)
    points = 0.1 * torch.rand(1, 400, 3, generator=torch.Generator().manual_seed(0)) - 0.05
    points += torch.tensor(HAND.grasp_centre_h)
    hand, scene_side = distances.nearest_hand(homogeneous(points)), distances.nearest_scene(homogeneous(points))
    step = 5e-4
    for axis in range(3):
        ends = [distances.sides(homogeneous(points + sign * step * torch.eye(3)[axis])) for sign in (1.0, -1.0)]
        of_hand = (ends[0].hand - ends[1].hand) / (2.0 * step)
        of_scene = (ends[0].scene - ends[1].scene) / (2.0 * step)
        # within a millimetre of an edge between nearest shapes the difference is of both of them
        assert (of_hand - hand.gradient[..., axis]).abs().quantile(0.95) < 0.02
        # the slope of interpolated distances is not quite 1
        assert (of_scene - scene_side.gradient[..., axis]).abs().quantile(0.9) < 0.15


@each_hand
def test_fingertips_lie_within_the_hand_and_their_pads_face_the_palms_side(hand: Hand) -> None:
    shapes = HandShapes(hand)
    joints = torch.tensor(hand.open_pose).float()[None]
    coupled = torch.tensor(hand.coupled_from_actuated(joints.double().numpy())).float()
    placed = shapes.place(joints, coupled)
    tips = shapes._kinematics.forward(joints, coupled).fingertips
    found = Distances(placed, Scene(TABLE_H)).nearest_hand(homogeneous(tips))
    assert found.distance.max() < 0.003
    assert placed.part[found.shape[0]].tolist() == list(range(1, 1 + len(hand.fingers)))
    # straight fingers face as the palm does, out of it along -y
    assert (placed.palmar[0, (placed.part != len(hand.fingers)).nonzero()[:, 0], 1] < -0.5).float().mean() > 0.9
