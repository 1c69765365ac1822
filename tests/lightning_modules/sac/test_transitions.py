"""From rollouts to transitions, by hand."""

import torch
from torch import Tensor

from datamodules.types import Rollout
from lightning_modules.sac.replay import Situation
from lightning_modules.sac.transitions import transitions_of

STEPS, WORLDS, PARTS = 4, 2, 3


def rollout(decided: list[list[bool]], success: list[float]) -> Rollout:
    """Steps numbered 10 t + e; in step t part 1 has 10 t contacts, and in world 1 part 2 always collides."""
    number = 10.0 * torch.arange(STEPS)[:, None] + torch.arange(WORLDS)
    contacts = torch.zeros(STEPS, WORLDS, PARTS)
    contacts[..., 1] = 10.0 * torch.arange(STEPS)[:, None]
    colliding = torch.zeros(STEPS, WORLDS, PARTS)
    colliding[:, 1, 2] = 7.0
    memory = {
        "joint_pos": number[..., None].expand(-1, -1, 18),
        "coupled_pos": torch.zeros(STEPS, WORLDS, 4),
        "wrist_history": torch.zeros(STEPS, WORLDS, 5, 7),
        "object_pose": torch.zeros(STEPS, WORLDS, 7),
        "object_row": torch.zeros(STEPS, WORLDS, dtype=torch.long),
        "action": number[..., None].expand(-1, -1, 19),
        "inside": contacts,
        "colliding": colliding,
        "decided": torch.tensor(decided),
    }
    zero = torch.zeros(STEPS, WORLDS)
    return Rollout(
        hand_action=zero[..., None], reward=zero, terms={}, is_terminal=zero.bool(), is_valid=zero.bool().logical_not(),
        measures={"success": torch.tensor(success)}, gate=zero, grip=zero, memory=memory, policy_version=0, seconds={},
    )  # fmt: skip


def quality(situation: Situation) -> Tensor:
    """A hundredth of the step's number."""
    return 0.01 * situation.joint_pos[:, 0]


def test_episodes_end_where_the_hand_stops_or_the_rollout_does() -> None:
    # world 0 stops with step 1, world 1 never does
    found = transitions_of(rollout([[True, True], [True, True], [False, True], [False, True]], [1.0, 0.0]), quality)
    assert found.situation.joint_pos[:, 0].tolist() == [0.0, 10.0, 1.0, 11.0, 21.0, 31.0]
    assert found.action[:, 18].tolist() == [0.0, 10.0, 1.0, 11.0, 21.0, 31.0]
    assert found.ends.tolist() == [False, True, False, False, False, True]
    # -3;  -3 + 1000 * 0.1 + 150 - 1;  -3 three times;  -3 + 1000 * 0.31 - 1
    assert torch.allclose(found.rewards[:, 0], torch.tensor([-3.0, 246.0, -3.0, -3.0, -3.0, 306.0]))
    # 10 contacts after step 0; before step 1, after which nothing is seen, as many; after steps 0, 1, 2 and before 3
    assert found.rewards[:, 2].tolist() == [2.5, 2.5, 2.5, 5.0, 7.5, 7.5]
    assert found.rewards[:, 3].tolist() == [0.0, 0.0, -25.0, -25.0, -25.0, -25.0]
    assert found.rewards[:, 1].tolist() == [0.0] * 6


def test_a_rollout_in_which_nothing_was_decided_gives_nothing() -> None:
    found = transitions_of(rollout([[False] * WORLDS] * STEPS, [0.0, 0.0]), quality)
    assert len(found) == 0
    assert found.rewards.shape == (0, 1 + PARTS)
