"""From actions in [-1, 1] to joint targets."""

from torch import Tensor

from envs.hand.parts import JointLimits


def next_command(
    command: Tensor, action: Tensor, joint_pos: Tensor, limits: JointLimits, *, max_step: float, max_gap: float
) -> Tensor:
    """The commanded joints after an action (E, J), rad: command + max_step clip(a, -1, 1), within the limits.

    An action adds to the commanded joints and not to the actual ones (GraspGF App. A.1): pressing fingers would
    otherwise fall back by their tracking error in every step. The command stays near the actual joints, so that it
    cannot wind up against an object.

    Args:
        command: commanded joints of the step before (E, J), rad.
        action: (E, J).
        joint_pos: actual joints (E, J), rad.
        limits: of the joints, rad.
        max_step: radians that an action of 1 moves a joint.
        max_gap: largest distance of the command from the actual joints, rad.
    """
    low, high = limits.tensors(command)
    stepped = command + max_step * action.clip(-1.0, 1.0)
    return stepped.clip(joint_pos - max_gap, joint_pos + max_gap).clip(low, high)


def check_action(action: Tensor, shape: tuple[int, ...], step: int) -> Tensor:
    """The action, if it has the shape (E, J) and is finite.

    Raises:
        ValueError: it is not; names the control step and the first bad world.
    """
    if action.shape != shape:
        raise ValueError(f"the action has shape {tuple(action.shape)} at step {step}, expected {shape}")
    is_finite = action.isfinite().all(dim=1)
    if not is_finite.all():
        raise ValueError(
            f"the action is not finite at step {step} in world {int(is_finite.int().argmin())}; the weights or the "
            "input of what acts are broken"
        )
    return action
