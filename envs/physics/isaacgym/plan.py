"""What the worker is told when it builds a simulation: plain values that fit into a line of JSON."""

from collections.abc import Mapping
from typing import Any

from envs.hand.hand import Hand
from envs.physics.isaacgym.assets import AssetFile
from envs.physics.isaacgym.base_joints import BASE_JOINTS
from envs.physics.isaacgym.options import IsaacGymOptions
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_hand_model

_FAST = 1.0e3
"""Bound on the speed of joints, m/s and rad/s: none that matters."""


def simulation_plan(
    hand: Hand,
    settings: PhysicsSettings,
    options: IsaacGymOptions,
    hand_file: AssetFile,
    objects: Mapping[int, AssetFile],
) -> dict[str, Any]:
    """Arguments of the worker's ``build``: the joints in the order of the shared arrays, base first.

    Args:
        hand: the hand.
        settings: physical constants.
        options: how Isaac Gym simulates.
        hand_file: the hand's file.
        objects: file of the object in each world that holds one.
    """
    model, gains, base = build_hand_model(hand, settings), hand.gains, options.base
    joints = [model.joint(hand.element(name)) for name in hand.all_joints]
    count = len(joints)
    distinct = sorted({file.folder for file in objects.values()})
    names = {file.folder: file.name for file in objects.values()}
    return {
        "device": options.device_number,
        "threads": options.num_threads,
        "timestep": settings.timestep,
        "substeps": options.substeps,
        "friction": settings.friction,
        "hand": [str(hand_file.folder), hand_file.name],
        "links": list(hand.links),
        "joints": [*BASE_JOINTS, *hand.all_joints],
        "stiffness": [base.stiffness] * 3 + [base.turn_stiffness] * 3 + [gains.position] * count,
        # what damps the joint itself and what damps its drive act on one velocity
        "damping": [base.damping] * 3
        + [base.turn_damping] * 3
        + [gains.velocity + float(joint.damping[0]) for joint in joints],
        "effort": [base.force_limit] * 3 + [base.torque_limit] * 3 + [gains.force_limit] * count,
        "armature": [0.0] * 6 + [float(joint.armature[0]) for joint in joints],
        "velocity": [_FAST] * (6 + count),
        "objects": [[str(folder), names[folder]] for folder in distinct],
        "worlds": [[world, distinct.index(file.folder)] for world, file in sorted(objects.items())],
    }
