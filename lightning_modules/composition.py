"""How a policy's output and the primitive's action become the action of the hand (GraspGF eq. 2).

Ablations choose another class; nothing else in the project asks which one it is.
"""

import abc
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ActionParts:
    """Actions of E hands and what they are made of, (E, J) each; None for what a policy does not have.

    Attributes:
        action: of the hand, in [-1, 1].
        a_p: the primitive's action.
        a_s: scale of the primitive's action.
        a_r: residual.
    """

    action: Tensor
    a_p: Tensor | None = None
    a_s: Tensor | None = None
    a_r: Tensor | None = None


class Composition(abc.ABC):
    """Action of the hand from the primitive's action and the policy's output.

    Attributes:
        numbers_per_joint: of the policy's output.
        uses_primitive: whether a_p enters; None stands for it when it does not.
    """

    numbers_per_joint: int
    uses_primitive = True

    def action_dim(self, num_joints: int) -> int:
        """A, numbers that the policy puts out for a hand of so many joints."""
        return self.numbers_per_joint * num_joints

    @abc.abstractmethod
    def centre(self, num_joints: int) -> Tensor:
        """Output that an untrained policy should have, (A,)."""

    def __call__(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """Action of the hand (E, J) in [-1, 1]; arguments as for `unclamped`."""
        return self.unclamped(a_p, action).clamp(-1.0, 1.0)

    def parts(self, a_p: Tensor | None, action: Tensor) -> ActionParts:
        """The action of the hand with what it is made of; arguments as for `unclamped`."""
        a_s, a_r = self._scale_and_residual(action)
        return ActionParts(self(a_p, action), a_p if self.uses_primitive else None, a_s, a_r)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """a_s and a_r (E, J) of the policy's output (E, A)."""
        return None, None

    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """The action (E, J) before it is cut to [-1, 1]: has a gradient everywhere.

        Args:
            a_p: primitive action (E, J).
            action: output of the policy (E, A).
        Raises:
            ValueError: shapes that do not fit.
        """
        if not self.uses_primitive:
            return action
        if a_p is None or a_p.ndim != 2 or action.shape != (len(a_p), self.action_dim(a_p.shape[1])):
            raise ValueError(
                f"a_p has shape {None if a_p is None else tuple(a_p.shape)} and action {tuple(action.shape)}; expected "
                f"(E, J) and (E, {self.numbers_per_joint} J). Exploration, policy and composition have to agree on "
                "action_dim."
            )
        return self._combined(a_p, action)

    def _combined(self, a_p: Tensor, action: Tensor) -> Tensor:
        """See `unclamped`; shapes fit."""
        raise NotImplementedError


def compose(a_p: Tensor, a_s: Tensor, a_r: Tensor) -> Tensor:
    """a = clip(a_p * a_s + a_r, -1, 1), elementwise (GraspGF eq. 2); all (E, J)."""
    return (a_p * a_s + a_r).clamp(-1.0, 1.0)


def split_action(action: Tensor) -> tuple[Tensor, Tensor]:
    """The scale a_s (E, J) and the residual a_r (E, J) of an action (E, 2 J)."""
    num_joints = action.shape[1] // 2
    return action[:, :num_joints], action[:, num_joints:]


class ScaleAndResidual(Composition):
    """The paper's: a = a_p * a_s + a_r from two numbers a joint.

    Args:
        scale_centre: a_s of an untrained policy; 1 follows the primitive at its own speed.
    """

    numbers_per_joint = 2

    def __init__(self, scale_centre: float = 0.7) -> None:
        self.scale_centre = scale_centre

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.cat([torch.full((num_joints,), self.scale_centre), torch.zeros(num_joints)])

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return split_action(action)

    def _combined(self, a_p: Tensor, action: Tensor) -> Tensor:
        a_s, a_r = split_action(action)
        return a_p * a_s + a_r


class ResidualOnly(Composition):
    """Without a_s: a = a_p + a_r from one number a joint."""

    numbers_per_joint = 1

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(num_joints)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return None, action

    def _combined(self, a_p: Tensor, action: Tensor) -> Tensor:
        return a_p + action


class ScaleOnly(Composition):
    """Without a_r: a = a_p * a_s from one number a joint.

    Args:
        scale_centre: a_s of an untrained policy.
    """

    numbers_per_joint = 1

    def __init__(self, scale_centre: float = 0.7) -> None:
        self.scale_centre = scale_centre

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.full((num_joints,), self.scale_centre)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return action, None

    def _combined(self, a_p: Tensor, action: Tensor) -> Tensor:
        return a_p * action


class Direct(Composition):
    """Without the primitive: the policy's numbers, one a joint, are the action."""

    numbers_per_joint = 1
    uses_primitive = False

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(num_joints)
