"""How much memory worlds need that collect rollouts."""

from dataclasses import replace

from envs.conventions import NUM_CLOUD_POINTS
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import PhysicsFactory
from envs.physics.memory import MemoryNeed
from envs.task.perception import PerceptionNoise
from envs.task.settings import TaskSettings

_COPIES = 3
"""A rollout is there as collected, as stacked and as chosen for learning."""

STEP_BYTES = _COPIES * 4 * 1536
"""At most what a rollout holds of a world's control step, bytes: numbers of single precision, the primitive's feature
and what policy and critic read among them."""

CLOUD_BYTES = _COPIES * 4 * 3 * NUM_CLOUD_POINTS
"""What a cloud adds that has errors of its own, for policies with an encoder. One that is a known object's as it is
does not need to be kept: `Observation.cloud_pose_h`."""


def rollout_need(
    physics: PhysicsFactory,
    hand: Hand,
    task: TaskSettings,
    example: GraspObject,
    num_objects: int,
    noise: PerceptionNoise | None = None,
) -> MemoryNeed:
    """What a world takes with its part of a rollout, and what the models of all objects do.

    Args:
        physics: makes the worlds.
        hand: in all of them.
        task: says how long episodes last at most.
        example: one of the objects.
        num_objects: how many there are.
        noise: of what is observed; clouds that have errors of their own may have to be held.
    """
    need = physics.memory_need(hand, example, num_objects)
    of_step = STEP_BYTES + (CLOUD_BYTES if noise is not None and noise.moves_points else 0)
    return replace(need, world=need.world + task.wrist.max_steps(physics.settings.control_dt) * of_step)
