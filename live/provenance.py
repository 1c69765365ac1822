"""What trials and episodes of a controller are made of: kept ones of anything else are not mixed with new ones."""

from functools import lru_cache
from pathlib import Path

from callbacks.store.made_of import digest, made_of_code
from datamodules.grasps.grasp_set import GraspSet
from live.policies import ControlPolicy


@lru_cache
def code_digest() -> str:
    """Stands for the project's code, this layer's too, and the libraries that decide numbers."""
    root = Path(__file__).resolve().parent
    files = sorted(root.rglob("*.py"))
    texts = (text for path in files for text in (path.relative_to(root), path.read_text(encoding="utf-8")))
    return digest(made_of_code(), *texts)[:16]


def made_with(grasps: GraspSet) -> dict[str, str]:
    """Digests of a grasp set and of the code."""
    return {"grasps": digest(grasps)[:16], "code": code_digest()}


def check_same_hand(policy: ControlPolicy, grasps: GraspSet, of: Path) -> None:
    """Refuse a policy of another hand than the grasps'.

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
