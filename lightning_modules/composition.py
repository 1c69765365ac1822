"""How a policy's output and the primitive's action become the action of the hand (GraspGF eq. 2).

Ablations choose another class; nothing else in the project asks which one it is.
"""

import abc

import torch
from torch import Tensor

from envs.conventions import NUM_JOINTS


class Composition(abc.ABC):
    """Action of the hand from the primitive's action and the policy's output.

    Attributes:
        action_dim: A, numbers that the policy puts out.
        uses_primitive: whether a_p enters; None stands for it when it does not.
    """

    action_dim: int
    uses_primitive: bool

    @abc.abstractmethod
    def centre(self) -> Tensor:
        """Output that an untrained policy should have, (A,)."""

    def __call__(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """Action of the hand (E, 18) in [-1, 1]; arguments as for `unclamped`."""
        return self.unclamped(a_p, action).clamp(-1.0, 1.0)

    @abc.abstractmethod
    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """The action (E, 18) before it is cut to [-1, 1]: has a gradient everywhere.

        Args:
            a_p: primitive action (E, 18).
            action: output of the policy (E, A).
        Raises:
            ValueError: shapes that do not fit.
        """


def compose(a_p: Tensor, a_s: Tensor, a_r: Tensor) -> Tensor:
    """a = clip(a_p * a_s + a_r, -1, 1), elementwise (GraspGF eq. 2); all (E, 18)."""
    return (a_p * a_s + a_r).clamp(-1.0, 1.0)


def split_action(action: Tensor) -> tuple[Tensor, Tensor]:
    """The scale a_s (E, 18) and the residual a_r (E, 18) of an action (E, 36).

    Raises:
        ValueError: action is not (E, 36).
    """
    _checked("action", action, 2 * NUM_JOINTS)
    return action[:, :NUM_JOINTS], action[:, NUM_JOINTS:]


class ScaleAndResidual(Composition):
    """The paper's: a = a_p * a_s + a_r from 36 numbers.

    Args:
        scale_centre: a_s of an untrained policy; 1 follows the primitive at its own speed.
    """

    action_dim = 2 * NUM_JOINTS
    uses_primitive = True

    def __init__(self, scale_centre: float = 0.7) -> None:
        self.scale_centre = scale_centre

    def centre(self) -> Tensor:
        """See `Composition.centre`."""
        return torch.cat([torch.full((NUM_JOINTS,), self.scale_centre), torch.zeros(NUM_JOINTS)])

    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """See `Composition`."""
        a_p = _checked("a_p", a_p, NUM_JOINTS)
        a_s, a_r = split_action(action)
        return a_p * a_s + a_r


class ResidualOnly(Composition):
    """Without a_s: a = a_p + a_r from 18 numbers."""

    action_dim = NUM_JOINTS
    uses_primitive = True

    def centre(self) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(NUM_JOINTS)

    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """See `Composition`."""
        a_p = _checked("a_p", a_p, NUM_JOINTS)
        return a_p + _checked("action", action, NUM_JOINTS)


class ScaleOnly(Composition):
    """Without a_r: a = a_p * a_s from 18 numbers.

    Args:
        scale_centre: a_s of an untrained policy.
    """

    action_dim = NUM_JOINTS
    uses_primitive = True

    def __init__(self, scale_centre: float = 0.7) -> None:
        self.scale_centre = scale_centre

    def centre(self) -> Tensor:
        """See `Composition.centre`."""
        return torch.full((NUM_JOINTS,), self.scale_centre)

    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """See `Composition`."""
        a_p = _checked("a_p", a_p, NUM_JOINTS)
        return a_p * _checked("action", action, NUM_JOINTS)


class Direct(Composition):
    """Without the primitive: the policy's 18 numbers are the action."""

    action_dim = NUM_JOINTS
    uses_primitive = False

    def centre(self) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(NUM_JOINTS)

    def unclamped(self, a_p: Tensor | None, action: Tensor) -> Tensor:
        """See `Composition`."""
        return _checked("action", action, NUM_JOINTS)


def _checked(name: str, value: Tensor | None, columns: int) -> Tensor:
    if value is None or value.ndim != 2 or value.shape[1] != columns:
        raise ValueError(
            f"{name} has shape {None if value is None else tuple(value.shape)}; expected (E, {columns}). Exploration, "
            "policy and composition have to agree on action_dim."
        )
    return value
