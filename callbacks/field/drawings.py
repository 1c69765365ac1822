"""What the field does, in pictures: fingertip arrows over the cloud, grasps before and after, denoising filmstrips.

All of them are arrays (H, W, 3) uint8 for TensorBoard (`add_image(..., dataformats="HWC")`) or
`envs.pictures.sheets.save_png`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics
from envs.objects.grasp_object import GraspObject
from envs.pictures.hand_picture import HandPicture, grasp_camera, posed_hand, posed_object
from envs.pictures.meshes import ColouredMesh, arrow, balls, joined
from envs.pictures.sheets import contact_sheet
from envs.pictures.view import Camera, Image, Look, look_at, render_scene

IDENTITY_POSE = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)

FINGER_COLOURS: tuple[tuple[float, float, float], ...] = (
    (0.84, 0.19, 0.19), (0.93, 0.54, 0.12), (0.22, 0.62, 0.30), (0.17, 0.46, 0.78), (0.55, 0.27, 0.68),
)  # fmt: skip
"""Arrow colours of the fingers, which take turns."""

CLOUD_COLOUR = (0.30, 0.52, 0.72)
_HAND_OPACITY = 0.45


@dataclass(frozen=True)
class GraspScene:
    """A hand, an object on the table and the wrist that grasps it: object_pose_w (7,), wrist_pose_w (7,)."""

    hand: Hand
    grasp_object: GraspObject
    object_pose_w: NDArray[np.float64]
    wrist_pose_w: NDArray[np.float64]


def fingertip_motion(hand: Hand, joint_pos: ArrayLike, joint_step: ArrayLike) -> NDArray[np.float64]:
    """Where a step of the joints takes the fingertips: differences (F, 3) in metres, hand frame.

    Args:
        hand: the hand.
        joint_pos: actuated joints (J,) rad.
        joint_step: what is added to them (J,) rad; the sum is clamped to the limits.
    """
    start = np.asarray(joint_pos, dtype=np.float64)
    step = np.asarray(joint_step, dtype=np.float64)
    if start.shape != (hand.num_joints,) or step.shape != (hand.num_joints,):
        raise ValueError(
            f"joint_pos has shape {start.shape}, joint_step {step.shape}, expected ({hand.num_joints},) each"
        )
    both = torch.from_numpy(np.stack((start, hand.clamp(start + step))))
    tips = HandKinematics(hand).forward(both).fingertips.numpy()
    return np.asarray(tips[1] - tips[0])


def field_picture(
    hand: Hand,
    joint_pos: ArrayLike,
    joint_step: ArrayLike,
    points_h: ArrayLike,
    *,
    size: int = 480,
    arrow_scale: float = 8.0,
    camera: Camera | None = None,
) -> Image:
    """The cloud in front of a translucent hand, with an arrow on each fingertip: (size, size, 3) uint8.

    Args:
        hand: the hand.
        joint_pos: actuated joints (J,) rad.
        joint_step: the action in radians (J,), for instance MAX_JOINT_STEP * a_p.
        points_h: object cloud (N, 3) metres, hand frame.
        size: edge of the picture, pixels.
        arrow_scale: length of an arrow over the motion of its fingertip in this step (5 to 10 mm at full speed).
        camera: `look_at` of what is drawn where not given.
    """
    points = np.asarray(points_h, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"points_h has shape {points.shape} or is not finite, expected finite (N, 3) metres")
    drawn = posed_hand(hand, joint_pos, IDENTITY_POSE)
    signs = [balls(points, 0.0014, CLOUD_COLOUR), *_fingertip_arrows(hand, joint_pos, joint_step, arrow_scale)]
    if camera is None:
        seen = np.concatenate([mesh.corners.reshape(-1, 3) for mesh in (drawn, *signs)])
        camera = look_at(seen, np.array([0.85, -0.75, 0.35]))
    look = Look(has_table=False, has_shadows=False)  # a cloud's shadow on the palm is only noise
    behind = render_scene([drawn, *signs], camera, size, look).astype(np.float32)
    front = render_scene(signs, camera, size, look).astype(np.float32)
    return (_HAND_OPACITY * behind + (1.0 - _HAND_OPACITY) * front + 0.5).astype(np.uint8)


def grasp_pictures(scene: GraspScene, joint_pos: Sequence[ArrayLike], *, size: int = 320) -> list[Image]:
    """One picture for each joint vector (J,) rad, all from one camera that sees every one of them."""
    if not joint_pos:
        raise ValueError("grasp_pictures got no joint vectors; give at least one")
    thing = scene.grasp_object
    mesh = posed_object(thing.vertices, thing.faces, scene.object_pose_w)
    hands = joined([posed_hand(scene.hand, joints, scene.wrist_pose_w) for joints in joint_pos])
    camera = grasp_camera(hands, mesh, scene.wrist_pose_w)
    picture = HandPicture(scene.hand, size)
    return [
        picture.draw(joints, scene.wrist_pose_w, thing.vertices, thing.faces, scene.object_pose_w, camera=camera)
        for joints in joint_pos
    ]


def before_and_after(
    scene: GraspScene, before: ArrayLike, after: ArrayLike, *, size: int = 320, title: str | None = None
) -> Image:
    """Two pictures side by side: joints (J,) rad before and after following the field; titled after the object."""
    name = scene.grasp_object.name if title is None else title
    return contact_sheet(grasp_pictures(scene, [before, after], size=size), [f"{name}, before", "after"], columns=2)


def denoising_filmstrip(
    scene: GraspScene, joint_pos: Sequence[ArrayLike], times: Sequence[float], *, size: int = 240, title: str = ""
) -> Image:
    """A row of pictures: the joints (J,) rad, clamped to their limits, at diffusion times t from noise to grasp.

    ``title`` stands before the time of the first.
    """
    if len(times) != len(joint_pos):
        raise ValueError(f"filmstrip got {len(times)} times for {len(joint_pos)} joint vectors; give one each")
    clamped = [scene.hand.clamp(np.asarray(joints, dtype=np.float64)) for joints in joint_pos]
    titles = [f"{title}, t = {time:.2f}" if title and not i else f"t = {time:.2f}" for i, time in enumerate(times)]
    return contact_sheet(grasp_pictures(scene, clamped, size=size), titles, columns=len(titles))


def _fingertip_arrows(hand: Hand, joint_pos: ArrayLike, joint_step: ArrayLike, scale: float) -> list[ColouredMesh]:
    motion = scale * fingertip_motion(hand, joint_pos, joint_step)
    joints = torch.from_numpy(np.asarray(joint_pos, dtype=np.float64)[None])
    tips = HandKinematics(hand).forward(joints).fingertips[0].numpy()
    colours = cycle(FINGER_COLOURS)
    arrows = [arrow(tip, way, 0.0018, colour) for tip, way, colour in zip(tips, motion, colours, strict=False)]
    return [mesh for mesh in arrows if mesh is not None]
