"""Batched rotations and rigid transforms in torch.

Quaternions are ``wxyz`` and of unit length unless a function says otherwise; a pose is (..., 7), position in metres
then quaternion. Leading dimensions broadcast. Every function keeps dtype and device and has finite gradients
everywhere, zero rotations included. Formulas: Diebel, "Representing attitude", 2006 (docs/references.md).
"""

import torch
from torch import Tensor


def quat_normalise(quat: Tensor) -> Tensor:
    """Quaternions (..., 4) scaled to unit length; an all-zero one stays zero instead of becoming NaN."""
    return quat / _safe_norm(quat)


def quat_multiply(first: Tensor, second: Tensor) -> Tensor:
    """Hamilton product (..., 4): the rotation ``second`` followed by the rotation ``first``."""
    w1, u1 = first[..., :1], first[..., 1:]
    w2, u2 = second[..., :1], second[..., 1:]
    scalar = w1 * w2 - (u1 * u2).sum(-1, keepdim=True)
    vector = w1 * u2 + w2 * u1 + _cross(u1, u2)
    return torch.cat((scalar, vector), dim=-1)


def quat_conjugate(quat: Tensor) -> Tensor:
    """Inverse rotations (..., 4)."""
    return torch.cat((quat[..., :1], -quat[..., 1:]), dim=-1)


def quat_rotate(quat: Tensor, vector: Tensor) -> Tensor:
    """Vectors (..., 3) rotated by quaternions (..., 4): v + 2 u x (u x v + w v)."""
    w, u = quat[..., :1], quat[..., 1:]
    return vector + 2.0 * _cross(u, _cross(u, vector) + w * vector)


def quat_to_matrix(quat: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3), whose columns are the rotated unit axes."""
    w, x, y, z = quat.unbind(-1)
    entries = (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def quat_from_rotation_vector(rotation: Tensor) -> Tensor:
    """Rotations (..., 4) of rotation vectors (..., 3): unit axis times angle in radians."""
    angle = _safe_norm(rotation)
    # sin(angle / 2) / angle, finite at 0: torch.sinc(x) = sin(pi x) / (pi x)
    vector = 0.5 * torch.sinc(angle / (2.0 * torch.pi)) * rotation
    return torch.cat(((0.5 * angle).cos(), vector), dim=-1)


def pose_compose(first: Tensor, second: Tensor) -> Tensor:
    """T_ac = T_ab T_bc for poses (..., 7): ``second`` is expressed in the frame that ``first`` describes."""
    position = first[..., :3] + quat_rotate(first[..., 3:], second[..., :3])
    quat = quat_multiply(first[..., 3:], second[..., 3:])
    return _cat_pose(position, quat)


def pose_invert(pose: Tensor) -> Tensor:
    """T_ba of T_ab, (..., 7)."""
    inverse = quat_conjugate(pose[..., 3:])
    return _cat_pose(-quat_rotate(inverse, pose[..., :3]), inverse)


def transform_points(pose: Tensor, points: Tensor) -> Tensor:
    """Points (..., N, 3) of frame b in frame a, for poses T_ab (..., 7); metres."""
    matrix = quat_to_matrix(pose[..., 3:])
    return points @ matrix.transpose(-1, -2) + pose[..., None, :3]


def _safe_norm(vector: Tensor) -> Tensor:
    """Length (..., 1), at least the square root of the smallest normal number, so that its gradient is never NaN."""
    squared = (vector * vector).sum(-1, keepdim=True)
    return squared.clamp_min(torch.finfo(vector.dtype).tiny).sqrt()


def _cross(first: Tensor, second: Tensor) -> Tensor:
    """Cross product (..., 3) that also broadcasts operands of unequal rank, which torch.linalg.cross does not."""
    if first.ndim != second.ndim:
        first, second = torch.broadcast_tensors(first, second)
    return torch.linalg.cross(first, second)


def _cat_pose(position: Tensor, quat: Tensor) -> Tensor:
    if position.shape[:-1] != quat.shape[:-1]:
        leading = torch.broadcast_shapes(position.shape[:-1], quat.shape[:-1])
        position, quat = position.expand(*leading, 3), quat.expand(*leading, 4)
    return torch.cat((position, quat), dim=-1)


def rotation_vector_from_quat(quat: Tensor) -> Tensor:
    """Rotation vectors (..., 3), rad, of unit quaternions (..., 4); the shorter way round."""
    quat = torch.where(quat[..., :1] < 0.0, -quat, quat)
    sine = _safe_norm(quat[..., 1:])
    angle = 2.0 * torch.atan2(sine, quat[..., :1])
    return quat[..., 1:] * torch.where(sine > 1e-7, angle / sine.clamp_min(1e-7), torch.full_like(sine, 2.0))
