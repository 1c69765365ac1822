"""The table in the hand frame."""

import numpy as np
import torch

from envs.geometry.table import table_plane, vertical_in
from envs.geometry.transforms import pose_invert, quat_normalise, transform_points


def test_heights_are_those_of_the_world() -> None:
    generator = torch.Generator().manual_seed(0)
    position, quat = torch.rand((5, 3), generator=generator).double(), torch.randn((5, 4), generator=generator)
    wrist_w = torch.cat([position, quat_normalise(quat.double())], dim=1)
    points_w = torch.rand((5, 7, 3), generator=generator).double()
    points_h, plane = transform_points(pose_invert(wrist_w), points_w), table_plane(wrist_w)
    heights = (points_h * plane[:, None, :3]).sum(dim=2) + plane[:, 3:]
    torch.testing.assert_close(heights, points_w[..., 2], atol=1e-6, rtol=0.0)
    torch.testing.assert_close(plane[:, :3].norm(dim=1), torch.ones(5).double())


def test_the_vertical_in_a_body_is_the_tables_normal() -> None:
    pose_w = torch.randn((4, 3, 7), generator=torch.Generator().manual_seed(0)).double()
    pose_w[..., 3:] = quat_normalise(pose_w[..., 3:])
    np.testing.assert_allclose(vertical_in(pose_w.numpy()), table_plane(pose_w)[..., :3].numpy(), atol=1e-12)
