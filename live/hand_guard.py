"""Refuses a policy of another hand than that of the grasps which wrists go to."""

from pathlib import Path

from datamodules.grasps.grasp_set import GraspSet
from live.policies import ControlPolicy


def check_policy_hand(policy: ControlPolicy, grasps: GraspSet, of: Path) -> None:
    """Accept a policy of the grasps' hand.

    Args:
        policy: moves the fingers.
        grasps: where wrists go to.
        of: where the policy came from.

    Raises:
        ValueError: names both hands.
    """
    if policy.facts.name != grasps.hand.name:
        raise ValueError(
            f"{of} is of the hand {policy.facts.name}, the grasp set of {grasps.hand.name}; give --grasps of the "
            "policy's hand"
        )
