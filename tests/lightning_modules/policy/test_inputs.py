"""The policy's inputs: where on the table and which way round do not matter, motion does."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.geometry.transforms import pose_compose
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from envs.task.observations import OBSERVATION_GROUPS, PAST_S, Observation
from lightning_modules.followers import Heading
from lightning_modules.policy.inputs import (
    COARSE_POINTS,
    LAG_SCALE,
    PAST_SCALE,
    STEP_SCALE,
    ApproachInputs,
    GripInputs,
    ObservedGroups,
    PlannedGripInputs,
    tip_distances,
    tip_heights,
    wrist_attitude,
    wrist_motion,
)
from tests.assisting import made_up_observation

HAND = shadow_hand()

COUNT = 4
PARTS = {
    "joint_pos": 18,
    "coupled_pos": 4,
    "primitive_action": 18,
    "wrist_motion": 24,
    "wrist_attitude": 4,
    "cloud_centroid": 3,
    "cloud_extent": 6,
    "tip_heights": 5,
    "tip_distances": 5,
}


def random_poses(*shape: int) -> Tensor:
    rng = np.random.default_rng(0)
    quat = Rotation.random(int(np.prod(shape)), rng=rng).as_quat(scalar_first=True).reshape(*shape, 4)
    return torch.as_tensor(np.concatenate([rng.uniform(0.1, 0.5, (*shape, 3)), quat], axis=-1)).float()


def observation(history_w: Tensor | None = None, points_h: Tensor | None = None) -> Observation:
    generator = torch.Generator().manual_seed(0)
    groups = {
        "joint_pos": torch.rand((COUNT, 18), generator=generator),
        "coupled_pos": torch.rand((COUNT, 4), generator=generator),
        "points_h": 0.1 * torch.rand((COUNT, 200, 3), generator=generator) if points_h is None else points_h,
        "wrist_history": random_poses(COUNT, 5) if history_w is None else history_w,
    }
    return Observation(groups)


def vectors(seen: Observation) -> dict[str, Tensor]:
    """The inputs of an approach by part, in the order of the row."""
    whole = ApproachInputs()(HAND, seen, heading(torch.linspace(-1.0, 1.0, 18).expand(COUNT, -1)))
    return dict(zip(PARTS, whole.split(list(PARTS.values()), dim=1), strict=True))


def heading(action: Tensor) -> Heading:
    """Of a primitive that heads for a tenth of a radian along its action."""
    return Heading(action, 0.1 * action, -0.1 * action)


def moved_world(history_w: Tensor, rotation: Rotation, shift: tuple[float, float, float]) -> Tensor:
    """The same wrist poses in a world that was moved as a whole."""
    world = torch.as_tensor(np.concatenate([shift, rotation.as_quat(scalar_first=True)])).double()
    return pose_compose(world.expand(*history_w.shape[:-1], 7), history_w.double()).float()


def test_parts_stand_where_they_are_expected() -> None:
    seen = observation()
    found = vectors(seen)
    sizes = {name: part.stop - part.start for name, part in ApproachInputs().columns(HAND, with_primitive=True).items()}
    assert sizes == PARTS
    assert list(sizes) == list(PARTS)
    assert torch.equal(found["joint_pos"], seen["joint_pos"])
    assert torch.equal(found["coupled_pos"], seen["coupled_pos"])
    assert torch.equal(found["primitive_action"][0], torch.linspace(-1.0, 1.0, 18))


def test_where_on_the_table_and_which_way_round_does_not_matter() -> None:
    seen = observation()
    for degrees in (40.0, 180.0, -130.0):
        turned = moved_world(seen["wrist_history"], Rotation.from_euler("z", degrees, degrees=True), (0.4, -0.3, 0.0))
        found = vectors(observation(turned))
        for name, expected in vectors(seen).items():
            # float32 metres over a scale of 0.02 m
            torch.testing.assert_close(found[name], expected, atol=5e-5, rtol=1e-4, msg=name)


def test_height_shows_in_its_own_number_alone() -> None:
    seen = observation()
    raised = vectors(observation(moved_world(seen["wrist_history"], Rotation.identity(), (0.0, 0.0, 0.1))))
    expected = vectors(seen)
    torch.testing.assert_close(raised["wrist_attitude"][:, 3], expected["wrist_attitude"][:, 3] + 0.1 / 0.2)
    torch.testing.assert_close(raised["wrist_attitude"][:, :3], expected["wrist_attitude"][:, :3])
    torch.testing.assert_close(raised["wrist_motion"], expected["wrist_motion"], atol=5e-5, rtol=1e-4)


def test_a_tilted_world_shows_in_gravity() -> None:
    seen = observation()
    tilted = vectors(observation(moved_world(seen["wrist_history"], Rotation.from_euler("x", 0.5), (0.0, 0.0, 0.0))))
    difference = (tilted["wrist_attitude"][:, :3] - vectors(seen)["wrist_attitude"][:, :3]).norm(dim=1)
    # gravity turned by half a radian about a level axis: a chord of 2 sin(0.25)
    torch.testing.assert_close(difference, torch.full((COUNT,), 2.0 * np.sin(0.25)).float(), atol=1e-5, rtol=0.0)


def test_gravity_is_seen_from_the_hand() -> None:
    quats = [Rotation.from_euler(*angles, degrees=True).as_quat(scalar_first=True) for angles in (("x", 0), ("x", 90))]
    poses = torch.as_tensor(np.concatenate([np.full((2, 3), 0.3), quats], axis=1)).float()
    # an upright hand falls along -z; one turned by 90 degrees about x has the world's -z along its -y
    expected = torch.tensor([[0.0, 0.0, -1.0, 1.5], [0.0, -1.0, 0.0, 1.5]])
    torch.testing.assert_close(wrist_attitude(poses), expected, atol=1e-6, rtol=0.0)


def test_a_wrist_that_moves_sees_where_it_was() -> None:
    # one centimetre a step along the world's x axis, the hand turned by 90 degrees about z: its own -y
    history = torch.zeros(1, 5, 7)
    history[0, :, 0] = torch.arange(5) * 0.01
    history[0, :, 3:] = torch.tensor(Rotation.from_euler("z", 90, degrees=True).as_quat(scalar_first=True)).float()
    motion = wrist_motion(history).view(4, 6)
    expected = torch.zeros(4, 6)
    # where it was lies along its own +y, 4, 3, 2 and 1 cm away, over 2 cm
    expected[:, 1] = torch.tensor([2.0, 1.5, 1.0, 0.5])
    torch.testing.assert_close(motion, expected, atol=1e-5, rtol=0.0)


def test_a_wrist_that_turns_sees_by_how_much() -> None:
    history = torch.zeros(1, 5, 7)
    angles = 0.05 * np.arange(5)
    history[0, :, 3:] = torch.as_tensor(
        np.stack([Rotation.from_euler("y", angle).as_quat(scalar_first=True) for angle in angles])
    ).float()
    motion = wrist_motion(history).view(4, 6)
    expected = torch.zeros(4, 6)
    # 0.2, 0.15, 0.1 and 0.05 rad ago, over 0.1 rad
    expected[:, 4] = torch.tensor([-2.0, -1.5, -1.0, -0.5])
    torch.testing.assert_close(motion, expected, atol=1e-5, rtol=0.0)


def test_a_resting_wrist_has_no_motion() -> None:
    history = random_poses(COUNT, 1).expand(COUNT, 5, 7)
    torch.testing.assert_close(wrist_motion(history), torch.zeros(COUNT, 24), atol=1e-4, rtol=0.0)


def test_the_sign_of_a_quaternion_does_not_matter() -> None:
    history = random_poses(COUNT, 5)
    flipped = history.clone()
    flipped[:, ::2, 3:] *= -1.0
    torch.testing.assert_close(wrist_motion(flipped), wrist_motion(history), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(wrist_attitude(flipped[:, -1]), wrist_attitude(history[:, -1]), atol=1e-6, rtol=0.0)


def test_the_cloud_enters_by_centre_and_extent() -> None:
    points_h = torch.zeros(COUNT, 200, 3)
    points_h[:, 0] = torch.tensor([0.1, -0.2, 0.3])
    points_h[:, COARSE_POINTS:] = 7.0  # later points of the farthest-point order add nothing
    found = vectors(observation(points_h=points_h))
    expected = torch.tensor([0.1, -0.2, 0.3]) / 0.1
    torch.testing.assert_close(found["cloud_centroid"][0], expected / COARSE_POINTS)
    torch.testing.assert_close(found["cloud_extent"][0], torch.tensor([0.0, -2.0, 0.0, 1.0, 0.0, 3.0]))


def test_heights_of_fingertips_are_above_the_table() -> None:
    # the hand turned by 90 degrees about x: its own y points up
    pose = torch.zeros(1, 7)
    pose[0, :3] = torch.tensor([0.5, -0.5, 0.1])
    pose[0, 3:] = torch.tensor(Rotation.from_euler("x", 90, degrees=True).as_quat(scalar_first=True)).float()
    tips_h = torch.zeros(1, 5, 3)
    tips_h[0, :, 1] = torch.tensor([-0.1, -0.05, 0.0, 0.05, 0.3])
    tips_h[0, :, 2] = 0.7  # level: no part of the height
    # 0, 5, 10, 15 and 40 cm, of which 20 are told apart, over 5 cm
    torch.testing.assert_close(tip_heights(tips_h, pose), torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0]]), atol=1e-5, rtol=0)


def test_distances_of_fingertips_are_to_the_nearest_point() -> None:
    points_h = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    tips_h = torch.tensor([[[0.0, 0.1, 0.0], [1.05, 0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [1.0, 0.0, 0.15]]])
    torch.testing.assert_close(tip_distances(tips_h, points_h), torch.tensor([[2.0, 1.0, 0.0, 4.0, 3.0]]))


def test_fingertips_follow_from_joints_wrist_and_cloud() -> None:
    seen = observation()
    tips_h = HandKinematics(HAND).forward(HAND.denormalise(seen["joint_pos"])).fingertips
    found = vectors(seen)
    torch.testing.assert_close(found["tip_heights"], tip_heights(tips_h, seen["wrist_history"][:, -1]))
    torch.testing.assert_close(found["tip_distances"], tip_distances(tips_h, seen["points_h"][:, :COARSE_POINTS]))


def test_a_grip_is_felt_by_the_lag_of_its_joints() -> None:
    seen = made_up_observation(COUNT)
    command = HAND.denormalise(seen["joint_pos"]) + 0.2
    pressing = Observation({**seen.groups, "command": HAND.normalise(command)})
    at = GripInputs().columns(HAND, with_primitive=False)
    row = GripInputs()(HAND, pressing, None)
    torch.testing.assert_close(row[:, at["joint_lag"]], torch.full((COUNT, 18), 0.2 / LAG_SCALE), atol=1e-4, rtol=0.0)
    others = [index for name, part in at.items() if name != "joint_lag" for index in range(part.start, part.stop)]
    assert torch.equal(row[:, others], GripInputs()(HAND, seen, None)[:, others])


def test_a_dwell_is_told_from_a_pause_by_the_last_second() -> None:
    seen = made_up_observation(COUNT)
    at = GripInputs().columns(HAND, with_primitive=False)["wrist_past"]
    rested = seen["wrist_history"][:, -1:].expand(-1, len(PAST_S), -1)
    still = GripInputs()(HAND, Observation({**seen.groups, "wrist_past": rested}), None)
    torch.testing.assert_close(still[:, at], torch.zeros(COUNT, 6 * len(PAST_S)), atol=1e-4, rtol=0.0)
    moved = rested + 0.05 * torch.eye(7)[0]
    came = GripInputs()(HAND, Observation({**seen.groups, "wrist_past": moved}), None)[:, at]
    lengths = came.unflatten(1, (len(PAST_S), 6))[:, :, :3].norm(dim=2)
    assert came.shape == (COUNT, 6 * len(PAST_S))
    torch.testing.assert_close(lengths, torch.full_like(lengths, 0.05 / STEP_SCALE * PAST_SCALE), atol=1e-3, rtol=0.0)


def test_a_planned_grasp_shows_where_its_fingertips_would_be() -> None:
    seen = made_up_observation(COUNT)
    at = PlannedGripInputs().columns(HAND, with_primitive=True)
    way = 0.2 * torch.tensor(HAND.closing).float().expand(COUNT, -1)
    row = PlannedGripInputs()(HAND, seen, Heading(torch.ones(COUNT, 18), way, -way))
    assert torch.equal(row[:, at["way"]], way)
    closed = HAND.normalise(HAND.denormalise(seen["joint_pos"]) + way)
    there = ApproachInputs()(HAND, Observation({**seen.groups, "joint_pos": closed}), None)
    for name in ("tip_heights", "tip_distances"):
        part = ApproachInputs().columns(HAND, with_primitive=False)[name]
        torch.testing.assert_close(row[:, at[f"planned_{name}"]], there[:, part], atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="PlannedGripInputs reads where a primitive heads, and there is none"):
        PlannedGripInputs()(HAND, seen, None)


def test_without_a_primitive_its_action_is_left_out() -> None:
    seen, whole = observation(), ApproachInputs().columns(HAND, with_primitive=True)
    alone = ApproachInputs()(HAND, seen, None)
    a_p = heading(torch.zeros(COUNT, 18))
    assert torch.equal(alone[:, :22], ApproachInputs()(HAND, seen, a_p)[:, :22])
    assert torch.equal(alone[:, 22:], ApproachInputs()(HAND, seen, a_p)[:, whole["primitive_action"].stop :])


def test_any_group_can_be_read_by_a_configuration_alone() -> None:
    seen = made_up_observation(COUNT, groups=tuple(OBSERVATION_GROUPS))
    a_p = heading(torch.zeros(COUNT, 18))
    goals = ObservedGroups(["goal_joints", "joint_pos"])
    assert torch.equal(goals(HAND, seen, a_p), torch.cat([seen["goal_joints"], seen["joint_pos"], a_p.action], dim=1))
    assert goals.hidden_groups == ("goal_joints",)
    more, usual = ApproachInputs(["goal_wrist"]), ApproachInputs()
    assert torch.equal(more(HAND, seen, a_p), torch.cat([usual(HAND, seen, a_p), seen["goal_wrist"]], dim=1))
    assert more.columns(HAND, with_primitive=True)["goal_wrist"] == slice(87, 93)
    with pytest.raises(ValueError, match="observation group 'goal' is unknown; available: joint_pos"):
        ObservedGroups(["goal"])
