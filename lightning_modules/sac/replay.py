"""What is learnt from, kept as small numbers from which surfaces are made again: 370 bytes a step."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from datamodules.types import Batch, each_tensor


@dataclass(frozen=True)
class Situation(Batch):
    """All that the policy's inputs are made of, in B worlds.

    Attributes:
        joint_pos: actuated joints normalised to [-1, 1] (B, J).
        coupled_pos: coupled joints normalised to [-1, 1] (B, C).
        wrist_history: the last wrist poses, world (B, H, 7).
        object_pose: of the object relative to the wrist (B, 7).
        object_row: which object it is (B,) int64.
    """

    joint_pos: Tensor
    coupled_pos: Tensor
    wrist_history: Tensor
    object_pose: Tensor
    object_row: Tensor

    def __len__(self) -> int:
        return len(self.joint_pos)


@dataclass(frozen=True)
class Transitions(Batch):
    """B steps. Those of an episode stand one after another: what comes next is the row after, unless nothing does.

    Attributes:
        situation: what was seen.
        action: what was done, the stop action last (B, J + 1).
        rewards: of the grasp and of each part (B, 1 + P).
        ends: nothing follows (B,) bool.
    """

    situation: Situation
    action: Tensor
    rewards: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.action)


@dataclass(frozen=True)
class Draw:
    """Steps that were drawn, and the situations after them; where nothing follows, any."""

    steps: Transitions
    following: Situation


class ReplayBuffer:
    """The newest steps, in tensors that are made once.

    Args:
        capacity: steps.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity of the replay buffer is {capacity}; at least 1 is needed")
        self.capacity = capacity
        self._kept: Transitions | None = None
        self._num_added = 0

    def __len__(self) -> int:
        return min(self._num_added, self.capacity)

    @property
    def is_full(self) -> bool:
        """Whether every place is taken."""
        return self._num_added >= self.capacity

    def add(self, steps: Transitions) -> None:
        """Keep steps of whole episodes in the place of the oldest; the last ones where they are too many.

        Raises:
            ValueError: the last step does not end an episode: what follows would be another one's.
        """
        if len(steps) == 0:
            return
        if not bool(steps.ends[-1]):
            raise ValueError("the last of the steps does not end its episode; add whole episodes")
        steps = each_tensor(lambda value: value[-self.capacity :], steps)
        if self._kept is None:
            self._kept = each_tensor(lambda value: value.new_zeros(self.capacity, *value.shape[1:]), steps)
        rows = (self._num_added + torch.arange(len(steps))) % self.capacity
        each_tensor(lambda kept, value: kept.index_copy_(0, rows, value), self._kept, steps)
        self._num_added += len(steps)

    def draw(self, count: int, generator: torch.Generator) -> Draw:
        """``count`` steps, each as likely as any.

        Raises:
            ValueError: nothing was added.
        """
        if self._kept is None:
            raise ValueError("the replay buffer is empty; add steps before any are drawn")
        rows = torch.randint(len(self), (count,), generator=generator)
        after = (rows + 1) % len(self)
        steps: Transitions = each_tensor(lambda value: value[rows], self._kept)
        return Draw(steps, each_tensor(lambda value: value[after], self._kept.situation))

    def state_dict(self) -> dict[str, Any]:
        """Plain tensors, only those places that are taken."""
        if self._kept is None:
            return {"num_added": 0}
        taken: Transitions = each_tensor(lambda value: value[: len(self)].clone(), self._kept)
        return {"num_added": self._num_added, **vars(taken), "situation": vars(taken.situation)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave.

        Raises:
            ValueError: it was of a buffer of another capacity.
        """
        columns = {name: value for name, value in state.items() if name != "num_added"}
        num_added, self._kept, self._num_added = int(state["num_added"]), None, 0
        if not columns:
            return
        taken = Transitions(**{**columns, "situation": Situation(**columns["situation"])})
        if len(taken) != min(num_added, self.capacity):
            raise ValueError(
                f"the saved replay buffer has {len(taken)} steps of {num_added}, this one room for {self.capacity}; "
                "resume with the capacity that the run was started with"
            )
        self._kept = each_tensor(lambda value: value.new_zeros(self.capacity, *value.shape[1:]), taken)
        each_tensor(lambda kept, value: kept[: len(taken)].copy_(value), self._kept, taken)
        self._num_added = num_added
