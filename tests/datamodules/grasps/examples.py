"""Small objects that several tests share. The hand shapes are the tests' own: the shipped ones may be found anew."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.synthesis.prototypes import Prototype
from datamodules.synthesis.settings import SynthesisSettings
from datamodules.synthesis.synthesizer import GraspSynthesizer, ObjectResult
from envs.hand.shadow import shadow_hand
from envs.objects.builder import make_object
from envs.objects.grasp_object import GraspObject

TYPES = ("wrap", "pinch_FF")

TINY = SynthesisSettings(seed=1, quota=2, max_hands=4, batch=4, proposals=600, start_checks=64, types=TYPES)
"""A synthesis of some tenths of a second for each type and object."""

_THUMB_OPEN = {"THJ4": 0.9, "THJ3": 0.6, "THJ2": 0.1, "THJ1": 0.15, "THJ0": -0.05}
_THUMB_CLOSED = {"THJ4": 0.9, "THJ3": 1.2, "THJ2": 0.1, "THJ1": -0.25, "THJ0": -0.65}


def joints(**radians: float) -> NDArray[np.float64]:
    """Joints (18,) with the given ones set and the others at zero."""
    unknown = set(radians) - set(shadow_hand().joints)
    if unknown:
        raise KeyError(f"no joint {unknown.pop()}")
    return shadow_hand().clamp(np.array([radians.get(name, 0.0) for name in shadow_hand().joints]))


def _fingers(names: tuple[str, ...], flexion: tuple[float, float]) -> dict[str, float]:
    return {f"{name}{joint}": value for name in names for joint, value in zip(("J2", "J1"), flexion, strict=True)}


@lru_cache(maxsize=1)
def prototypes() -> dict[str, tuple[Prototype, ...]]:
    """One line of joints for each of TYPES."""
    four = ("FF", "MF", "RF", "LF")
    wrap = Prototype(
        open=joints(**_fingers(four, (0.2, 0.2)), **_THUMB_OPEN),
        closed=joints(**_fingers(four, (1.3, 1.1)), **_THUMB_CLOSED),
    )
    pinch = Prototype(
        open=joints(FFJ2=0.3, FFJ1=0.5, THJ4=0.9, THJ3=0.4, THJ1=0.4, THJ0=-0.1),
        closed=joints(FFJ2=0.9, FFJ1=1.2, THJ4=0.9, THJ3=1.0, THJ1=0.0, THJ0=-0.5),
    )
    return {"wrap": (wrap,), "pinch_FF": (pinch,)}


@lru_cache(maxsize=4)
def thing(family: str = "can", seed: int = 0) -> GraspObject:
    """An object, built once. The default is a can of 54 mm diameter and 44 mm height, easy to grasp."""
    return make_object(family, seed)


@lru_cache(maxsize=1)
def good_grasps() -> ObjectResult:
    """Eight verified grasps of the easy can, made once."""
    return GraspSynthesizer(
        shadow_hand(), replace(TINY, seed=2, quota=8, wanted=8, max_hands=24, batch=8), prototypes()
    ).synthesize(thing(), "train")


def made_up_set(name: str = "box_00000", split: str = "train", count: int = 3, seed: int = 0) -> GraspSet:
    """A valid set of one object with random numbers in every field."""
    rng = np.random.default_rng(seed)

    def poses() -> NDArray[np.float32]:
        quat = rng.standard_normal((count, 4))
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        return np.concatenate([rng.uniform(-0.2, 0.2, (count, 3)), quat], axis=1).astype(np.float32)

    def shapes() -> NDArray[np.float32]:
        return shadow_hand().clamp(rng.uniform(-0.3, 1.2, (count, shadow_hand().num_joints))).astype(np.float32)

    return GraspSet(
        hand=shadow_hand(),
        objects=(name,),
        object_splits=(split,),
        object_index=np.zeros(count, dtype=np.int32),
        object_pose_w=poses(),
        rest_pose_w=poses(),
        wrist_pose_o=poses(),
        joint_pos=shapes(),
        preshape=shapes(),
        type_index=rng.integers(len(shadow_hand().grasp_types), size=count).astype(np.uint8),
        aperture=rng.uniform(0.01, 0.1, count).astype(np.float32),
        links=rng.random((count, len(shadow_hand().links))) < 0.3,
        is_reachable=rng.random(count) < 0.5,
        provenance={"seed": seed},
    )


def two_objects() -> GraspSet:
    """Three made-up grasps of a training box and two of a test mug."""
    box = made_up_set("box_00000", "train", 3)
    return concatenate([box, made_up_set("mug_00015", "unseen_instances", 2, seed=1)], {"seed": 7})


def assert_same_grasps(first: GraspSet, second: GraspSet) -> None:
    """Bit for bit the same objects, splits and grasps; the provenance may differ."""
    assert first.objects == second.objects
    assert first.object_splits == second.object_splits
    for name in first.__dataclass_fields__:
        column, other = getattr(first, name), getattr(second, name)
        if isinstance(column, np.ndarray):
            assert column.dtype == other.dtype, name
            np.testing.assert_array_equal(column, other, err_msg=name)
