"""A hand's collision shapes as meshes to be drawn: what touches, for every hand, with or without visual meshes."""

from collections.abc import Mapping
from functools import lru_cache

import mujoco
import numpy as np
import torch
import trimesh
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.pictures.meshes import Array, ColouredMesh, coloured, joined

Colour = tuple[float, float, float]


def shaped_hand(hand: Hand, joint_pos: Array, colours: Mapping[str, Colour]) -> ColouredMesh:
    """The shapes of the links that have a colour, in the hand base frame, for joints (J,) rad."""
    pose = HandKinematics(hand).forward(torch.tensor(np.asarray(joint_pos, dtype=np.float64)[None]))
    parts = []
    for link, (vertices, faces) in collision_shapes(hand):
        if link in colours:
            index = hand.link_indices([link])[0]
            turn, position = _matrix(pose.link_quat[0, index].numpy()), pose.link_position[0, index].numpy()
            parts.append(coloured(vertices, faces, colours[link]).moved(turn, position))
    if not parts:
        raise ValueError(f"none of the links {', '.join(colours)} of the hand {hand.name} has a collision shape")
    return joined(parts)


@lru_cache(maxsize=4)
def collision_shapes(hand: Hand) -> tuple[tuple[str, tuple[Array, NDArray[np.int64]]], ...]:
    """(link, vertices in the link frame and faces) of every collision shape."""
    model = hand.model()
    shapes = []
    for geom in range(model.ngeom):
        link = model.body(int(model.geom_bodyid[geom])).name.removeprefix(hand.element(""))
        mesh = _mesh(model, geom)
        vertices = mesh.vertices @ _matrix(model.geom_quat[geom]).T + model.geom_pos[geom]
        shapes.append((link, (np.asarray(vertices), np.asarray(mesh.faces, dtype=np.int64))))
    return tuple(shapes)


def _mesh(model: mujoco.MjModel, geom: int) -> trimesh.Trimesh:
    size, kind = model.geom_size[geom], mujoco.mjtGeom(int(model.geom_type[geom]))
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return trimesh.convex.convex_hull(model.mesh_vert[first : first + count].astype(np.float64))
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return trimesh.creation.capsule(height=2.0 * size[1], radius=size[0], count=(16, 16))
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return trimesh.creation.cylinder(height=2.0 * size[1], radius=size[0])
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return trimesh.creation.box(extents=2.0 * size)
    ball = trimesh.creation.icosphere(subdivisions=2)
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return ball.apply_scale(size[0])
    if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        return ball.apply_scale(size)
    raise ValueError(f"collision shape of type {kind.name} cannot be drawn; use capsules, boxes, balls or meshes")


def _matrix(quat: NDArray[np.float64]) -> Array:
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, np.ascontiguousarray(quat, dtype=np.float64))
    return matrix.reshape(3, 3)
