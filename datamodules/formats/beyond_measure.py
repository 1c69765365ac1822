"""Grasps whose numbers cannot be computed with: they would spoil those beside them."""

import numpy as np

from datamodules.formats.foreign import ForeignGrasp

MIN_SCALE = 1e-5
"""Metres of a unit of a mesh file: with less, objects of the usual size would have thousands of units."""

MAX_DISTANCE = 10.0
"""Metres from the mesh's origin to the palm: more is no grasp, and what overflows would spoil the grasps beside it."""

MAX_ANGLE = 2.0 * np.pi
"""Radians of a joint: more are degrees."""


def beyond_measure(grasp: ForeignGrasp) -> str:
    """What is wrong with a grasp whose numbers cannot be computed with; nothing for others."""
    if not grasp.scale >= MIN_SCALE:
        return f"the object's true scale is {grasp.scale:.3g}, allowed from {MIN_SCALE:g}; leave this entry out"
    distance = float(np.abs(grasp.wrist_pose_m[:3]).max())
    if not distance <= MAX_DISTANCE:
        return (
            f"the palm is {distance:.3g} m from the object, allowed {MAX_DISTANCE:g}; are these metres? Leave "
            "this entry out"
        )
    for joints in (grasp.joints, grasp.pregrasp or {}, grasp.squeeze or {}):
        name = max(joints, key=lambda name: abs(joints[name]), default="")
        if name and not abs(joints[name]) <= MAX_ANGLE:
            return (
                f"joint {name} is at {joints[name]:.3g}, allowed up to {MAX_ANGLE:.3g} rad; are these degrees? "
                "Leave this entry out"
            )
    return ""
