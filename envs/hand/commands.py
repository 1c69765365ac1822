"""From actions in [-1, 1] to joint targets."""

from envs.conventions import MAX_JOINT_STEP
from envs.hand.model import clamp_joints
from envs.physics.base import Array


def next_command(command: Array, action: Array, joint_pos: Array, max_gap: float) -> Array:
    """The commanded joints after an action (E, 18), rad: command + 0.05 clip(a, -1, 1), within the limits.

    An action adds to the commanded joints and not to the actual ones (GraspGF App. A.1): pressing fingers would
    otherwise fall back by their tracking error in every step. The command stays near the actual joints, so that it
    cannot wind up against an object.

    Args:
        command: commanded joints of the step before (E, 18), rad.
        action: (E, 18); an action of 1 moves a joint by 0.05 rad.
        joint_pos: actual joints (E, 18), rad.
        max_gap: largest distance of the command from the actual joints, rad.
    """
    stepped = command + MAX_JOINT_STEP * action.clip(-1.0, 1.0)
    return clamp_joints(stepped.clip(joint_pos - max_gap, joint_pos + max_gap))
