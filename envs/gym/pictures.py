"""Pictures of worlds for Gymnasium's render, each from one place as long as its episode lasts."""

import numpy as np
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.physics.base import PhysicsState
from envs.pictures.hand_picture import HandPicture, grasp_camera, posed_hand, posed_object
from envs.pictures.meshes import joined
from envs.pictures.view import Camera, Image
from envs.task.episodes import Episodes


class WorldPictures:
    """Draws E worlds; needs no OpenGL.

    Args:
        hand: the hand in all of them.
        num_worlds: E.
        size: edge of a picture, pixels.

    Raises:
        ValueError: a picture of less than 16 pixels.
    """

    def __init__(self, hand: Hand, num_worlds: int, size: int) -> None:
        self._picture = HandPicture(hand, size)
        self._cameras: list[Camera | None] = [None] * num_worlds

    def begin(self, worlds: NDArray[np.bool_]) -> None:
        """New episodes begin in worlds (E,) bool."""
        for world in np.flatnonzero(worlds):
            self._cameras[world] = None

    def draw(self, state: PhysicsState, episodes: Episodes) -> list[Image]:
        """Pictures (P, P, 3) of all worlds."""
        return [self._draw(state, episodes, world) for world in range(len(episodes))]

    def _draw(self, state: PhysicsState, episodes: Episodes, world: int) -> Image:
        camera = self._cameras[world]
        if camera is None:
            camera = self._cameras[world] = self._camera(episodes, world)
        thing = episodes.grasp_objects[world]
        return self._picture.draw(
            state.joint_pos[world],
            state.wrist_pose_w[world],
            thing.vertices,
            thing.faces,
            state.object_pose_w[world],
            coupled_pos=state.coupled_pos[world],
            camera=camera,
        )

    def _camera(self, episodes: Episodes, world: int) -> Camera:
        """One that sees object and hand at the start, and at the grasp."""
        hand, thing = episodes.hand, episodes.grasp_objects[world]
        goal_w = episodes.goal_pose_w[world]
        places_w = (episodes.wrist_pose_w[world, 0], goal_w)
        hands = joined([posed_hand(hand, hand.open_pose, place_w) for place_w in places_w])
        return grasp_camera(hands, posed_object(thing.vertices, thing.faces, episodes.object_pose_w[world]), goal_w)
