"""What a policy sees, from raw signals and without a simulator."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from envs.hand.shadow import shadow_hand
from envs.task.observation_builder import ObservationBuilder, Signals, WristHistory
from envs.task.observations import POLICY_GROUPS, group_shape

HAND = shadow_hand()


def wrist_at(x: float, turn_deg: float = 0.0, count: int = 1) -> Tensor:
    """Wrist poses (E, 7) on the x axis, turned about z."""
    quat = Rotation.from_euler("z", turn_deg, degrees=True).as_quat(scalar_first=True)
    return torch.tensor([[x, 0.0, 0.0, *quat]], dtype=torch.float64).expand(count, -1)


def signals(time_s: float, wrist_pose_w: Tensor) -> Signals:
    """Open hands that see the same three points from a frame 1 m above the world's."""
    count = len(wrist_pose_w)
    joints = torch.tensor(HAND.open_pose).expand(count, -1)
    return Signals(
        joint_pos=joints,
        coupled_pos=torch.tensor(HAND.coupled_from_actuated(joints.numpy())),
        command=joints,
        time_s=time_s,
        wrist_pose_w=wrist_pose_w,
        cloud=torch.eye(3).expand(count, -1, -1),
        cloud_pose_w=torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]], dtype=torch.float64).expand(count, -1),
    )


# --- the history of the wrist


def test_the_history_holds_the_poses_of_the_last_periods_oldest_first() -> None:
    history = WristHistory(3, period_s=0.5)
    for step in range(5):
        history.add(0.5 * step, wrist_at(float(step)))
    assert history.poses()[0, :, 0].tolist() == [2.0, 3.0, 4.0]


def test_before_the_first_pose_the_hand_stood_there() -> None:
    history = WristHistory(3, period_s=0.5)
    history.add(7.0, wrist_at(1.0))
    history.add(7.5, wrist_at(2.0))
    assert history.poses()[0, :, 0].tolist() == [1.0, 1.0, 2.0]


def test_poses_of_other_moments_are_interpolated() -> None:
    """A tracker of 50 Hz and a history of 40 Hz: 25 ms before 100 ms lies 3/4 of the way from 60 to 80 ms."""
    history = WristHistory(2, period_s=0.025)
    for step in range(6):
        history.add(0.02 * step, wrist_at(float(step), turn_deg=10.0 * step))
    before = history.poses()[0, 0]
    assert before[0].item() == pytest.approx(3.75)
    turn = Rotation.from_quat(before[3:].numpy(), scalar_first=True)
    assert turn.as_euler("xyz", degrees=True)[2] == pytest.approx(37.5, abs=0.01)  # a chord of 10 degrees
    assert before[3:].norm().item() == pytest.approx(1.0)


def test_a_tracker_that_changes_the_sign_of_its_quaternion_turns_nothing() -> None:
    history = WristHistory(2, period_s=0.5)
    pose = wrist_at(0.0, turn_deg=30.0)
    history.add(0.0, pose)
    history.add(1.0, torch.cat([pose[:, :3], -pose[:, 3:]], dim=1))
    torch.testing.assert_close(history.poses()[:, 0], pose)


def test_a_new_episode_leaves_the_other_histories_alone() -> None:
    history = WristHistory(2, period_s=1.0)
    history.add(0.0, wrist_at(0.0, count=2))
    history.add(1.0, wrist_at(1.0, count=2), first=torch.tensor([False, True]))
    assert history.poses()[..., 0].tolist() == [[0.0, 1.0], [1.0, 1.0]]


def test_it_does_not_grow() -> None:
    history = WristHistory(3, period_s=0.5)
    for step in range(100):
        history.add(0.1 * step, wrist_at(float(step)))
    assert len(history._poses_w) <= 13  # one second at ten a second, and an end on either side


def test_time_does_not_run_backwards() -> None:
    history = WristHistory(2, period_s=0.5)
    history.add(1.0, wrist_at(0.0))
    with pytest.raises(ValueError, match=r"a wrist pose of 1.0 s came after that of 1.0 s; give poses in the order"):
        history.add(1.0, wrist_at(1.0))


def test_the_last_second_is_remembered() -> None:
    history = WristHistory(3, period_s=0.025)
    for step in range(60):
        history.add(0.025 * step, wrist_at(float(step)))
    # 59 now; 0.8 s are 32 steps
    assert history.past()[0, :, 0].tolist() == pytest.approx([27.0, 35.0, 43.0, 51.0])
    assert len(history._poses_w) <= 34


# --- groups


def test_every_group_that_a_policy_may_see_is_made() -> None:
    observation = ObservationBuilder(HAND, 0.025).observe(signals(0.0, wrist_at(0.0, count=2)))
    assert set(observation.groups) == set(POLICY_GROUPS)
    for name in set(POLICY_GROUPS) - {"points_h"}:
        assert observation[name].shape == (2, *group_shape(name, HAND)), name
        assert observation[name].dtype == torch.float32, name
    assert observation["points_h"].shape == (2, 3, 3)


def test_the_cloud_is_seen_from_the_wrist_wherever_its_own_frame_is() -> None:
    observation = ObservationBuilder(HAND, 0.025).observe(signals(0.0, wrist_at(2.0, turn_deg=90.0)))
    # (1, 0, 0) of a frame 1 m up is (1, 0, 1) in the world, (-1, 0, 1) from x = 2, and (0, 1, 1) for a hand turned left
    expected = [[0.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.0, 2.0, 2.0]]
    np.testing.assert_allclose(observation["points_h"][0], expected, atol=1e-6)


def test_joints_and_commands_are_normalised_by_the_hands_limits() -> None:
    given = replace(signals(0.0, wrist_at(0.0)), joint_pos=torch.tensor(HAND.limits.low)[None])
    given = replace(given, command=torch.tensor(HAND.limits.high)[None])
    observation = ObservationBuilder(HAND, 0.025).observe(given)
    torch.testing.assert_close(observation["joint_pos"], -torch.ones(1, HAND.num_joints))
    torch.testing.assert_close(observation["command"], torch.ones(1, HAND.num_joints))
