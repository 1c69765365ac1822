"""Situations far from everything, whose surfaces have no points, and tiny modules for them."""

import torch

from lightning_modules.ibs_module import IBSModule
from lightning_modules.sac.replay import Situation
from tests.envs.bisector.made_up import fields

TINY = {"num_points": 16, "part_widths": (4,), "whole_widths": (4,), "hidden_widths": (32,)}


def far_away(count: int, seed: int = 0) -> Situation:
    """Hands five metres above a table and from a can."""
    generator = torch.Generator().manual_seed(seed)
    standing = torch.tensor([0.0, 0.0, 5.0, 1.0, 0.0, 0.0, 0.0])
    return Situation(
        joint_pos=2.0 * torch.rand(count, 18, generator=generator) - 1.0,
        coupled_pos=torch.zeros(count, 4),
        wrist_history=standing.expand(count, 5, 7).clone(),
        object_pose=standing.expand(count, 7).clone(),
        object_row=torch.zeros(count, dtype=torch.long),
    )


def tiny_module(**settings: object) -> IBSModule:
    """A module with tiny networks that knows a can and a box."""
    module = IBSModule(**{**TINY, **settings})  # type: ignore[arg-type]
    module._view.fields = fields()
    return module
