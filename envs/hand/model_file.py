"""Where a hand's bodies come from: a URDF or MJCF file, whose tree hangs below a palm body that has our own frame.

Here bodies without joints become part of what carries them, so that every link but the palm turns
about one joint, and collision shapes become small enough for millions of steps.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

HAND_PREFIX = "hand/"
"""Prefix of every hand element in an assembled scene."""

Point = tuple[float, float, float]

HULL_VERTICES = 64
"""Vertices kept of a collision mesh's convex hull, as of an object's pieces; 32 cost the Ability Hand's palm 11 % of
its volume."""

_BALL_RADIUS = 0.01
"""Metres; gives links without a shape an inertia."""

_KEEP_VISUAL = '<mujoco><compiler discardvisual="false" strippath="false" meshdir="{folder}"/></mujoco>'


@dataclass(frozen=True)
class Capsule:
    """A collision shape in the frame of its link: ends of its axis and radius, metres."""

    link: str
    start: Point
    end: Point
    radius: float


@dataclass(frozen=True)
class HandFile:
    """A URDF or MJCF file and how its tree becomes the hand.

    Attributes:
        path: the file; meshes are named relative to it.
        root: its link that becomes the palm, with everything that hangs on it without a joint.
        base_quat: turns the root's frame into the palm's, wxyz; z along the fingers, -y out of the palm, x towards the
            thumb of a right hand.
        base_pos: origin of the root in the palm's frame, near the wrist, metres.
        prefix: what the file puts before every name and this project leaves out.
        limits: joint, lower and upper limit, rad, where they are not the file's.
        capsules: collision shapes in place of the file's; meshes of other links collide as convex hulls.
        looks: geoms that are only drawn although the file lets them collide.
        left_out: links of which neither shapes nor visual meshes are used.
        inertia_from_shapes: links keep their mass and get the inertia of their shapes, where the file's is wrong.
        damping: of every joint, N m s / rad; the file's where None.
        armature: inertia that motor and gear add to every joint, kg m^2; the file's where None.
    """

    path: Path
    root: str
    base_quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    base_pos: Point = (0.0, 0.0, 0.0)
    prefix: str = ""
    limits: tuple[tuple[str, float, float], ...] = ()
    capsules: tuple[Capsule, ...] = ()
    looks: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    inertia_from_shapes: bool = False
    damping: float | None = None
    armature: float | None = None

    palm = "palm"

    def element(self, name: str) -> str:
        """Name of a joint or link in an assembled scene: ``index_q1`` -> ``hand/index_q1``."""
        return f"{HAND_PREFIX}{self.prefix}{name}"

    def attach(self, scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
        """Attach the hand to a scene and return the palm body, which has no joint of its own yet.

        Mimic joints are free here: whoever drives the hand moves them.

        Args:
            scene: the spec that receives the hand.
            visual: keep what is only drawn (rendering).
        Raises:
            ValueError: the file lacks a link or joint that is named here; lists those it has.
        """
        source = self._read(visual=visual)
        self._check_names(source)
        _leave_behind(source, scene)
        root = source.body(self.prefix + self.root)
        self._shape_links(source, root, visual=visual)
        _simplify_meshes(source, self.path.parent)
        for body in source.bodies[1:]:
            if self.inertia_from_shapes:
                _inertia_from_shape(body)
            for joint in body.joints:
                self._set_joint(joint)
        palm = scene.worldbody.add_body(name=f"{HAND_PREFIX}(palm)")  # its name may still be that of a link below
        for joint in list(root.joints):
            source.delete(joint)
        root.pos, root.quat = [0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
        palm.add_frame(pos=self.base_pos, quat=self.base_quat).attach_body(root, HAND_PREFIX, "")
        _dissolve_fixed(scene, palm)
        if np.isfinite(palm.fullinertia).all() and palm.fullinertia.any():
            # along the palm's axes, so that whoever drives the palm can replace it: MuJoCo refuses to have both
            palm.inertia, palm.fullinertia = palm.fullinertia[:3].copy(), [np.nan, 0.0, 0.0, 0.0, 0.0, 0.0]
        palm.name = self.element(self.palm)
        return palm

    def _read(self, *, visual: bool) -> mujoco.MjSpec:
        text = self.path.read_text()
        if not visual or "<robot" not in text:
            return mujoco.MjSpec.from_file(str(self.path))
        head, _, rest = text.partition("<robot")
        name, _, content = rest.partition(">")
        extension = _KEEP_VISUAL.format(folder=self.path.parent)
        return mujoco.MjSpec.from_string(f"{head}<robot{name}>{extension}{content}")

    def _check_names(self, source: mujoco.MjSpec) -> None:
        links = [body.name.removeprefix(self.prefix) for body in source.bodies[1:]]
        joints = [joint.name.removeprefix(self.prefix) for joint in source.joints]
        for what, kind, names, known in (
            ("root", "link", (self.root,), links),
            ("limits", "joint", tuple(name for name, _, _ in self.limits), joints),
            ("capsules", "link", tuple(capsule.link for capsule in self.capsules), links),
            ("left_out", "link", self.left_out, links),
        ):
            missing = [name for name in names if name not in known]
            if missing:
                raise ValueError(f"{what}: {self.path} has no {kind} {missing[0]!r}; it has: {', '.join(known)}")

    def _shape_links(self, source: mujoco.MjSpec, root: mujoco.MjsBody, *, visual: bool) -> None:
        inside = {root.name, *(body.name for body in root.find_all("body"))}
        shaped = {capsule.link for capsule in self.capsules}
        for geom in list(source.geoms):
            if geom.name.removeprefix(self.prefix) in self.looks:
                geom.contype, geom.conaffinity = 0, 0
            link = geom.parent.name.removeprefix(self.prefix)
            is_wanted = link not in shaped if _collides(geom) else visual
            if not is_wanted or link in self.left_out or geom.parent.name not in inside:
                source.delete(geom)
        for capsule in self.capsules:
            source.body(self.prefix + capsule.link).add_geom(
                name=f"{capsule.link}_shape",
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=[*capsule.start, *capsule.end],
                size=[capsule.radius, 0.0, 0.0],
            )

    def _set_joint(self, joint: mujoco.MjsJoint) -> None:
        if self.damping is not None:
            joint.damping = [self.damping, 0.0, 0.0]  # coefficients of velocity and of its higher powers
        if self.armature is not None:
            joint.armature = self.armature
        for name, low, high in self.limits:
            if self.prefix + name == joint.name:
                joint.range = [low, high]


def _leave_behind(source: mujoco.MjSpec, scene: mujoco.MjSpec) -> None:
    """Take away what drives and observes the hand in its file, and let it have the options of the scene."""
    for elements in (source.actuators, source.tendons, source.sensors, source.equalities, source.keys):
        for element in list(elements):
            source.delete(element)
    for size in ("nuser_jnt", "nuser_site", "nuser_tendon", "nuser_sensor", "nuser_actuator", "njmax", "nconmax"):
        setattr(source, size, getattr(scene, size))
    for option in ("timestep", "iterations"):
        setattr(source.option, option, getattr(scene.option, option))


def _collides(geom: mujoco.MjsGeom) -> bool:
    return bool(geom.contype or geom.conaffinity)


def _dissolve_fixed(scene: mujoco.MjSpec, palm: mujoco.MjsBody) -> None:
    """Make bodies of the hand without joints part of those that carry them."""
    fixed = [body.name for body in palm.find_all("body") if not body.joints]
    for exclude in list(scene.excludes):
        if exclude.bodyname1 in fixed or exclude.bodyname2 in fixed:
            scene.delete(exclude)
    for name in fixed:
        scene.body(name).to_frame()


def _simplify_meshes(source: mujoco.MjSpec, folder: Path) -> None:
    """Meshes that collide become their hulls; those that no geom uses go, with the time to read them."""
    for mesh in list(source.meshes):
        users = [geom for geom in source.geoms if geom.meshname == mesh.name]
        if not users:
            source.delete(mesh)
        elif mesh.file and any(_collides(geom) for geom in users):
            scale = (float(mesh.scale[0]), float(mesh.scale[1]), float(mesh.scale[2]))
            hull = _hull(folder / source.meshdir / mesh.file, scale)
            mesh.file, mesh.scale = "", [1.0, 1.0, 1.0]
            mesh.uservert, mesh.maxhullvert = hull.ravel(), -1


def _inertia_from_shape(body: mujoco.MjsBody) -> None:
    """Spread the body's mass over its collision shapes; a moving body without any weighs as a ball does."""
    solid = [geom for geom in body.geoms if _collides(geom)]
    for geom in body.geoms:
        geom.mass = body.mass / len(solid) if _collides(geom) else 0.0
    body.fullinertia, body.iquat = [np.nan] * 6, [1.0, 0.0, 0.0, 0.0]
    if body.joints and not solid:
        body.inertia, body.ipos = [0.4 * body.mass * _BALL_RADIUS**2] * 3, [0.0] * 3
    else:
        body.explicitinertial, body.mass, body.inertia, body.ipos = False, 0.0, [0.0] * 3, [np.nan] * 3


@lru_cache(maxsize=64)
def _hull(path: Path, scale: Point) -> NDArray[np.float64]:
    """Vertices (V <= HULL_VERTICES, 3) of the convex hull of a mesh file, in the file's frame, metres."""
    spec = mujoco.MjSpec()
    spec.add_mesh(name="mesh", file=str(path), scale=scale, maxhullvert=HULL_VERTICES)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh")
    model = spec.compile()
    graph = model.mesh_graph[model.mesh_graphadr[0] :]
    count = int(graph[0])  # then the number of faces, an address for each vertex, and the vertex's number in the mesh
    vertices = model.mesh_vert[graph[2 + count : 2 + 2 * count]].astype(np.float64)
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.mesh_quat[0])
    return vertices @ turn.reshape(3, 3).T + model.mesh_pos[0]


@lru_cache(maxsize=8)
def bare_model(file: HandFile, *, visual: bool = False) -> mujoco.MjModel:
    """The hand alone, palm welded to the world's origin: the reference for limits and kinematics."""
    scene = mujoco.MjSpec()
    file.attach(scene, visual=visual)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return scene.compile()
