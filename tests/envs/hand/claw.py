"""A small hand made up for tests: one finger with a coupled joint, and a thumb."""

from pathlib import Path

import numpy as np

# a palm of two welded links, a finger of two and a tip, a thumb of one; y is along the fingers, the mesh is a ball
URDF = """<?xml version="1.0"?>
<robot name="claw">
  <link name="mount"/>
  <joint name="weld" type="fixed"><parent link="mount"/><child link="hand"/><origin xyz="0 0.01 0"/></joint>
  <link name="hand">
    <inertial><mass value="0.2"/><inertia ixx="1e-4" ixy="0" ixz="0" iyy="1e-4" iyz="0" izz="1e-4"/></inertial>
    <visual><geometry><mesh filename="ball.obj"/></geometry></visual>
    <collision><geometry><mesh filename="ball.obj" scale="2 2 2"/></geometry></collision>
  </link>
  <joint name="q1" type="revolute"><parent link="hand"/><child link="near"/><origin xyz="0 0.05 0"/>
    <axis xyz="1 0 0"/><limit lower="0" upper="2" effort="1" velocity="1"/></joint>
  <link name="near">
    <inertial><mass value="0.01"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="9"/></inertial>
    <collision><geometry><box size="0.01 0.04 0.01"/></geometry></collision>
    <collision><origin xyz="0 0.02 0"/><geometry><sphere radius="0.006"/></geometry></collision>
  </link>
  <joint name="q2" type="revolute"><parent link="near"/><child link="far"/><origin xyz="0 0.04 0"/>
    <axis xyz="1 0 0"/><limit lower="0" upper="2" effort="1" velocity="1"/>
    <mimic joint="q1" multiplier="1" offset="0.1"/></joint>
  <link name="far">
    <inertial><mass value="0.005"/><inertia ixx="1e-6" ixy="0" ixz="0" iyy="1e-6" iyz="0" izz="1e-6"/></inertial>
    <collision><geometry><sphere radius="0.006"/></geometry></collision>
  </link>
  <joint name="end" type="fixed"><parent link="far"/><child link="tip"/><origin xyz="0 0.03 0"/></joint>
  <link name="tip"/>
  <joint name="t1" type="revolute"><parent link="hand"/><child link="stub"/><origin xyz="0 0.02 0.06"/>
    <axis xyz="1 0 0"/><limit lower="-1" upper="0" effort="1" velocity="1"/></joint>
  <link name="stub">
    <inertial><mass value="0.01"/><inertia ixx="1e-6" ixy="0" ixz="0" iyy="1e-6" iyz="0" izz="1e-6"/></inertial>
    <collision><origin xyz="0 0.04 0"/><geometry><sphere radius="0.006"/></geometry></collision>
  </link>
</robot>
"""

HAND = """
name: claw
model: claw.urdf
root: mount
base_quat: [0.7071067811865476, 0.7071067811865476, 0.0, 0.0]
inertia_from_shapes: true
fingers:
  - name: finger
    joints: [q1]
    tip_link: far
    tip_point: [0.0, 0.03, 0.0]
    pad: {link: far, point: [0.0, 0.0, 0.006], normal: [0.0, 0.0, 1.0]}
  - name: thumb
    joints: [t1]
    tip_link: stub
    tip_point: [0.0, 0.046, 0.0]
    pad: {link: stub, point: [0.0, 0.04, -0.006], normal: [0.0, 0.0, -1.0]}
coupled:
  - {joint: q2, parent: q1, ratio: 0.9, offset: 0.1}
open_pose: {t1: -0.2}
closing: {q1: 1, t1: -1}
grasp_centre: [0.0, -0.03, 0.08]
"""


def write_claw(folder: Path) -> Path:
    """Write model, mesh and hand file; the model's path. The hand file is ``claw.yaml`` beside it."""
    points = np.random.default_rng(0).standard_normal((400, 3))
    points *= 0.02 / np.linalg.norm(points, axis=1, keepdims=True)
    corners = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in points)
    faces = "".join(f"f {i + 1} {i + 2} {i + 3}\n" for i in range(0, 397, 3))
    (folder / "ball.obj").write_text(corners + faces)
    (folder / "claw.urdf").write_text(URDF)
    (folder / "claw.yaml").write_text(HAND)
    return folder / "claw.urdf"
