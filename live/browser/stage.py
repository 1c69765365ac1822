"""What a visitor sees: table, hand, object, contacts, the way to follow, and the handles that move the wrist."""

from collections.abc import Callable

import numpy as np
import viser
from numpy.typing import NDArray

from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.pictures.hand_picture import HAND_COLOUR, OBJECT_COLOUR, hand_meshes, posed_hand
from envs.pictures.hand_shapes import collision_shapes
from envs.pictures.meshes import ColouredMesh, coloured
from live.browser.look import Look
from live.browser.ways import Way
from live.poses import Array

Colour = tuple[int, int, int]

TABLE: Colour = (176, 152, 126)
GHOST: Colour = (86, 156, 230)
CONTACT: Colour = (214, 40, 57)
ARROW: Colour = (20, 150, 90)

NUM_CONTACTS = 16
"""Contacts that are drawn at most."""

_PARKED: Array = np.array([0.0, 0.0, -0.01])
"""Within the table, where dots lie that are not needed, m."""

_MOVED = 1e-4
"""Metres, or of a quaternion, below which nothing is sent."""

CAMERA, LOOK_AT, VIEW = (0.49, -0.61, 0.36), (0.055, 0.045, 0.14), 0.75
"""Where the visitor stands at first, and what he looks at, m; how high his view is, rad."""


def indexed(mesh: ColouredMesh) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Vertices (V, 3), m, and faces (F, 3) of a mesh: corners are shared where it is smooth, doubled at its edges."""
    rows = np.concatenate([mesh.corners.reshape(-1, 3), mesh.normals.reshape(-1, 3)], axis=1).round(6)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return rows[first, :3].astype(np.float32), inverse.reshape(-1, 3).astype(np.uint32)


def link_meshes(hand: Hand) -> list[tuple[str, ColouredMesh]]:
    """(link, mesh in the link frame) of everything of the hand that is drawn: its meshes, or what collides."""
    drawn = list(hand_meshes(hand))
    return drawn or [(link, coloured(*shape, HAND_COLOUR)) for link, shape in collision_shapes(hand)]


def _bytes(colour: NDArray[np.float64] | tuple[float, float, float]) -> Colour:
    red, green, blue = (round(255 * float(value)) for value in colour)
    return red, green, blue


class Stage:
    """The scene of one visitor.

    Args:
        client: the visitor's tab.
        hand: the hand.
        on_wrist: called with the pose (7,) that the visitor drags the wrist to.
    """

    def __init__(self, client: viser.ClientHandle, hand: Hand, on_wrist: Callable[[Array], None]) -> None:
        self._client, self._scene, self._hand = client, client.scene, hand
        scene = self._scene
        scene.configure_default_lights(cast_shadow=True)
        scene.add_box("/table", color=TABLE, dimensions=(1.1, 1.1, 0.03), position=(0.0, 0.0, -0.015))
        self._links = [scene.add_frame(f"/hand/{link}", show_axes=False) for link in hand.links]
        for number, (link, mesh) in enumerate(link_meshes(hand)):
            vertices, faces = indexed(mesh)
            scene.add_mesh_simple(f"/hand/{link}/part_{number}", vertices, faces, color=_bytes(mesh.colours[0]))
        # nodes of their own: where a node is arrives at once, arrays of places lag behind on slow machines
        self._dots = [
            scene.add_icosphere(
                f"/contacts/{number}", 0.006, CONTACT, subdivisions=1, cast_shadow=False, position=_PARKED
            )
            for number in range(NUM_CONTACTS)
        ]
        self._dots_at = np.tile(_PARKED, (NUM_CONTACTS, 1))
        self._arrows = scene.add_arrows(
            "/field",
            np.zeros((len(hand.fingers), 2, 3)),
            ARROW,
            shaft_radius=0.0018,
            head_radius=0.0045,
            head_length=0.009,
            visible=False,
        )
        self._gizmo = scene.add_transform_controls(
            "/wrist", scale=0.1, line_width=3.0, disable_sliders=True, depth_test=False, opacity=0.9
        )
        self._is_dragged = False
        self._gizmo_at = np.zeros(7)
        self._place_gizmo_hooks(on_wrist)
        self._object: viser.MeshHandle | None = None
        self._way: list[viser.SceneNodeHandle] = []
        self._shows_way = True
        self._shown = np.zeros((len(hand.links), 7))
        client.camera.position, client.camera.look_at, client.camera.fov = CAMERA, LOOK_AT, VIEW

    def _place_gizmo_hooks(self, on_wrist: Callable[[Array], None]) -> None:
        @self._gizmo.on_update
        async def _(event: viser.TransformControlsEvent) -> None:
            self._is_dragged = event.phase != "end"
            on_wrist(np.concatenate([event.target.position, event.target.wxyz]))

    def place(self, thing: GraspObject, way: Way | None) -> None:
        """Another object, and its way to follow."""
        vertices, faces = indexed(coloured(thing.vertices, thing.faces, OBJECT_COLOUR))
        self._object = self._scene.add_mesh_simple("/object", vertices, faces, color=_bytes(OBJECT_COLOUR))
        for part in self._way:
            part.remove()
        self._way = []
        if way is None:
            return
        ghost = posed_hand(self._hand, self._hand.open_pose.copy(), way.wrist_pose_w[way.grasp_step])
        vertices, faces = indexed(ghost)
        hand = self._scene.add_mesh_simple(
            "/way/hand", vertices, faces, color=GHOST, opacity=0.22, cast_shadow=False, receive_shadow=False
        )
        path = self._scene.add_spline_catmull_rom(
            "/way/path", way.wrist_pose_w[::4, :3], color=GHOST, thickness=0.0018, segments=120
        )
        self._way = [hand, path]
        self.show_way(self._shows_way)

    def show(self, look: Look, wanted_w: Array, arrows_w: Array | None, *, with_contacts: bool) -> None:
        """Draw a world; the handles go to where the wrist is wanted (7,), unless the visitor holds them."""
        moved = np.abs(look.link_pose_w - self._shown).max(axis=1) > _MOVED
        with self._client.atomic():
            for number in np.flatnonzero(moved):
                pose = self._shown[number] = look.link_pose_w[number]
                self._links[number].position, self._links[number].wxyz = pose[:3], pose[3:]
            if self._object is not None:
                self._object.position, self._object.wxyz = look.object_pose_w[:3], look.object_pose_w[3:]
            self._show_dots(look.contacts_w if with_contacts else np.zeros((0, 3)))
            self._arrows.visible = arrows_w is not None
            if arrows_w is not None:
                self._arrows.points = arrows_w.astype(np.float32)
            if not self._is_dragged and np.abs(wanted_w - self._gizmo_at).max() > _MOVED:
                self._gizmo_at = wanted_w.copy()
                self._gizmo.position, self._gizmo.wxyz = wanted_w[:3], wanted_w[3:]

    def show_way(self, is_shown: bool) -> None:
        """Show the way to follow or not."""
        self._shows_way = is_shown
        for part in self._way:
            part.visible = is_shown

    def _show_dots(self, contacts_w: Array) -> None:
        places = np.tile(_PARKED, (NUM_CONTACTS, 1))
        count = min(len(contacts_w), NUM_CONTACTS)
        places[:count] = contacts_w[:count]
        for number in np.flatnonzero(np.abs(places - self._dots_at).max(axis=1) > _MOVED):
            self._dots[number].position = places[number]
            self._dots_at[number] = places[number]
