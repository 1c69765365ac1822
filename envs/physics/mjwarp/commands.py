"""What fingers and wrists of E worlds are told, as tensors on the device, checked there."""

import torch
from torch import Tensor

from envs.geometry.transforms import quat_conjugate, quat_multiply, rotation_vector_from_quat
from envs.hand.hand import Hand
from envs.physics.base import Given
from envs.physics.checks import UNIT_TOLERANCE, check_finite, check_poses
from envs.physics.settings import PhysicsSettings


def finite_on(device: torch.device, name: str, values: Given, shape: tuple[int, ...]) -> Tensor:
    """The values as float32 on the device.

    The host waits for the one bit that says whether all are finite; only where they are not does it look at them.

    Raises:
        ValueError: another shape, NaN or infinity; see `check_finite`.
    """
    given = torch.as_tensor(values, device=device)
    if tuple(given.shape) != shape or not bool(torch.isfinite(given).all()):
        check_finite(name, values, shape)
    return given.float()


def poses_on(device: torch.device, name: str, pose: Given, num_rows: int) -> Tensor:
    """Poses (num_rows, 7) as float64 on the device, with quaternions scaled to unit length; waits as `finite_on`.

    Raises:
        ValueError: wrong shape, NaN, or a quaternion off unit length; see `check_poses`.
    """
    given = torch.as_tensor(pose, device=device)
    if tuple(given.shape) != (num_rows, 7):
        check_poses(name, pose, num_rows)
    given = given.double()
    length = given[:, 3:].norm(dim=1, keepdim=True)
    fine = torch.isfinite(given).all() & ((length - 1.0).abs() <= UNIT_TOLERANCE).all()
    if not bool(fine):
        check_poses(name, pose, num_rows)
    return torch.cat([given[:, :3], given[:, 3:] / length], dim=1)


class Fingers:
    """Limits and couplings of a hand's joints on a device, for E worlds.

    Args:
        hand: the hand.
        device: where.
    """

    def __init__(self, hand: Hand, device: torch.device) -> None:
        self._low, self._high = (
            torch.tensor(bound, dtype=torch.float32, device=device) for bound in (hand.limits.low, hand.limits.high)
        )
        self._parents = torch.tensor(hand.parent_columns, dtype=torch.long, device=device)
        self._ratio, self._offset = (
            torch.tensor(values, dtype=torch.float32, device=device)
            for values in (hand.coupled.ratio, hand.coupled.offset)
        )

    def clamped(self, joint_pos: Tensor) -> Tensor:
        """Actuated joints (E, J) within their limits, and those that follow from them (E, J + C), rad."""
        inside = torch.minimum(torch.maximum(joint_pos, self._low), self._high)
        return torch.cat([inside, self._ratio * inside[:, self._parents] + self._offset], dim=1)


def controls(present: Tensor, target: Tensor, settings: PhysicsSettings) -> Tensor:
    """Targets of all joints (E, J + C), rad, at most ``max_target_gap`` away from the present joints."""
    return present + (target - present).clamp(-settings.max_target_gap, settings.max_target_gap)


def base_velocities(pose_w: Tensor, target_w: Tensor, settings: PhysicsSettings) -> Tensor:
    """Free-joint velocities (E, 6) float32 that bring each hand base (E, 7) to its target within one control step.

    Metres a second in the world frame, then rad a second in the hand frame. In float64 between, because torch rounds
    the last bit of an arctangent by where in a batch it stands, and a world must not depend on its neighbours.
    """
    pose_w, target_w = pose_w.double(), target_w.double()
    linear_w = target_w[:, :3] - pose_w[:, :3]
    angular_h = rotation_vector_from_quat(quat_multiply(quat_conjugate(pose_w[:, 3:]), target_w[:, 3:]))
    return (torch.cat([linear_w, angular_h], dim=1) / settings.control_dt).float()
