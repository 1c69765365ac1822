"""The replay buffer."""

import io

import pytest
import torch

from datamodules.types import each_tensor
from lightning_modules.sac.replay import ReplayBuffer, Situation, Transitions


def steps(first: int, count: int, length: int = 5) -> Transitions:
    """Numbered steps of episodes of ``length``."""
    number = torch.arange(first, first + count).float()
    situation = Situation(
        joint_pos=number[:, None].expand(-1, 18),
        coupled_pos=number[:, None].expand(-1, 4),
        wrist_history=number[:, None, None].expand(-1, 5, 7),
        object_pose=number[:, None].expand(-1, 7),
        object_row=number.long(),
    )
    ends = (number.long() + 1) % length == 0
    return Transitions(situation, number[:, None].expand(-1, 19), number[:, None].expand(-1, 7), ends)


def test_what_follows_a_step_is_the_next_one_of_its_episode_also_after_the_oldest_were_replaced() -> None:
    buffer = ReplayBuffer(23)
    for first in range(0, 60, 10):
        buffer.add(steps(first, 10))
    assert len(buffer) == 23
    draw = buffer.draw(500, torch.Generator().manual_seed(0))
    number = draw.steps.situation.object_row
    assert sorted(set(number.tolist())) == list(range(37, 60))
    assert torch.equal(draw.steps.action[:, 0].long(), number)
    goes_on = ~draw.steps.ends
    assert torch.equal(draw.following.object_row[goes_on], number[goes_on] + 1)


def test_of_too_many_steps_the_last_are_kept() -> None:
    buffer = ReplayBuffer(10)
    buffer.add(steps(0, 35))
    assert buffer.is_full
    found = buffer.draw(200, torch.Generator().manual_seed(0)).steps.situation.object_row
    assert set(found.tolist()) == set(range(25, 35))


def test_a_buffer_comes_back_from_a_file() -> None:
    buffer, other = ReplayBuffer(23), ReplayBuffer(23)
    for first in (0, 10, 20):
        buffer.add(steps(first, 10))
    file = io.BytesIO()
    torch.save(buffer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for each in (buffer, other):
        each.add(steps(30, 5))
    drawn = [each.draw(64, torch.Generator().manual_seed(3)) for each in (buffer, other)]
    assert torch.equal(drawn[0].steps.rewards, drawn[1].steps.rewards)
    assert torch.equal(drawn[0].following.wrist_history, drawn[1].following.wrist_history)


def test_a_full_buffer_is_a_few_megabytes() -> None:
    buffer = ReplayBuffer(1000)
    buffer.add(steps(0, 1000))
    size = 0

    def count(value: torch.Tensor) -> torch.Tensor:
        nonlocal size
        size += value.numel() * value.element_size()
        return value

    state = buffer.state_dict()
    each_tensor(count, {name: value for name, value in state.items() if name != "num_added"})
    assert size / 1000 < 400  # bytes a step: 12 MB for both buffers of 15,000


def test_what_cannot_be_kept_is_refused() -> None:
    buffer = ReplayBuffer(10)
    with pytest.raises(ValueError, match="the replay buffer is empty; add steps before any are drawn"):
        buffer.draw(1, torch.Generator())
    with pytest.raises(ValueError, match="the last of the steps does not end its episode; add whole episodes"):
        buffer.add(steps(0, 7))
    buffer.add(steps(0, 10))
    with pytest.raises(ValueError, match="the saved replay buffer has 10 steps of 10, this one room for 9"):
        ReplayBuffer(9).load_state_dict(buffer.state_dict())
    with pytest.raises(ValueError, match="capacity of the replay buffer is 0; at least 1 is needed"):
        ReplayBuffer(0)
