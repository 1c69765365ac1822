"""What the stand-in understands of MJCF and URDF files."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np

DRIVE = np.dtype(
    [("hasLimits", "?"), ("lower", "<f4"), ("upper", "<f4"), ("driveMode", "<i4"), ("velocity", "<f4")]
    + [(name, "<f4") for name in ("effort", "stiffness", "damping", "friction", "armature")]
)


@dataclass
class Asset:
    """A file, read: bodies and joints in the simulator's order, which is not the file's."""

    path: Path
    options: object
    bodies: list[str]
    joints: list[str] = field(default_factory=list)
    num_shapes: int = 0
    friction: float = 1.0

    def __post_init__(self) -> None:
        self.drives = np.zeros(len(self.joints), dtype=DRIVE)

    def spec(self) -> mujoco.MjSpec:
        """The hand, on which a world is built."""
        return mujoco.MjSpec.from_file(str(self.path))

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """The only link of an URDF file on a free joint."""
        link = ET.parse(self.path).getroot().find("link")
        body = spec.worldbody.add_body(name=link.get("name"))
        body.add_freejoint(name="free")
        inertia = {name: float(value) for name, value in link.find("inertial/inertia").attrib.items()}
        body.mass, body.explicitinertial = float(link.find("inertial/mass").get("value")), 1
        body.ipos = [0.0, 0.0, 0.0]  # left undefined, MuJoCo drops the principal axes
        body.fullinertia = [inertia[name] for name in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")]
        for index, collision in enumerate(link.iter("collision")):
            points = _points(self.path.parent / collision.find("geometry/mesh").get("filename"))
            spec.add_mesh(name=f"piece_{index}", uservert=points.ravel())
            geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"piece_{index}")
            geom.mass, geom.friction[0] = 0.0, self.friction


def read_asset(path: str, options: object) -> Asset | None:
    """An asset, or None where there is no such file, as the original answers."""
    file = Path(path)
    if not file.is_file():
        return None
    root = ET.parse(file).getroot()
    if file.suffix == ".urdf":
        link = root.find("link")
        return Asset(file, options, [link.get("name")], [], len(link.findall("collision")))
    first = root.find("worldbody/body")
    if first.find("joint") is not None or not options.fix_base_link:
        raise NotImplementedError("the stand-in knows hands on a fixed body alone")
    bodies, joints = _in_order(first)
    return Asset(file, options, bodies, joints, len(list(first.iter("geom"))))


def _in_order(body: ET.Element) -> tuple[list[str], list[str]]:
    """Names of bodies and joints, depth first, children by the alphabet: not the file's order."""
    bodies, joints = [body.get("name")], [joint.get("name") for joint in body.findall("joint")]
    for child in sorted(body.findall("body"), key=lambda each: each.get("name")):
        below = _in_order(child)
        bodies += below[0]
        joints += below[1]
    return bodies, joints


def _points(path: Path) -> np.ndarray:
    rows = [line.split()[1:] for line in path.read_text().splitlines() if line.startswith("v ")]
    return np.array(rows, dtype=np.float64)
