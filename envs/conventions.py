"""Units, frames and orders, decided once for the whole project.

Units are SI (metres, kilograms, seconds, radians). Quaternions are ``wxyz``. A pose is seven numbers, position then
quaternion. Frame suffixes: ``_w`` world, ``_h`` hand base (the palm body), ``_o`` object (origin at the centre of
mass). ``T_wo`` maps object coordinates to world coordinates. The table is the plane z = 0 of the world, z points up.
"""

ACTUATED_JOINTS: tuple[str, ...] = (
    "FFJ3", "FFJ2", "FFJ1",
    "MFJ3", "MFJ2", "MFJ1",
    "RFJ3", "RFJ2", "RFJ1",
    "LFJ4", "LFJ3", "LFJ2", "LFJ1",
    "THJ4", "THJ3", "THJ2", "THJ1", "THJ0",
)  # fmt: skip
"""The 18 joints that an action moves, in the order of every joint vector (GraspGF Sec. 2; released code)."""

COUPLED_JOINTS: tuple[str, ...] = ("FFJ0", "MFJ0", "RFJ0", "LFJ0")
"""The four distal joints, each driven by the tendon of its middle joint (J1)."""

COUPLED_PARENTS: tuple[str, ...] = ("FFJ1", "MFJ1", "RFJ1", "LFJ1")
"""The actuated joint that each coupled joint follows."""

FINGERS: tuple[str, ...] = ("ff", "mf", "rf", "lf", "th")
"""First, middle, ring, little finger and thumb: order of fingertips everywhere."""

NUM_JOINTS = len(ACTUATED_JOINTS)
NUM_COUPLED = len(COUPLED_JOINTS)
NUM_CLOUD_POINTS = 1024
NUM_SURFACE_POINTS = 4096

PHYSICS_DT = 0.005
"""Physics step in seconds (docs/deviations.md)."""

STEPS_PER_CONTROL = 5
"""Physics steps per control step: one control step lasts 25 ms."""

CONTROL_DT = PHYSICS_DT * STEPS_PER_CONTROL

MAX_JOINT_STEP = 0.05
"""Radians that an action of 1 moves a joint in one control step (GraspGF App. A.1)."""

SPLITS: tuple[str, ...] = ("train", "unseen_instances", "unseen_families")
"""Training objects, unseen instances of seen families, objects of unseen families (GraspGF Sec. 4.1)."""

UNSEEN_SPLITS = SPLITS[1:]
"""Objects that were not trained on."""
