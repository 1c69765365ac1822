"""From a rollout to what is learnt from."""

from collections.abc import Callable

import torch
from torch import Tensor

from datamodules.types import Rollout, each_tensor
from lightning_modules.sac.replay import Situation, Transitions
from lightning_modules.sac.targets import grasp_rewards, part_rewards

_SITUATION = ("joint_pos", "coupled_pos", "wrist_history", "object_pose", "object_row")


def transitions_of(rollout: Rollout, quality: Callable[[Situation], Tensor]) -> Transitions:
    """The decisions of a rollout, world after world, each world's in order.

    An episode ends where the hand stops, and at the latest with the last step: what comes of the grasp is told after
    the lift and paid there. Parts are paid by the contacts after the step; by those before it where nothing is decided
    afterwards.

    Args:
        rollout: with the memory of `lightning_modules.sac.acting.ActingWorlds`.
        quality: Q1 of situations (K,).
    """
    memory = rollout.memory
    decided = memory["decided"].bool() & rollout.is_valid
    goes_on = torch.cat([decided[1:], torch.zeros_like(decided[:1])])
    ends = decided & ~goes_on

    def flat(values: Tensor) -> Tensor:
        return values.transpose(0, 1)[decided.T]

    def after(values: Tensor) -> Tensor:
        return torch.where(goes_on[..., None], torch.cat([values[1:], values[-1:]]), values)

    situation = Situation(**{name: flat(memory[name]) for name in _SITUATION})
    is_last = flat(ends)
    q1 = torch.zeros(len(is_last))
    if bool(is_last.any()):
        q1[is_last] = quality(each_tensor(lambda value: value[is_last], situation))
    success = flat(rollout.measures["success"].expand(len(decided), -1))
    of_grasp = grasp_rewards(is_last, q1, success)
    of_parts = part_rewards(flat(after(memory["inside"])), flat(after(memory["colliding"])))
    return Transitions(situation, flat(memory["action"]), torch.cat([of_grasp[:, None], of_parts], 1), is_last)
