"""The Shadow Hand without forearm and wrist joints: names, limits, normalisation and its MjSpec.

The model is the OpenAI Shadow Hand that Gymnasium-Robotics distributes (the one of GraspGF). Its files are found
without importing that package, so no environment gets registered as a side effect.
"""

import importlib.util
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.conventions import ACTUATED_JOINTS, COUPLED_JOINTS, COUPLED_PARENTS, NUM_JOINTS

HAND_PREFIX = "hand/"
"""Prefix of every hand element in an assembled scene."""

ALL_JOINTS: tuple[str, ...] = (*ACTUATED_JOINTS, *COUPLED_JOINTS)
"""The 22 finger joints: 18 actuated, then 4 coupled."""

LINKS: tuple[str, ...] = (
    "palm",
    "ffknuckle", "ffproximal", "ffmiddle", "ffdistal",
    "mfknuckle", "mfproximal", "mfmiddle", "mfdistal",
    "rfknuckle", "rfproximal", "rfmiddle", "rfdistal",
    "lfmetacarpal", "lfknuckle", "lfproximal", "lfmiddle", "lfdistal",
    "thbase", "thproximal", "thhub", "thmiddle", "thdistal",
)  # fmt: skip
"""The hand's bodies; contact masks and forward kinematics use this order."""

COUPLING_RATIO = 0.8
"""Coupled joint target over its parent's target (released code: J0 = 0.8 * J1)."""

_PARENT_COLUMNS = tuple(ACTUATED_JOINTS.index(name) for name in COUPLED_PARENTS)


@dataclass(frozen=True)
class JointLimits:
    """Lower and upper limits of joints, radians, each (18,), or (4,) for the coupled ones, float64."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def hand_model_path() -> Path:
    """The XML file of the Shadow Hand inside the installed gymnasium-robotics package.

    Raises:
        FileNotFoundError: the package or its file is missing; says how to install it.
    """
    package = importlib.util.find_spec("gymnasium_robotics")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "the Shadow Hand model comes from the package gymnasium-robotics, which is not installed; "
            "run: pip install gymnasium-robotics"
        )
    path = Path(package.origin).parent / "envs" / "assets" / "hand" / "reach.xml"
    if not path.is_file():
        raise FileNotFoundError(f"gymnasium-robotics is installed but holds no {path}; expected version 1.3 or newer")
    return path


def attach_hand(scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
    """Attach the palm and fingers to a scene and return the palm body, which has no joint of its own yet.

    Wrist joint, tendons, actuators, touch sensors and limits given as tendons are left behind; the caller adds the
    base joint and its own actuators. Names get the prefix ``hand/``.

    Args:
        scene: the spec that receives the hand.
        visual: keep the visual meshes (rendering); physics does without them and compiles faster.
    """
    source = mujoco.MjSpec.from_file(str(hand_model_path()))
    for elements in (source.actuators, source.tendons, source.sensors):
        for element in list(elements):
            source.delete(element)
    for size in ("nuser_jnt", "nuser_site", "nuser_tendon", "nuser_sensor", "nuser_actuator", "njmax", "nconmax"):
        setattr(source, size, getattr(scene, size))
    for option in ("timestep", "iterations"):
        setattr(source.option, option, getattr(scene.option, option))
    source.delete(source.joint("robot0:WRJ0"))
    for geom in list(source.geoms):
        is_visual = geom.classname.name == "robot0:D_Vizual" or geom.name == "robot0:V_thbase"
        if is_visual and not visual:
            source.delete(geom)
    palm = scene.worldbody.add_frame().attach_body(source.body("robot0:palm"), HAND_PREFIX, "")
    palm.pos = [0.0, 0.0, 0.0]
    if not visual:
        for mesh in list(scene.meshes):
            if mesh.name.startswith(HAND_PREFIX):
                scene.delete(mesh)
    return palm


def element_name(name: str) -> str:
    """Name of a hand element (joint, body, geom) in an assembled scene: ``FFJ3`` -> ``hand/robot0:FFJ3``."""
    return f"{HAND_PREFIX}robot0:{name}"


@lru_cache(maxsize=2)
def bare_hand(*, visual: bool = False) -> mujoco.MjModel:
    """The hand alone, palm welded to the world's origin: the reference for limits and kinematics."""
    scene = mujoco.MjSpec()
    attach_hand(scene, visual=visual)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return scene.compile()


@lru_cache(maxsize=1)
def joint_limits() -> JointLimits:
    """Limits of the 18 actuated joints, read from the model."""
    model = bare_hand()
    ranges = np.array([model.joint(element_name(name)).range for name in ACTUATED_JOINTS])
    return JointLimits(low=ranges[:, 0].copy(), high=ranges[:, 1].copy())


@lru_cache(maxsize=1)
def coupled_limits() -> JointLimits:
    """Limits of the four coupled joints, read from the model."""
    model = bare_hand()
    ranges = np.array([model.joint(element_name(name)).range for name in COUPLED_JOINTS])
    return JointLimits(low=ranges[:, 0].copy(), high=ranges[:, 1].copy())


def _limits_like(joint_pos: Tensor) -> tuple[Tensor, Tensor]:
    limits = joint_limits()
    if joint_pos.shape[-1] != NUM_JOINTS:
        raise ValueError(
            f"joint_pos has {joint_pos.shape[-1]} columns, expected {NUM_JOINTS} "
            "(actuated joints in the order of envs/conventions.py)"
        )
    low = torch.as_tensor(limits.low, dtype=joint_pos.dtype, device=joint_pos.device)
    high = torch.as_tensor(limits.high, dtype=joint_pos.dtype, device=joint_pos.device)
    return low, high


def normalise_joints(joint_pos: Tensor) -> Tensor:
    """Joints in radians (..., 18) to [-1, 1] by their limits."""
    low, high = _limits_like(joint_pos)
    return 2.0 * (joint_pos - low) / (high - low) - 1.0


def denormalise_joints(joint_pos: Tensor) -> Tensor:
    """Joints in [-1, 1] (..., 18) to radians; the inverse of `normalise_joints`."""
    low, high = _limits_like(joint_pos)
    return low + 0.5 * (joint_pos + 1.0) * (high - low)


def half_ranges(like: Tensor) -> Tensor:
    """Radians per unit of normalised joint, (18,), in the dtype and device of ``like`` (..., 18)."""
    low, high = _limits_like(like)
    return 0.5 * (high - low)


def clamp_joints(joint_pos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joints in radians (..., 18), clamped to the limits."""
    limits = joint_limits()
    return np.clip(joint_pos, limits.low, limits.high)


def coupled_from_actuated(joint_pos: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four coupled joints (..., 4) that follow from the actuated ones (..., 18), radians."""
    return COUPLING_RATIO * joint_pos[..., _PARENT_COLUMNS]


def open_hand() -> NDArray[np.float64]:
    """Joints of the open hand from which every approach starts, (18,) radians: straight fingers, thumb aside."""
    return clamp_joints(np.zeros(NUM_JOINTS))
