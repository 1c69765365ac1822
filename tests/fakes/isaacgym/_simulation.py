"""Worlds of the stand-in: MuJoCo behind float32 states, one model an environment."""

import ctypes
from dataclasses import dataclass, field

import mujoco
import numpy as np
from isaacgym._assets import Asset

_VECTOR = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
CONTACT = np.dtype(
    [
        ("env0", "<i4"),
        ("env1", "<i4"),
        ("body0", "<i4"),
        ("body1", "<i4"),
        ("localPos0", _VECTOR),
        ("localPos1", _VECTOR),
    ]
    + [("minDist", "<f4"), ("initialOverlap", "<f4"), ("normal", _VECTOR), ("offset0", _VECTOR), ("offset1", _VECTOR)]
    + [("lambda", "<f4"), ("lambdaFriction", _VECTOR[:2])]
    + [(name, "<f4") for name in ("friction", "torsionFriction", "rollingFriction")]
)
_KINDS = {"float32": (ctypes.c_float, np.float32), "uint32": (ctypes.c_int32, np.int32)}


@dataclass
class Actor:
    asset: Asset
    place: tuple[float, ...]
    drives: np.ndarray


@dataclass
class Env:
    """A hand, then an object."""

    sim: "Simulation"
    index: int
    actors: list[Actor] = field(default_factory=list)
    first_actor: int = 0
    first_body: int = 0

    def add_actor(self, asset: Asset, place: tuple[float, ...], group: int, mask: int) -> int:
        if self.sim.is_prepared:
            raise RuntimeError("actors are fixed once a simulation is prepared")
        if group != self.index or mask != (0 if self.actors else -1):
            raise RuntimeError("each environment is a collision group; the hand's file says what meets")
        self.actors.append(Actor(asset, place, asset.drives.copy()))
        return len(self.actors) - 1


class Simulation:
    def __init__(self, params) -> None:
        self.params = params
        self.envs: list[Env] = []
        self.is_prepared = False
        self._given: dict[str, tuple] = {}
        self._ground_friction = 1.0

    def add_env(self) -> Env:
        self.envs.append(Env(self, len(self.envs), first_actor=len(self.actors), first_body=self.num_bodies))
        return self.envs[-1]

    def set_ground(self, normal: tuple[float, ...], distance: float, friction: float) -> None:
        assert normal == (0.0, 0.0, 1.0)
        assert distance == 0.0
        self._ground_friction = friction

    @property
    def actors(self) -> list[Actor]:
        return [actor for env in self.envs for actor in env.actors]

    @property
    def num_bodies(self) -> int:
        return sum(len(actor.asset.bodies) for actor in self.actors)

    def prepare(self) -> None:
        self.is_prepared = True
        self._worlds = [_World(env, self.params, self._ground_friction) for env in self.envs]
        joints = sum(len(actor.asset.joints) for actor in self.actors)
        self.root = np.zeros((len(self.actors), 13), dtype=np.float32)
        self.root[:, :7] = [actor.place for actor in self.actors]
        self.dof = np.zeros((joints, 2), dtype=np.float32)
        # nothing is in the buffers before they are refreshed
        self.root_buffer, self.dof_buffer = np.full_like(self.root, np.nan), np.full_like(self.dof, np.nan)
        self._targets = np.zeros(joints, dtype=np.float32)

    def give(self, what: str, tensor, indices=None, count: int = 0) -> bool:
        """Note what a setter was given; it acts in the next step, and the last one of a kind counts."""
        shape = {"root": self.root.shape, "dof": self.dof.shape}.get(what) or (
            (self.num_bodies, 3) if what == "forces" else None
        )
        if tensor.dtype != "float32" or (shape is not None and tuple(tensor.shape) != shape):
            return False
        if what == "targets" and int(np.prod(tensor.shape)) != len(self.dof):
            return False
        if indices is not None and (indices.dtype != "uint32" or tuple(indices.shape) != (count,)):
            return False
        self._given[what] = (tensor, indices)
        return True

    def simulate(self) -> None:
        given = {what: (_read(tensor), indices) for what, (tensor, indices) in self._given.items()}
        self._given = {}
        if "targets" in given:
            self._targets = given["targets"][0].ravel()
        width = len(self.dof) // len(self.envs)
        if "root" in given:
            rows = _read(given["root"][1])
            self.root[rows] = given["root"][0][rows]
        if "dof" in given:
            for actor in _read(given["dof"][1]):
                assert actor % 2 == 0, "an object has no joints"
                rows = slice(actor // 2 * width, (actor // 2 + 1) * width)
                self.dof[rows] = given["dof"][0][rows]
        forces = given["forces"][0] if "forces" in given else np.zeros((self.num_bodies, 3), dtype=np.float32)
        self._next = self.root.copy(), self.dof.copy()
        for env, world in zip(self.envs, self._worlds, strict=True):
            rows = slice(env.index * width, (env.index + 1) * width)
            force = forces[env.first_body + len(env.actors[0].asset.bodies)]
            thing = env.first_actor + 1
            self._next[0][thing], self._next[1][rows] = world.step(
                self.root[thing], self.dof[rows], self._targets[rows], force
            )

    def fetch(self) -> None:
        self.root, self.dof = self._next

    def break_down(self) -> None:
        """Numbers of the last object's state that are none."""
        self._next[0][-1] = np.nan

    def contacts(self) -> list[tuple]:
        return [record for world in self._worlds for record in world.contacts()]


def _read(tensor) -> np.ndarray:
    """What lies at a descriptor's address now."""
    kind, number = _KINDS[tensor.dtype]
    size = int(np.prod(tensor.shape))
    return np.frombuffer((kind * size).from_address(tensor.data_address), dtype=number).reshape(tensor.shape).copy()


class _World:
    """One environment. Its state is float32 and all there is: nothing of a step helps the next."""

    def __init__(self, env: Env, params, ground_friction: float) -> None:
        hand, thing = env.actors
        spec = hand.asset.spec()
        spec.option.timestep, self._substeps = params.dt / params.substeps, params.substeps
        spec.option.gravity = [params.gravity.x, params.gravity.y, params.gravity.z]
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
        spec.option.cone, spec.option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 3.0
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MULTICCD
        for body in spec.bodies[1:]:
            body.gravcomp = float(hand.asset.options.disable_gravity)
        for geom in spec.geoms:
            geom.friction[0] = hand.asset.friction
        for name, drive in zip(hand.asset.joints, hand.drives, strict=True):
            _add_drive(spec, name, drive)
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05], friction=[ground_friction, 0.005, 1e-4]
        )
        thing.asset.add_to(spec)
        for geom in spec.geoms:  # listed as contacts when so near, without a force
            geom.gap = params.physx.contact_offset
        self._model = model = spec.compile()
        self._data = mujoco.MjData(model)
        self._env = env.index
        joints = [model.joint(name) for name in hand.asset.joints]
        self._qpos, self._qvel = [int(each.qposadr[0]) for each in joints], [int(each.dofadr[0]) for each in joints]
        free = model.joint("free")
        self._free_pos, self._free_vel = int(free.qposadr[0]), int(free.dofadr[0])
        names = [*hand.asset.bodies, *thing.asset.bodies]
        self._index = {model.body(name).id: index for index, name in enumerate(names)} | {0: -1}
        self._thing = model.body(thing.asset.bodies[0]).id

    def step(self, root: np.ndarray, dof: np.ndarray, targets: np.ndarray, force: np.ndarray) -> tuple:
        """Root state of the object and states of the joints after one step of the simulation."""
        data, turn = self._data, np.zeros(9)
        quat = root[[6, 3, 4, 5]].astype(np.float64)
        mujoco.mju_quat2Mat(turn, quat / np.linalg.norm(quat))
        turn = turn.reshape(3, 3)
        first, speed = self._free_pos, self._free_vel
        data.qpos[first : first + 3], data.qpos[first + 3 : first + 7] = root[:3], quat
        data.qvel[speed : speed + 3], data.qvel[speed + 3 : speed + 6] = (
            root[7:10],
            turn.T @ root[10:].astype(np.float64),
        )
        data.qpos[self._qpos], data.qvel[self._qvel] = dof[:, 0], dof[:, 1]
        data.ctrl[:] = targets
        data.xfrc_applied[self._thing, :3] = force
        data.qacc_warmstart[:] = 0.0
        mujoco.mj_step(self._model, data, self._substeps)
        quat = data.qpos[first + 3 : first + 7].copy()
        mujoco.mju_quat2Mat(turn := np.zeros(9), quat)
        spin = turn.reshape(3, 3) @ data.qvel[speed + 3 : speed + 6]
        state = np.concatenate([data.qpos[first : first + 3], quat[[1, 2, 3, 0]], data.qvel[speed : speed + 3], spin])
        return state.astype(np.float32), np.stack([data.qpos[self._qpos], data.qvel[self._qvel]], axis=1)

    def contacts(self) -> list[tuple]:
        records, force = [], np.zeros(6)
        for number in range(self._data.ncon):
            contact = self._data.contact[number]
            bodies = [self._index[int(self._model.geom_bodyid[geom])] for geom in contact.geom]
            if contact.efc_address >= 0:
                mujoco.mj_contactForce(self._model, self._data, number, force)
            pressing = force[0] if contact.efc_address >= 0 else 0.0
            envs = [-1 if body < 0 else self._env for body in bodies]
            none, normal = (0.0, 0.0, 0.0), tuple(contact.frame[:3])
            records.append(
                (
                    *envs,
                    *bodies,
                    none,
                    none,
                    0.0,
                    -contact.dist,
                    normal,
                    none,
                    none,
                    pressing,
                    (0.0, 0.0),
                    1.0,
                    0.0,
                    0.0,
                )
            )
        return records


def _add_drive(spec: mujoco.MjSpec, name: str, drive: np.void) -> None:
    """A position drive solved implicitly together with contacts, as PhysX does; limits of force are left out.

    (M + A) v' = M v + h (k (target - q) + contacts)  with  A = h d + h^2 k: contacts feel A as inertia. With A for an
    armature a step of Euler does that under the force  k (target - q) - (d + h k) v.
    """
    step, stiffness, damping = spec.option.timestep, float(drive["stiffness"]), float(drive["damping"])
    spec.joint(name).armature = float(drive["armature"]) + step * damping + step**2 * stiffness
    actuator = spec.add_actuator(name=f"drive of {name}", target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=stiffness, kv=damping + step * stiffness)
