"""Hidden state in the hand frame."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from envs.geometry.transforms import pose_compose, pose_invert
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from envs.task.privileged import fingertip_distance, goal_wrist

HAND = shadow_hand()


def _hand(count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    joints = np.tile(HAND.open_pose.copy(), (count, 1))
    return torch.as_tensor(joints), torch.as_tensor(HAND.coupled_from_actuated(joints))


def test_fingertips_measure_to_their_nearest_point() -> None:
    joint_pos, coupled_pos = _hand()
    tips = HandKinematics(HAND).forward(joint_pos, coupled_pos).fingertips[0]
    # each fingertip gets a point 1, 2, ... 5 mm along x, and all share points half a metre away
    near = tips + 0.001 * torch.arange(1, 6)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    points_h = torch.cat([near, tips + torch.tensor([0.5, 0.0, 0.0])])[None].float()
    found = fingertip_distance(HAND, joint_pos, coupled_pos, points_h)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, 0.001 * torch.arange(1.0, 6.0)[None], atol=1e-6, rtol=0.0)  # float32 metres


def test_worlds_do_not_share_clouds() -> None:
    joint_pos, coupled_pos = _hand(2)
    tips = HandKinematics(HAND).forward(joint_pos, coupled_pos).fingertips.float()
    points_h = tips.clone()
    points_h[1] += 0.3
    found = fingertip_distance(HAND, joint_pos, coupled_pos, points_h)
    assert found[0].max() < 1e-6
    assert found[1].min() > 0.1


def test_the_goal_is_seen_from_the_present_wrist() -> None:
    turn = Rotation.from_euler("z", 90, degrees=True).as_quat(scalar_first=True)
    wrist_w = torch.tensor([[1.0, 2.0, 0.5, *turn]])
    goal_w = torch.tensor([[1.0, 2.2, 0.5, *turn]])
    # 20 cm along the world's y axis is 20 cm along the x axis of a wrist turned by 90 degrees
    expected = torch.tensor([[0.2, 0.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(goal_wrist(wrist_w.double(), goal_w.double()), expected, atol=1e-7, rtol=0.0)


def test_the_goal_does_not_change_when_the_world_is_moved() -> None:
    rng = np.random.default_rng(0)

    def pose() -> torch.Tensor:
        quat = Rotation.random(5, rng=rng).as_quat(scalar_first=True)
        return torch.as_tensor(np.concatenate([rng.uniform(-1, 1, (5, 3)), quat], axis=1))

    wrist_w, goal_w, moved = pose(), pose(), pose()
    shifted = goal_wrist(pose_compose(moved, wrist_w), pose_compose(moved, goal_w))
    torch.testing.assert_close(shifted, goal_wrist(wrist_w, goal_w))
    turn = Rotation.from_quat(pose_compose(pose_invert(wrist_w), goal_w)[:, 3:].numpy(), scalar_first=True)
    np.testing.assert_allclose(shifted[:, 3:].numpy(), turn.as_rotvec(), atol=1e-9)
