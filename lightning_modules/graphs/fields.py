"""What goes into exported graphs and comes out of them: one table of names, shapes, units and frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.conventions import NUM_CLOUD_POINTS
from envs.geometry.point_grouping import CloudGrouping, GroupingLevel, GroupingSpec
from envs.geometry.transforms import quat_from_rotation_vector
from envs.hand.hand import Hand
from envs.task.observations import HISTORY_LENGTH, PAST_S


@dataclass(frozen=True)
class GraphField:
    """An input or output of a graph.

    Attributes:
        shape: of one hand's entry, without the batch; sizes known by a name only are resolved by `shapes`.
        unit: its unit.
        frame: the frame that it is given in; empty where there is none.
        meaning: what it is.
        is_index: whole numbers, int64; float32 otherwise.
    """

    shape: tuple[int | str, ...]
    unit: str
    frame: str
    meaning: str
    is_index: bool = False


FIELDS: dict[str, GraphField] = {
    "points_h": GraphField(
        (NUM_CLOUD_POINTS, 3), "m", "hand base", "object cloud, each point as far as possible from those before it"
    ),
    "wrist_pose_w": GraphField((7,), "m, quaternion wxyz", "world; the table is z = 0", "the hand base"),
    "joint_pos": GraphField(("J",), "rad", "", "actuated joints, in the order of hand.joints"),
    "coupled_pos": GraphField(("C",), "rad", "", "coupled joints, in the order of hand.coupled"),
    "command": GraphField(("J",), "rad", "", "joint targets of the step before"),
    "wrist_history": GraphField(
        (HISTORY_LENGTH, 7), "m, quaternion wxyz", "world; the table is z = 0",
        "hand base at the present and the steps before, oldest first",
    ),
    "wrist_past": GraphField(
        (len(PAST_S), 7), "m, quaternion wxyz", "world; the table is z = 0",
        f"hand base {', '.join(map(str, PAST_S))} s ago",
    ),
    "scene": GraphField(("S",), "", "", "what the encoder makes of cloud and table"),
    "a_p": GraphField(("J",), "1; 1 moves a joint by max_joint_step", "", "the primitive's action, in [-1, 1]"),
    "way": GraphField(("J",), "rad", "", "from the joints to the grasp that the primitive heads for"),
    "back": GraphField(("J",), "rad", "", "from the joints to the open hand"),
    "action": GraphField(("J",), "1; 1 moves a joint by max_joint_step", "", "action of the hand, in [-1, 1]"),
    "a_s": GraphField(("J",), "1", "", "scale of a_p, or share of the way"),
    "a_r": GraphField(("J",), "1; 1 moves a joint by max_joint_step", "", "residual of the policy"),
    "joint_targets": GraphField(("J",), "rad", "", "next targets, within limits and max_target_gap of the joints"),
}  # fmt: skip
"""All but the groups of points, which `grouping_fields` names for an encoder."""


def grouping_fields(spec: GroupingSpec | None) -> dict[str, GraphField]:
    """Inputs that say which points are neighbours: two for each level of an encoder; none without groups."""
    fields = {}
    for number, level in enumerate(() if spec is None else spec.levels):
        before = "points" if number == 0 else f"centres_{number - 1}"
        fields[f"centres_{number}"] = GraphField(
            (level.num_centres,), "index", "", f"the first {level.num_centres} rows of {before}, farthest first", True
        )
        fields[f"neighbours_{number}"] = GraphField(
            (level.num_centres, level.max_neighbours), "index", "",
            f"rows of {before} within {level.radius} m of each centre, nearest first, filled up with the nearest", True,
        )  # fmt: skip
    return fields


def grouping_of(tensors: Sequence[Tensor]) -> CloudGrouping | None:
    """The grouping of tensors in the order of `grouping_fields`; None without any."""
    levels = [GroupingLevel(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]
    return CloudGrouping(tuple(levels)) if levels else None


def grouping_tensors(spec: GroupingSpec | None, points_h: Tensor) -> dict[str, Tensor]:
    """The inputs of `grouping_fields` for clouds (B, N, 3)."""
    if spec is None:
        return {}
    levels = spec.build(points_h).levels
    return {
        name: tensor
        for number, level in enumerate(levels)
        for name, tensor in (
            (f"centres_{number}", level.centre_index),
            (f"neighbours_{number}", level.neighbour_index),
        )
    }


def random_inputs(hand: Hand, spec: GroupingSpec | None, count: int, seed: int = 0) -> dict[str, Tensor]:
    """Observations (count, ...) as they may come: any joints within the limits, a cloud near the palm, a slow wrist."""
    draw = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return 2.0 * torch.rand(*shape, generator=draw) - 1.0

    size = 0.02 + 0.05 * torch.rand(count, 1, 3, generator=draw)
    centre = torch.tensor(hand.grasp_centre_h, dtype=torch.float32) + 0.08 * uniform(count, 1, 3)
    points_h = centre + size * torch.nn.functional.normalize(uniform(count, NUM_CLOUD_POINTS, 3), dim=2)
    joint_pos = hand.denormalise(uniform(count, hand.num_joints))
    coupled = torch.from_numpy(hand.coupled_from_actuated(joint_pos.double().numpy())).float()
    start = torch.cat([0.3 * uniform(count, 2), 0.1 + 0.3 * torch.rand(count, 1, generator=draw)], dim=1)
    turn, speed, spin = math.pi * 0.5 * uniform(count, 3), 0.5 * uniform(count, 3), uniform(count, 3)

    def poses(ago: Sequence[float]) -> Tensor:
        back = torch.tensor(ago)[None, :, None]
        place = start[:, None] - back * speed[:, None]
        return torch.cat([place, quat_from_rotation_vector(turn[:, None] - back * spin[:, None])], dim=2)

    history = poses([0.025 * step for step in reversed(range(HISTORY_LENGTH))])
    command = joint_pos + 0.1 * uniform(count, hand.num_joints)
    return {
        "points_h": points_h, "joint_pos": joint_pos, "coupled_pos": coupled, "command": command,
        "wrist_history": history, "wrist_past": poses(PAST_S), "wrist_pose_w": history[:, -1].contiguous(),
        **grouping_tensors(spec, points_h),
    }  # fmt: skip
