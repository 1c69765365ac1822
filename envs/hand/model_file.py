"""Where a hand's bodies come from: an MJCF file and a part of it (any other file: `envs.hand.foreign_file`)."""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import mujoco

HAND_PREFIX = "hand/"
"""Prefix of every hand element in an assembled scene."""


class HandSource(Protocol):
    """What a hand's bodies come from. Hashable: models are kept by it."""

    def __hash__(self) -> int: ...

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def element(self, name: str) -> str:
        """Name of a joint, body or geom of the hand in an assembled scene."""
        ...

    def attach(self, scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
        """Attach the hand to a scene and return the palm body, which has no joint of its own yet."""
        ...


@dataclass(frozen=True)
class HandFile:
    """An MJCF file and the part of it that is the hand.

    Attributes:
        path: MJCF file.
        palm: body that carries the fingers; its frame is the hand base frame ``_h``, its joints are left behind.
        prefix: what the file puts before every name and this project leaves out: ``FFJ3`` is its ``robot0:FFJ3``.
        looks: geoms that are only drawn although the file lets them collide.
    """

    path: Path
    palm: str
    prefix: str = ""
    looks: tuple[str, ...] = ()

    def element(self, name: str) -> str:
        """Name of a hand element (joint, body, geom) in an assembled scene: ``FFJ3`` -> ``hand/robot0:FFJ3``."""
        return f"{HAND_PREFIX}{self.prefix}{name}"

    def attach(self, scene: mujoco.MjSpec, *, visual: bool = False) -> mujoco.MjsBody:
        """Attach the palm and fingers to a scene and return the palm body, which has no joint of its own yet.

        Wrist joint, tendons, actuators, sensors and limits given as tendons are left behind; the caller adds the base
        joint and its own actuators. Names get the prefix ``hand/``.

        Args:
            scene: the spec that receives the hand.
            visual: keep the visual meshes (rendering); physics does without them and compiles faster.
        """
        source = mujoco.MjSpec.from_file(str(self.path))
        leave_behind(source, scene)
        palm_in_file = source.body(self.prefix + self.palm)
        for joint in list(palm_in_file.joints):
            source.delete(joint)
        if not visual:
            for geom in list(source.geoms):
                if self._is_look(geom):
                    source.delete(geom)
        palm = scene.worldbody.add_frame().attach_body(palm_in_file, HAND_PREFIX, "")
        palm.pos = [0.0, 0.0, 0.0]
        if not visual:
            used = {geom.meshname for geom in scene.geoms}
            for mesh in list(scene.meshes):
                if mesh.name.startswith(HAND_PREFIX) and mesh.name not in used:
                    scene.delete(mesh)
        return palm

    def _is_look(self, geom: mujoco.MjsGeom) -> bool:
        collides = geom.contype or geom.conaffinity
        return not collides or geom.name.removeprefix(self.prefix) in self.looks


def leave_behind(source: mujoco.MjSpec, scene: mujoco.MjSpec) -> None:
    """Take away what drives and observes the hand in its file, and let it have the options of the scene."""
    for elements in (source.actuators, source.tendons, source.sensors, source.equalities, source.keys):
        for element in list(elements):
            source.delete(element)
    for size in ("nuser_jnt", "nuser_site", "nuser_tendon", "nuser_sensor", "nuser_actuator", "njmax", "nconmax"):
        setattr(source, size, getattr(scene, size))
    for option in ("timestep", "iterations"):
        setattr(source.option, option, getattr(scene.option, option))


@lru_cache(maxsize=8)
def bare_model(file: HandSource, *, visual: bool = False) -> mujoco.MjModel:
    """The hand alone, palm welded to the world's origin: the reference for limits and kinematics."""
    scene = mujoco.MjSpec()
    file.attach(scene, visual=visual)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return scene.compile()
