"""Files that Isaac Gym loads: the hand as MJCF on six base joints, an object as URDF of convex pieces."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from envs.files import cache_folder
from envs.hand.hand import Hand
from envs.objects.grasp_object import GraspObject
from envs.physics.base import Array
from envs.physics.isaacgym.base_joints import BASE_JOINTS
from envs.physics.settings import PhysicsSettings
from envs.physics.world_model import build_hand_model

_CARRIER_MASS = 0.1
_CARRIER_INERTIA = 0.001
"""Of each body between world and palm, kg and kg m^2, as in the released code's hand."""

_SIZES = {
    mujoco.mjtGeom.mjGEOM_SPHERE: ("sphere", 1),
    mujoco.mjtGeom.mjGEOM_CAPSULE: ("capsule", 2),
    mujoco.mjtGeom.mjGEOM_CYLINDER: ("cylinder", 2),
    mujoco.mjtGeom.mjGEOM_BOX: ("box", 3),
}


@dataclass(frozen=True)
class AssetFile:
    """A file below a folder of its own, with the meshes that it names beside it."""

    folder: Path
    name: str


class AssetFiles:
    """The files of hands and objects, kept between runs; complete or absent.

    Args:
        folder: where they are written; the project's cache, or a temporary folder where that is off, when None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        kept = folder or cache_folder("isaacgym")
        if kept is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="isaacgym_assets_")
            kept = Path(self._temporary.name)
        self.folder = kept.absolute()  # the worker need not run where this process does

    def of_hand(self, hand: Hand, settings: PhysicsSettings) -> AssetFile:
        """MJCF of the hand: bodies and joints are called as `Hand.links` and `Hand.all_joints`."""
        files = _hand_files(hand, build_hand_model(hand, settings))
        return self._kept(f"hands/{hand.name}-{_digest(files)}", "hand.xml", files)

    def of_object(self, thing: GraspObject) -> AssetFile:
        """URDF of an object: one link, its pieces as meshes.

        Raises:
            ValueError: a piece has no volume; names object and piece.
        """
        folder = f"objects/{thing.name}-{thing.body_digest}"
        if (self.folder / folder / "object.urdf").is_file():
            return AssetFile(self.folder / folder, "object.urdf")
        return self._kept(folder, "object.urdf", _object_files(thing))

    def _kept(self, folder: str, name: str, files: dict[str, bytes]) -> AssetFile:
        """Write a folder aside and move it to its place, unless it is there."""
        place = self.folder / folder
        if not (place / name).is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
            try:
                for each, content in files.items():
                    (aside / each).write_bytes(content)
                aside.chmod(0o755)
                os.replace(aside, place)
            except OSError:
                if not (place / name).is_file():  # else another process was quicker
                    raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return AssetFile(place, name)


def _digest(files: dict[str, bytes]) -> str:
    total = sha256()
    for name, content in sorted(files.items()):
        total.update(name.encode() + content)
    return total.hexdigest()[:16]


def _text(values: Array) -> str:
    return " ".join(f"{float(value):.9g}" for value in np.atleast_1d(values))


def _xml(root: Element) -> bytes:
    indent(root)
    return tostring(root) + b"\n"


# --- the hand


def _hand_files(hand: Hand, model: mujoco.MjModel) -> dict[str, bytes]:
    """MJCF, and an STL file for each shape that is a mesh.

    Drives, damping and inertia of the motors are no part of it: the worker sets them joint by joint.
    """
    root = Element("mujoco", model=hand.name)
    SubElement(root, "compiler", angle="radian", meshdir=".")
    assets = SubElement(root, "asset")
    files: dict[str, bytes] = {}
    parent = _body(SubElement(root, "worldbody"), "base", _CARRIER_MASS, np.full(3, _CARRIER_INERTIA))
    for joint in BASE_JOINTS[:-1]:
        parent = _body(parent, f"{joint}_carrier", _CARRIER_MASS, np.full(3, _CARRIER_INERTIA))
        _base_joint(parent, joint)
    bodies = {0: parent}
    joint_names = {hand.element(name): name for name in hand.all_joints}
    for link, name in enumerate(hand.links):
        number = model.body(hand.element(name)).id
        body = _link(bodies[int(model.body_parentid[number])], name, model, number)
        bodies[number] = body
        if link == 0:
            body.attrib.update(pos="0 0 0", quat="1 0 0 0")
            _base_joint(body, BASE_JOINTS[-1])
        else:
            _hinge(body, model, int(model.body_jntadr[number]), joint_names)
        for geom in range(model.body_geomadr[number], model.body_geomadr[number] + model.body_geomnum[number]):
            if model.geom_contype[geom] or model.geom_conaffinity[geom]:
                _shape(body, assets, files, model, geom)
    if model.nexclude:
        contact = SubElement(root, "contact")
        for signature in model.exclude_signature:
            pair = (int(signature) >> 16, int(signature) & 0xFFFF)
            first, second = (bodies[number].attrib["name"] for number in pair)
            SubElement(contact, "exclude", body1=first, body2=second)
    files["hand.xml"] = _xml(root)
    return files


def _body(parent: Element, name: str, mass: float, inertia: Array) -> Element:
    body = SubElement(parent, "body", name=name, pos="0 0 0")
    SubElement(body, "inertial", pos="0 0 0", mass=_text(np.array(mass)), diaginertia=_text(inertia))
    return body


def _base_joint(body: Element, name: str) -> None:
    """No range: the wrist may go anywhere."""
    axis = "xyz".index(name[-1])
    SubElement(
        body, "joint", name=name, type="hinge" if "_r" in name else "slide", pos="0 0 0", axis=_text(np.eye(3)[axis])
    )


def _link(parent: Element, name: str, model: mujoco.MjModel, number: int) -> Element:
    body = SubElement(parent, "body", name=name, pos=_text(model.body_pos[number]), quat=_text(model.body_quat[number]))
    SubElement(
        body,
        "inertial",
        pos=_text(model.body_ipos[number]),
        quat=_text(model.body_iquat[number]),
        mass=_text(model.body_mass[number]),
        diaginertia=_text(model.body_inertia[number]),
    )
    return body


def _hinge(body: Element, model: mujoco.MjModel, joint: int, names: dict[str, str]) -> None:
    SubElement(
        body,
        "joint",
        name=names[model.joint(joint).name],
        type="hinge",
        pos=_text(model.jnt_pos[joint]),
        axis=_text(model.jnt_axis[joint]),
        limited="true",
        range=_text(model.jnt_range[joint]),
    )


def _shape(body: Element, assets: Element, files: dict[str, bytes], model: mujoco.MjModel, geom: int) -> None:
    shape = SubElement(
        body,
        "geom",
        pos=_text(model.geom_pos[geom]),
        quat=_text(model.geom_quat[geom]),
        contype=str(int(model.geom_contype[geom])),
        conaffinity=str(int(model.geom_conaffinity[geom])),
    )
    kind = mujoco.mjtGeom(model.geom_type[geom])
    if kind in _SIZES:
        word, count = _SIZES[kind]
        shape.attrib.update(type=word, size=_text(model.geom_size[geom][:count]))
        return
    mesh = int(model.geom_dataid[geom])
    file, first, count = f"mesh_{mesh}.stl", model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    if file not in files:
        files[file] = _stl(model.mesh_vert[first : first + count].astype(np.float64))
        SubElement(assets, "mesh", name=f"mesh_{mesh}", file=file)
    shape.attrib.update(type="mesh", mesh=f"mesh_{mesh}")


def _stl(points: Array) -> bytes:
    """The convex hull of points (V, 3) as a binary STL file."""
    triangles = points[_hull(points)]
    rows = np.zeros(len(triangles), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    rows["corners"] = triangles
    rows["normal"] = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return bytes(80) + np.uint32(len(rows)).tobytes() + rows.tobytes()


def _hull(points: Array) -> NDArray[np.int32]:
    """Faces (F, 3) of the convex hull of points (V, 3), counter-clockwise from outside."""
    hull = ConvexHull(points)
    faces: NDArray[np.int32] = hull.simplices.copy()
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    turned = (normals * hull.equations[:, :3]).sum(axis=1) < 0.0
    faces[turned] = faces[turned][:, ::-1]
    return faces


# --- objects


def _object_files(thing: GraspObject) -> dict[str, bytes]:
    """URDF, and an OBJ file for each convex piece."""
    root = Element("robot", name="object")
    link = SubElement(root, "link", name="object")
    files: dict[str, bytes] = {}
    inertial = SubElement(link, "inertial")
    SubElement(inertial, "origin", xyz="0 0 0", rpy="0 0 0")
    SubElement(inertial, "mass", value=_text(np.array(thing.mass)))
    inertia = {f"i{'xyz'[i]}{'xyz'[j]}": _text(thing.inertia[i, j]) for i in range(3) for j in range(i, 3)}
    SubElement(inertial, "inertia", inertia)
    for index, piece in enumerate(thing.pieces):
        try:
            files[f"piece_{index}.obj"] = _obj(np.asarray(piece, dtype=np.float64))
        except QhullError as error:
            raise ValueError(
                f"object {thing.name!r} cannot be simulated: piece {index} of {len(thing.pieces)} has no volume; each "
                "convex piece needs at least four points that are not in one plane"
            ) from error
        collision = SubElement(link, "collision")
        SubElement(collision, "origin", xyz="0 0 0", rpy="0 0 0")
        SubElement(SubElement(collision, "geometry"), "mesh", filename=f"piece_{index}.obj")
    files["object.urdf"] = _xml(root)
    return files


def _obj(points: Array) -> bytes:
    """The convex hull of points (V, 3) as an OBJ file."""
    lines = [f"v {_text(point)}" for point in points]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in _hull(points)]
    return ("\n".join(lines) + "\n").encode()
