"""What a controller knows of its hand and policy: the description in an exported file, or the same of a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from live.poses import Array

FORMAT = 1
"""The version of exported files that this reads (`lightning_modules.graphs.writing.FORMAT`)."""


@dataclass(frozen=True)
class HandFacts:
    """A hand, J actuated and C coupled joints, and how a policy drives it.

    Attributes:
        name: of the hand.
        joints: names of the actuated joints.
        low, high, open_pose: limits and open hand (J,), rad.
        closing: sign with which each joint closes, 0 for joints that do not (J,).
        parents: column of each coupled joint's parent (C,).
        ratio, offset: how coupled joints follow (C,).
        grasp_centre_h: where held objects tend to be (3,), m, hand frame.
        stiffness: N m that a joint presses with for each rad that its target is ahead.
        period_s: seconds of a control step.
        max_step: rad of a joint in one step.
        max_gap: largest distance of a target from its joint, rad.
        past_s: further wrist poses that are shown, seconds ago, oldest first.
        grouping: (centres, radius in m, neighbours) of each level of the encoder.
    """

    name: str
    joints: tuple[str, ...]
    low: Array
    high: Array
    open_pose: Array
    closing: Array
    parents: tuple[int, ...]
    ratio: Array
    offset: Array
    grasp_centre_h: Array
    stiffness: float
    period_s: float
    max_step: float
    max_gap: float
    past_s: tuple[float, ...]
    grouping: tuple[tuple[int, float, int], ...]

    @classmethod
    def of_description(cls, description: Mapping[str, Any], source: str) -> "HandFacts":
        """From the description that stands in an exported file.

        Raises:
            ValueError: a file of another version, or without a field.
        """
        if description.get("format") != FORMAT:
            raise ValueError(
                f"{source} has format {description.get('format')!r}, this program reads {FORMAT}; export it anew: "
                "python -m lightning_modules.export --checkpoint CHECKPOINT --format onnx --output FOLDER"
            )
        try:
            hand, levels = description["hand"], description["grouping"]
            arrays = {name: np.array(hand[name], dtype=float) for name in ("low", "high", "open_pose", "closing")}
            return cls(
                name=hand["name"],
                joints=tuple(hand["joints"]),
                **arrays,
                parents=tuple(hand["coupled_parents"]),
                ratio=np.array(hand["coupled_ratio"], dtype=float),
                offset=np.array(hand["coupled_offset"], dtype=float),
                grasp_centre_h=np.array(hand["grasp_centre_h"], dtype=float),
                stiffness=float(hand["stiffness"]),
                period_s=float(description["control_dt_s"]),
                max_step=float(description["max_joint_step_rad"]),
                max_gap=float(description["max_target_gap_rad"]),
                past_s=tuple(description["past_s"]),
                grouping=tuple((int(lv["num_centres"]), lv["radius"], int(lv["max_neighbours"])) for lv in levels),
            )
        except KeyError as error:
            raise ValueError(f"the description in {source} has no field {error}; export it anew") from error

    def coupled(self, joint_pos: Array) -> Array:
        """Coupled joints (C,) that follow from the actuated ones (J,), rad."""
        return self.ratio * joint_pos[list(self.parents)] + self.offset
