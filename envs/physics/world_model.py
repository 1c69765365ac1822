"""Assembly of one world with MjSpec: table, driven hand, one object made of convex pieces."""

from dataclasses import astuple
from functools import lru_cache

import mujoco
import numpy as np

from envs.hand.hand import Hand
from envs.hand.model_file import HAND_PREFIX
from envs.objects.grasp_object import GraspObject
from envs.physics.settings import PhysicsSettings

OBJECT_BODY = "object"
TABLE_GEOM = "table"
BASE_JOINT = f"{HAND_PREFIX}base"
OBJECT_JOINT = "object/free"

ARENA_BYTES = 1 << 19
"""Room for the contacts of a world. What contacts once filled stays in memory, and so does all of it where an allocator
hands out again what it had before: in a long training with room for 4 MB, three quarters of the memory were such.
A grasp fills an eighth of it."""


@lru_cache(maxsize=4)
def _hand_on_table(hand: Hand, settings: PhysicsSettings) -> mujoco.MjSpec:
    """Everything but the object; copied once per object, because parsing the hand costs more than the rest."""
    spec = mujoco.MjSpec()
    spec.modelname = "assisted_grasp"
    option = spec.option
    option.timestep = settings.timestep
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = settings.impratio
    option.iterations = 20
    option.tolerance = 1e-6
    option.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE  # contacts couple few joints
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND  # hand, object and table are one island anyway
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MULTICCD  # one contact a pair: benchmarks/physics_choices.py
    spec.memory = ARENA_BYTES
    spec.worldbody.add_geom(
        name=TABLE_GEOM, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05], friction=[settings.friction, 0.005, 1e-4]
    )
    palm = hand.attach(spec)
    _leave_out_looks(spec)
    palm.add_freejoint(name=BASE_JOINT)
    palm.mass = settings.base_mass
    palm.inertia = [0.02, 0.02, 0.02]
    palm.ipos = [0.0, 0.0, 0.04]
    palm.iquat = [1.0, 0.0, 0.0, 0.0]
    for body in spec.bodies:
        if body.name.startswith(HAND_PREFIX):
            body.gravcomp = 1.0  # the wearer carries the hand, and the fingers' own weight is not part of the task
    for joint in spec.joints:
        joint.frictionloss = 0.0  # one constraint row per joint less: benchmarks/physics_choices.py
        joint.margin = 0.0
    for geom in spec.geoms:
        geom.friction[0] = settings.friction
    _add_motors(spec, hand)
    return spec


def build_hand_model(hand: Hand, settings: PhysicsSettings) -> mujoco.MjModel:
    """The compiled world without an object: masses, shapes and joints of the hand as every world has them."""
    return _hand_on_table(hand, settings).copy().compile()


def _add_motors(spec: mujoco.MjSpec, hand: Hand) -> None:
    """An actuator for each actuated joint, then one for each that a tendon couples; a linkage needs none."""
    gains, coupled = hand.gains, hand.coupled
    for name in hand.joints if coupled.is_rigid else hand.all_joints:
        actuator = spec.add_actuator(name=f"{HAND_PREFIX}A_{name}", target=hand.element(name))
        actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
        actuator.set_to_position(kp=gains.position, kv=gains.velocity)
        actuator.forcelimited = 1
        actuator.forcerange = [-gains.force_limit, gains.force_limit]
    if coupled.is_rigid:
        for name, parent, ratio, offset in zip(*astuple(coupled)[:4], strict=True):
            equality = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT)
            equality.name1, equality.name2 = hand.element(name), hand.element(parent)
            equality.data[:5] = [offset, ratio, 0.0, 0.0, 0.0]


def _leave_out_looks(spec: mujoco.MjSpec) -> None:
    """Drop materials and textures: nothing is rendered from these models, and they are nine tenths of one."""
    for geom in spec.geoms:
        geom.material = ""
    for element in (*spec.materials, *spec.textures):
        spec.delete(element)


def world_spec(hand: Hand, grasp_object: GraspObject, settings: PhysicsSettings) -> mujoco.MjSpec:
    """The world of one object, not compiled yet: table at z = 0, hand on a free base joint, object on a free joint."""
    spec = _hand_on_table(hand, settings).copy()
    body = spec.worldbody.add_body(name=OBJECT_BODY)
    body.add_freejoint(name=OBJECT_JOINT)
    body.mass = grasp_object.mass
    body.explicitinertial = 1
    # with ipos left undefined MuJoCo 4.0.0 drops the principal axes of fullinertia: the largest moment is about x then
    body.ipos = [0.0, 0.0, 0.0]
    inertia = grasp_object.inertia
    body.fullinertia = [*np.diag(inertia), inertia[0, 1], inertia[0, 2], inertia[1, 2]]
    for index, piece in enumerate(grasp_object.pieces):
        # maxhullvert -1: the pieces are hulls of at most 64 vertices already
        spec.add_mesh(name=f"piece_{index}", uservert=np.asarray(piece, dtype=np.float64).ravel())
        geom = body.add_geom(name=f"piece_{index}", type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"piece_{index}")
        geom.friction = [settings.friction, 0.005, 1e-4]
        geom.mass = 0.0
    return spec


def build_world_model(hand: Hand, grasp_object: GraspObject, settings: PhysicsSettings) -> mujoco.MjModel:
    """The compiled world of one object; see `world_spec`.

    Raises:
        ValueError: MuJoCo refuses a piece of the object (flat or fewer than four points); names object and piece.
    """
    try:
        return world_spec(hand, grasp_object, settings).compile()
    except ValueError as error:
        raise ValueError(
            f"object {grasp_object.name!r} cannot be simulated: {error}; each convex piece needs at least four points "
            "that are not in one plane"
        ) from error


TABLE_PART = -2
"""Stands for the table where a number names a link of the hand."""

OBJECT_PART = -1
"""Stands for the object."""


class ModelAddresses:
    """Where joints sit in qpos and qvel; the same in every scene, since the hand comes first."""

    def __init__(self, hand: Hand, model: mujoco.MjModel) -> None:
        fingers = [model.joint(hand.element(name)) for name in hand.all_joints]
        self.finger_pos = np.array([joint.qposadr[0] for joint in fingers])
        base, thing = model.joint(BASE_JOINT), model.joint(OBJECT_JOINT)
        self.base_pos = slice(base.qposadr[0], base.qposadr[0] + 7)
        self.base_vel = slice(base.dofadr[0], base.dofadr[0] + 6)
        self.object_pos = slice(thing.qposadr[0], thing.qposadr[0] + 7)
        self.object_vel = slice(thing.dofadr[0], thing.dofadr[0] + 6)
        self.link_bodies = np.array([model.body(hand.element(name)).id for name in hand.links])
        self.object_body = model.body(OBJECT_BODY).id
        # what each geom of the table and the hand belongs to: the row in its links, or TABLE_PART; a geom beyond these
        # is a piece of the object, because it is added last in every scene
        link_of_body = np.full(model.nbody, TABLE_PART)
        link_of_body[self.link_bodies] = np.arange(len(hand.links))
        of_object = model.geom_bodyid == self.object_body
        self.part_of_geom = link_of_body[model.geom_bodyid[: int(of_object.argmax())]]
