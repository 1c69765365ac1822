"""Pictures of the hand with an object on the table, without OpenGL."""

from functools import lru_cache

import mujoco
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.pictures.meshes import Array, ColouredMesh, coloured, joined
from envs.pictures.view import Camera, Image, look_at, render_scene

OBJECT_COLOUR = (0.91, 0.56, 0.24)
HAND_COLOUR = (0.72, 0.74, 0.77)
FINGERTIP_COLOUR = (0.26, 0.33, 0.42)

_HAND_CREASE = float(np.radians(65.0))
"""The hand's meshes are coarse: facets of the thumb meet at up to 60 degrees where the part is round."""


class HandPicture:
    """Draws grasps of a hand: ``HandPicture(hand, 480).draw(...)`` gives an image array."""

    def __init__(self, hand: Hand, size: int = 480) -> None:
        if size < 16:
            raise ValueError(f"picture size is {size} pixels, expected at least 16")
        self.hand = hand
        self.size = size

    def draw(
        self,
        joint_pos: ArrayLike,
        wrist_pose_w: ArrayLike,
        object_vertices: ArrayLike,
        object_faces: ArrayLike,
        object_pose_w: ArrayLike,
        *,
        coupled_pos: ArrayLike | None = None,
        camera: Camera | None = None,
        object_colour: tuple[float, float, float] = OBJECT_COLOUR,
    ) -> Image:
        """A picture (size, size, 3) uint8 of hand, object and table.

        Args:
            joint_pos: actuated joints (J,) rad.
            wrist_pose_w: hand base pose (7,).
            object_vertices: (V, 3) metres, object frame.
            object_faces: (F, 3).
            object_pose_w: object pose (7,).
            coupled_pos: coupled joints (C,) rad; from their parents where not given.
            camera: `grasp_camera` of what is drawn where not given; pass one to compare pictures.
            object_colour: sRGB in [0, 1].
        """
        hand = posed_hand(self.hand, joint_pos, wrist_pose_w, coupled_pos)
        object_mesh = posed_object(object_vertices, object_faces, object_pose_w, object_colour)
        if camera is None:
            camera = grasp_camera(hand, object_mesh, wrist_pose_w)
        return render_scene([hand, object_mesh], camera, self.size)


def posed_hand(
    hand: Hand, joint_pos: ArrayLike, wrist_pose_w: ArrayLike, coupled_pos: ArrayLike | None = None
) -> ColouredMesh:
    """A hand's visual meshes in the world, for joints (J,) rad and a hand base pose (7,)."""
    # a copy: torch warns of constants, which cannot be written to
    joints = torch.tensor(_finite(joint_pos, "joint_pos", hand.num_joints)[None])
    coupled = None
    if coupled_pos is not None:
        coupled = torch.from_numpy(_finite(coupled_pos, "coupled_pos", hand.num_coupled)[None])
    pose = _kinematics(hand).forward(joints, coupled)
    parts = []
    for link, mesh in hand_meshes(hand):
        index = hand.links.index(link)
        parts.append(mesh.moved(_matrix(pose.link_quat[0, index].numpy()), pose.link_position[0, index].numpy()))
    wrist = _finite(wrist_pose_w, "wrist_pose_w", 7)
    return joined(parts).moved(_matrix(wrist[3:]), wrist[:3])


def posed_object(
    vertices: ArrayLike, faces: ArrayLike, object_pose_w: ArrayLike, colour: tuple[float, float, float] = OBJECT_COLOUR
) -> ColouredMesh:
    """An object's mesh (V, 3), (F, 3) in the world, at the pose (7,)."""
    pose = _finite(object_pose_w, "object_pose_w", 7)
    return coloured(vertices, faces, colour).moved(_matrix(pose[3:]), pose[:3])


def grasp_camera(hand: ColouredMesh, object_mesh: ColouredMesh, wrist_pose_w: ArrayLike) -> Camera:
    """A camera that sees thumb and fingers around the object: from the thumb's side, a little from the palm.

    It stays above the table, so that a hand that reaches down is not seen from below.
    """
    wrist = _finite(wrist_pose_w, "wrist_pose_w", 7)
    direction = _matrix(wrist[3:]) @ np.array([0.9, -0.45, 0.1])
    level = float(np.linalg.norm(direction[:2]))
    if level < 1e-3:  # thumb straight up or down
        direction, level = np.array([0.6, -0.8, 0.0]), 1.0
    slope = np.clip(direction[2] / level, np.tan(np.radians(14.0)), np.tan(np.radians(38.0)))
    points = np.concatenate((hand.corners.reshape(-1, 3), object_mesh.corners.reshape(-1, 3)))
    return look_at(points, np.array([direction[0], direction[1], slope * level]))


@lru_cache(maxsize=8)
def _kinematics(hand: Hand) -> HandKinematics:
    return HandKinematics(hand)


@lru_cache(maxsize=8)
def hand_meshes(hand: Hand) -> tuple[tuple[str, ColouredMesh], ...]:
    """(link, visual mesh in the link frame) of every drawn part of the hand; none where its model has no meshes."""
    model, tips = hand.model(visual=True), {finger.tip_link for finger in hand.fingers}
    parts = []
    is_look = (model.geom_contype == 0) & (model.geom_conaffinity == 0)
    for geom in np.flatnonzero(is_look & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)):
        link = hand.links[int(model.geom_bodyid[geom]) - 1]
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        vertices = model.mesh_vert[first : first + count].astype(np.float64)
        first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        colour = FINGERTIP_COLOUR if link in tips else HAND_COLOUR
        part = coloured(vertices, model.mesh_face[first : first + count], colour, crease=_HAND_CREASE)
        parts.append((link, part.moved(_matrix(model.geom_quat[geom]), model.geom_pos[geom])))
    return tuple(parts)


def _matrix(quat: NDArray[np.float64]) -> Array:
    matrix: Array = Rotation.from_quat(quat, scalar_first=True).as_matrix()
    return matrix


def _finite(values: ArrayLike, what: str, count: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (count,):
        raise ValueError(f"{what} has shape {array.shape}, expected ({count},)")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} holds {array[~np.isfinite(array)][0]}, expected finite numbers")
    return array
