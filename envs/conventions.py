"""Units, frames and orders, decided once for the whole project.

Units are SI (metres, kilograms, seconds, radians). Quaternions are ``wxyz``. A pose is seven numbers, position then
quaternion. Frame suffixes: ``_w`` world, ``_h`` hand base (the palm body), ``_o`` object (origin at the centre of
mass). ``T_wo`` maps object coordinates to world coordinates. The table is the plane z = 0 of the world, z points up.

Of every hand z of the palm body points along the fingers, -y out of the palm and x, of a right hand, towards the thumb;
its origin is near the wrist. Joint vectors have the order of `Hand.joints`: J actuated joints, C coupled ones, L links,
F fingers.
"""

NUM_CLOUD_POINTS = 1024
NUM_SURFACE_POINTS = 4096

PHYSICS_DT = 0.005
"""Physics step in seconds (docs/deviations.md)."""

STEPS_PER_CONTROL = 5
"""Physics steps per control step: one control step lasts 25 ms."""

CONTROL_DT = PHYSICS_DT * STEPS_PER_CONTROL

MAX_JOINT_STEP = 0.05
"""Radians that an action of 1 moves a joint in one control step (GraspGF App. A.1)."""

SPLITS: tuple[str, ...] = ("train", "development", "unseen_instances", "unseen_families")
"""Training objects; objects on which choices are made; unseen instances of seen families and objects of unseen families
(GraspGF Sec. 4.1). Split files and grasp sets need not have the second."""

DEVELOPMENT_SPLIT = SPLITS[1]

UNSEEN_SPLITS = SPLITS[2:]
"""The test splits: objects that were neither trained on nor watched when choices were made."""
