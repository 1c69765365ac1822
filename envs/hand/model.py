"""The Shadow Hand by functions of a module, for the rooms that are not handed a `Hand` yet."""

import mujoco
from torch import Tensor

from envs.hand.model_file import HAND_PREFIX as HAND_PREFIX
from envs.hand.parts import Array, JointLimits
from envs.hand.shadow import COUPLING_RATIO as COUPLING_RATIO
from envs.hand.shadow import hand_model_path as hand_model_path
from envs.hand.shadow import shadow_hand

ALL_JOINTS: tuple[str, ...] = shadow_hand().all_joints
LINKS: tuple[str, ...] = shadow_hand().links


def attach_hand(scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
    """See `Hand.attach`."""
    return shadow_hand().attach(scene, visual=visual)


def element_name(name: str) -> str:
    """See `Hand.element`."""
    return shadow_hand().element(name)


def bare_hand(*, visual: bool = False) -> mujoco.MjModel:
    """See `Hand.model`."""
    return shadow_hand().model(visual=visual)


def joint_limits() -> JointLimits:
    """See `Hand.limits`."""
    return shadow_hand().limits


def coupled_limits() -> JointLimits:
    """See `Hand.coupled_limits`."""
    return shadow_hand().coupled_limits


def normalise_joints(joint_pos: Tensor) -> Tensor:
    """See `Hand.normalise`."""
    return shadow_hand().normalise(joint_pos)


def denormalise_joints(joint_pos: Tensor) -> Tensor:
    """See `Hand.denormalise`."""
    return shadow_hand().denormalise(joint_pos)


def half_ranges(like: Tensor) -> Tensor:
    """See `Hand.half_ranges`."""
    return shadow_hand().half_ranges(like)


def clamp_joints(joint_pos: Array) -> Array:
    """See `Hand.clamp`."""
    return shadow_hand().clamp(joint_pos)


def coupled_from_actuated(joint_pos: Array) -> Array:
    """See `Hand.coupled_from_actuated`."""
    return shadow_hand().coupled_from_actuated(joint_pos)


def open_hand() -> Array:
    """See `Hand.open_pose`."""
    return shadow_hand().open_pose.copy()
