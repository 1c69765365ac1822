"""How a policy's output and what the primitive wants become the action of the hand (GraspGF eq. 2).

Ablations choose another class; nothing else in the project asks which one it is.
"""

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.conventions import MAX_JOINT_STEP
from envs.ranges import FINITE, check_numbers, reversed_note
from lightning_modules.followers import Heading


@dataclass(frozen=True)
class ActionParts:
    """Actions of E hands and what they are made of, (E, J) each; None for what a policy does not have.

    Attributes:
        action: of the hand, in [-1, 1].
        a_p: the primitive's action.
        a_s: scale of the primitive's action, or extent of its grasp (`ExtentAndResidual`).
        a_r: residual.
    """

    action: Tensor
    a_p: Tensor | None = None
    a_s: Tensor | None = None
    a_r: Tensor | None = None


class Composition(abc.ABC):
    """Action of the hand from what the primitive wants and the policy's output.

    Attributes:
        numbers_per_joint: of the policy's output.
        uses_primitive: whether the primitive enters; None stands for what it wants when it does not.
    """

    numbers_per_joint: int
    uses_primitive = True

    def action_dim(self, num_joints: int) -> int:
        """A, numbers that the policy puts out for a hand of so many joints."""
        return self.numbers_per_joint * num_joints

    @abc.abstractmethod
    def centre(self, num_joints: int) -> Tensor:
        """Output that an untrained policy should have, (A,)."""

    def __call__(self, heading: Heading | None, action: Tensor) -> Tensor:
        """Action of the hand (E, J) in [-1, 1].

        Args:
            heading: what the primitive wants.
            action: output of the policy (E, A).
        Raises:
            ValueError: shapes that do not fit.
        """
        if not self.uses_primitive:
            return action.clamp(-1.0, 1.0)
        a_p = None if heading is None else heading.action
        if heading is None or a_p is None or action.shape != (a_p.shape[0], self.action_dim(a_p.shape[1])):
            raise ValueError(
                f"a_p has shape {None if a_p is None else tuple(a_p.shape)} and action {tuple(action.shape)}; expected "
                f"(E, J) and (E, {self.numbers_per_joint} J). Exploration, policy and composition have to agree on "
                "action_dim."
            )
        return self._combined(heading, action).clamp(-1.0, 1.0)

    def parts(self, heading: Heading | None, action: Tensor) -> ActionParts:
        """The action of the hand with what it is made of; arguments as for the call."""
        a_p = heading.action if self.uses_primitive and heading is not None else None
        return ActionParts(self(heading, action), a_p, *self._scale_and_residual(action))

    def taught(self, a_p: Tensor, gate: Tensor, grip: Tensor) -> Tensor:
        """Outputs (B, A) of a policy that does as a teacher of timing says.

        Args:
            a_p: primitive action (B, J).
            gate: 1 where the primitive should act, 0 where it should wait (B, 1).
            grip: closing action to be added (B, J).
        Raises:
            NotImplementedError: there is no primitive to be timed.
        """
        raise NotImplementedError(f"{type(self).__name__} has no primitive that a teacher could time")

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """a_s and a_r (E, J) of the policy's output (E, A)."""
        return None, None

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        """The action (E, J) before it is cut to [-1, 1]; shapes fit."""
        raise NotImplementedError


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
        check_numbers({"scale_centre": scale_centre}, {"scale_centre": FINITE})
        self.scale_centre = scale_centre

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.cat([torch.full((num_joints,), self.scale_centre), torch.zeros(num_joints)])

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return split_action(action)

    def taught(self, a_p: Tensor, gate: Tensor, grip: Tensor) -> Tensor:
        """See `Composition.taught`."""
        return torch.cat([gate.expand_as(a_p), grip], dim=1)

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        a_s, a_r = split_action(action)
        return heading.action * a_s + a_r


class ExtentAndResidual(Composition):
    """How far, in place of how fast: the hand heads for a share a_s of the way from open to the primitive's grasp.

    a = to(a_s * way + (1 - a_s) * back) + a_r with the ways from the present joints to the grasp that the primitive
    predicts and to the open hand; `to` goes a way at full speed, all joints arriving together. A hand that waits is
    pre-shaped and done soon once it may close; one that closed too early is told so by a smaller share, and opens.

    The policy puts out a gate g for each joint, and a_s = waiting + (1 - waiting) clip((g - low) / (high - low), 0, 1):
    what is nearly decided is done, so that doubt and exploration move a hand only where it matters when.

    Args:
        waiting: share of a hand that waits; 0 waits with an open hand.
        band: gates from which on a hand closes at all, and closes altogether.
    Raises:
        ValueError: waiting outside [0, 1), or a band that is not two rising numbers in [0, 1].
    """

    numbers_per_joint = 2

    def __init__(self, waiting: float = 0.3, band: tuple[float, float] = (0.1, 0.4)) -> None:
        if not 0.0 <= waiting < 1.0:
            raise ValueError(f"waiting is {waiting}; a hand that waits is closed by a share of the way in [0, 1)")
        if not 0.0 <= band[0] < band[1] <= 1.0:
            raise ValueError(
                f"band is {tuple(band)}{reversed_note(*band)}; expected two rising gates in [0, 1], such as 0.1 and 0.4"
            )
        self.waiting = waiting
        self.band = tuple(band)

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`: a gate where the closing begins."""
        return torch.cat([torch.full((num_joints,), self.band[0]), torch.zeros(num_joints)])

    def taught(self, a_p: Tensor, gate: Tensor, grip: Tensor) -> Tensor:
        """See `Composition.taught`."""
        return torch.cat([gate.expand_as(a_p), grip], dim=1)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        gate, a_r = split_action(action)
        return self._extent(gate), a_r

    def _extent(self, gate: Tensor) -> Tensor:
        """a_s of gates (E, J)."""
        low, high = self.band
        return self.waiting + (1.0 - self.waiting) * ((gate - low) / (high - low)).clamp(0.0, 1.0)

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        gate, a_r = split_action(action)
        extent = self._extent(gate)
        step = torch.lerp(heading.back, heading.way, extent) / MAX_JOINT_STEP
        return step / step.abs().amax(dim=1, keepdim=True).clamp_min(1.0) + a_r


class WithoutResidual(Composition):
    """What another composition does when a_r is 0: of a policy that has learnt both parts, the first alone (Table 2).

    Args:
        whole: the composition that the policy has learnt with.
    Raises:
        ValueError: it has no two numbers a joint.
    """

    numbers_per_joint = 2

    def __init__(self, whole: Composition) -> None:
        if whole.numbers_per_joint != 2:
            raise ValueError(
                f"composition {type(whole).__name__} has {whole.numbers_per_joint} number a joint, so that nothing is "
                "left without a_r; take a policy with both parts, such as that of ScaleAndResidual"
            )
        self.whole = whole

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return self.whole.centre(num_joints)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return self.whole._scale_and_residual(action)[0], None

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        scale, residual = split_action(action)
        return self.whole._combined(heading, torch.cat([scale, torch.zeros_like(residual)], dim=1))


class ResidualOnly(Composition):
    """Without a_s: a = a_p + a_r from one number a joint."""

    numbers_per_joint = 1

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(num_joints)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return None, action

    def taught(self, a_p: Tensor, gate: Tensor, grip: Tensor) -> Tensor:
        """See `Composition.taught`."""
        return (gate - 1.0) * a_p + grip

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        return heading.action + action


class ScaleOnly(Composition):
    """Without a_r: a = a_p * a_s from one number a joint.

    Args:
        scale_centre: a_s of an untrained policy.
    """

    numbers_per_joint = 1

    def __init__(self, scale_centre: float = 0.7) -> None:
        check_numbers({"scale_centre": scale_centre}, {"scale_centre": FINITE})
        self.scale_centre = scale_centre

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.full((num_joints,), self.scale_centre)

    def _scale_and_residual(self, action: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return action, None

    def taught(self, a_p: Tensor, gate: Tensor, grip: Tensor) -> Tensor:
        """See `Composition.taught`; without a residual nothing is added."""
        return gate.expand_as(a_p)

    def _combined(self, heading: Heading, action: Tensor) -> Tensor:
        return heading.action * action


class Direct(Composition):
    """Without the primitive: the policy's numbers, one a joint, are the action."""

    numbers_per_joint = 1
    uses_primitive = False

    def centre(self, num_joints: int) -> Tensor:
        """See `Composition.centre`."""
        return torch.zeros(num_joints)
