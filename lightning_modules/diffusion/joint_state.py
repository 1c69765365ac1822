"""The vector whose score is learnt: the joints themselves, or sine and cosine of them.

The paper learns the score of the joints, the released code that of twice as many numbers (docs/deviations.md). Both
start from joints normalised to [-1, 1] by their limits.
"""

import abc
import math

import torch
from torch import Tensor


class JointState(abc.ABC):
    """A representation of the normalised joint positions, (..., J) <-> (..., D).

    Attributes:
        num_joints: J, which has to be that of the hand.
    """

    num_joints: int

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """D, the size of the state."""

    @abc.abstractmethod
    def encode(self, joint_pos: Tensor) -> Tensor:
        """State (..., D) of normalised joints (..., J).

        Raises:
            ValueError: the last dimension is not J.
        """

    @abc.abstractmethod
    def decode(self, state: Tensor) -> Tensor:
        """Normalised joints (..., J) of a state (..., D); not clamped to [-1, 1].

        Raises:
            ValueError: the last dimension is not D.
        """

    @abc.abstractmethod
    def project_score(self, score: Tensor, joint_pos: Tensor) -> Tensor:
        """Gradient (..., J) with respect to the normalised joints of what has gradient ``score`` (..., D) in the state.

        Taken at joint_pos (..., J). A step along it is in normalised joints; half the joint ranges make it radians.

        Raises:
            ValueError: the last dimension of score is not D, or of joint_pos not J.
        """


class JointVector(JointState):
    """The normalised joints themselves, D = J, 18 for the Shadow Hand (GraspGF Sec. 3.3)."""

    def __init__(self, num_joints: int = 18) -> None:
        self.num_joints = num_joints

    @property
    def dim(self) -> int:
        """J."""
        return self.num_joints

    def encode(self, joint_pos: Tensor) -> Tensor:
        """The joints as they are."""
        _check_width("joint_pos", joint_pos, self.num_joints)
        return joint_pos

    def decode(self, state: Tensor) -> Tensor:
        """The state as it is."""
        _check_width("state", state, self.dim)
        return state

    def project_score(self, score: Tensor, joint_pos: Tensor) -> Tensor:
        """The score as it is."""
        _check_width("score", score, self.dim)
        _check_width("joint_pos", joint_pos, self.num_joints)
        return score


class SinCosJoints(JointState):
    """[sin(a q), cos(a q)] of the normalised joints q, D = 2J (released GraspGF, where a = 1)."""

    def __init__(self, num_joints: int = 18, angle_scale: float = 1.0) -> None:
        """angle_scale: a, radians of arc that one unit of normalised joint spans.

        Raises:
            ValueError: angle_scale outside (0, pi): the two limits of a joint would share a state.
        """
        if not 0.0 < angle_scale < math.pi:
            raise ValueError(f"angle_scale is {angle_scale}; allowed is above 0 and below pi.")
        self.num_joints = num_joints
        self.angle_scale = angle_scale

    @property
    def dim(self) -> int:
        """2 J."""
        return 2 * self.num_joints

    def encode(self, joint_pos: Tensor) -> Tensor:
        """[sin(a q), cos(a q)], all sines first."""
        _check_width("joint_pos", joint_pos, self.num_joints)
        angle = self.angle_scale * joint_pos
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    def decode(self, state: Tensor) -> Tensor:
        """atan2(sine, cosine) / a: of the point on the unit circle nearest to (sine, cosine)."""
        _check_width("state", state, self.dim)
        sine, cosine = state.chunk(2, dim=-1)
        return torch.atan2(sine, cosine) / self.angle_scale

    def project_score(self, score: Tensor, joint_pos: Tensor) -> Tensor:
        """a (cos(aq) s_sin - sin(aq) s_cos), the component of the score along the circle."""
        _check_width("score", score, self.dim)
        _check_width("joint_pos", joint_pos, self.num_joints)
        score_sine, score_cosine = score.chunk(2, dim=-1)
        angle = self.angle_scale * joint_pos
        # Chain rule: d sin(aq)/dq = a cos(aq), d cos(aq)/dq = -a sin(aq).
        return self.angle_scale * (angle.cos() * score_sine - angle.sin() * score_cosine)


def _check_width(name: str, value: Tensor, width: int) -> None:
    if value.ndim == 0 or value.shape[-1] != width:
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}; its last dimension must be {width}. "
            "Choose the joint state that the network was trained with."
        )
