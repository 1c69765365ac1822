"""Random points of bisector surfaces."""

from collections.abc import Sequence

import torch

from envs.bisector.points import BisectorPoints


def made_up_points(counts: Sequence[int], num_parts: int = 6, seed: int = 0) -> BisectorPoints:
    """As many points of each hand as ``counts`` says."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(counts)
    numbers = torch.randn(total, 9, generator=generator)
    distance = 0.05 * torch.rand(total, generator=generator)
    return BisectorPoints(
        hand_index=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)),
        position_h=0.1 * numbers[:, :3],
        to_hand=torch.nn.functional.normalize(numbers[:, 3:6], dim=1),
        to_scene=torch.nn.functional.normalize(numbers[:, 6:], dim=1),
        hand_distance=distance,
        scene_distance=distance.clone(),
        is_palm_side=torch.rand(total, generator=generator) < 0.5,
        is_object=torch.rand(total, generator=generator) < 0.5,
        part=torch.randint(num_parts, (total,), generator=generator),
        num_hands=len(counts),
    )
