"""How much memory worlds need that collect rollouts."""

from dataclasses import replace

from envs.conventions import NUM_CLOUD_POINTS
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsFactory
from envs.physics.memory import MemoryNeed
from envs.task.settings import TaskSettings

STEP_BYTES = 3 * 4 * (3 * NUM_CLOUD_POINTS + 512)
"""At most what a rollout holds of a world's control step, bytes: a single-precision cloud, for policies with an encoder
of their own, and some 500 other numbers; as collected, stacked and chosen for learning."""


def rollout_need(
    physics: PhysicsFactory, hand: Hand, task: TaskSettings, example: GraspObject, num_objects: int
) -> MemoryNeed:
    """What a world takes with its part of a rollout, and what the models of all objects do.

    Args:
        physics: makes the worlds.
        hand: in all of them.
        task: says how long episodes last at most.
        example: one of the objects.
        num_objects: how many there are.
    """
    need = physics.memory_need(hand, example, num_objects)
    return replace(need, world=need.world + task.wrist.max_steps(physics.settings.control_dt) * STEP_BYTES)
