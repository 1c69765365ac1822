"""`isaacgym.gymapi` as far as the worker calls it; argument names are those of the original's documentation."""

import os
import time
from types import SimpleNamespace

import numpy as np
from isaacgym._assets import Asset, read_asset
from isaacgym._simulation import CONTACT, Simulation

SIM_PHYSX, SIM_FLEX = "SIM_PHYSX", "SIM_FLEX"
UP_AXIS_Y, UP_AXIS_Z = "UP_AXIS_Y", "UP_AXIS_Z"
CC_NEVER, CC_LAST_SUBSTEP, CC_ALL_SUBSTEPS = 0, 1, 2
DOF_MODE_NONE, DOF_MODE_POS = 0, 1
DOMAIN_ACTOR, DOMAIN_ENV, DOMAIN_SIM = "actor", "env", "sim"
ENV_SPACE, LOCAL_SPACE, GLOBAL_SPACE = "env", "local", "global"
DTYPE_FLOAT32, DTYPE_UINT32 = "float32", "uint32"


class Vec3:
    def __init__(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        self.x, self.y, self.z = x, y, z


class Quat:
    def __init__(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, w: float = 1.0) -> None:
        self.x, self.y, self.z, self.w = x, y, z, w


class Transform:
    def __init__(self, p: Vec3 | None = None, r: Quat | None = None) -> None:
        self.p, self.r = p or Vec3(), r or Quat()


class _Fields:
    """A structure that has the fields it is made with, and refuses others as the original does."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        self.__dict__[name] = value


class PhysXParams(_Fields):
    def __init__(self) -> None:
        super().__init__(
            use_gpu=False, num_threads=0, solver_type=1, num_position_iterations=4, num_velocity_iterations=1,
            contact_offset=0.02, rest_offset=0.001, bounce_threshold_velocity=0.2, max_depenetration_velocity=100.0,
            contact_collection=CC_ALL_SUBSTEPS, num_subscenes=0, default_buffer_size_multiplier=2.0,
        )  # fmt: skip


class SimParams(_Fields):
    def __init__(self) -> None:
        super().__init__(
            dt=1.0 / 60.0, substeps=2, up_axis=UP_AXIS_Y, gravity=Vec3(0.0, -9.8, 0.0), use_gpu_pipeline=False,
            physx=PhysXParams(), num_client_threads=0,
        )  # fmt: skip


class PlaneParams(_Fields):
    def __init__(self) -> None:
        super().__init__(
            normal=Vec3(0.0, 1.0, 0.0), distance=0.0, static_friction=1.0, dynamic_friction=1.0, restitution=0.0
        )


class AssetOptions(_Fields):
    def __init__(self) -> None:
        super().__init__(
            fix_base_link=False, disable_gravity=False, collapse_fixed_joints=False, use_physx_armature=True,
            linear_damping=0.0, angular_damping=0.5, armature=0.0, thickness=0.02, max_angular_velocity=64.0,
            max_linear_velocity=1000.0, default_dof_drive_mode=0, density=1000.0, override_com=False,
            override_inertia=False, vhacd_enabled=False, convex_decomposition_from_submeshes=False,
            replace_cylinder_with_capsule=False,
        )  # fmt: skip


class Tensor:
    """Describes memory that lies elsewhere."""

    def __init__(self) -> None:
        self.data_address, self.device, self.dtype, self.own_data, self.shape = 0, -1, DTYPE_FLOAT32, False, ()

    @property
    def ndim(self) -> int:
        return len(self.shape)


class Gym:
    def create_sim(self, compute_device=0, graphics_device=0, type=SIM_FLEX, params=None):
        if type != SIM_PHYSX or params.up_axis != UP_AXIS_Z or params.use_gpu_pipeline:
            return None
        return Simulation(params)

    def add_ground(self, sim, params) -> None:
        sim.set_ground((params.normal.x, params.normal.y, params.normal.z), params.distance, params.static_friction)

    def load_asset(self, sim, rootpath, filename, options=None) -> Asset | None:
        return read_asset(os.path.join(rootpath, filename), options or AssetOptions())

    def get_asset_dof_names(self, arg0: Asset) -> list[str]:
        return list(arg0.joints)

    def get_asset_rigid_body_names(self, arg0: Asset) -> list[str]:
        return list(arg0.bodies)

    def get_asset_dof_properties(self, arg0: Asset) -> np.ndarray:
        return arg0.drives.copy()

    def get_asset_rigid_shape_properties(self, arg0: Asset) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(friction=arg0.friction, restitution=0.0, filter=0, contact_offset=0.02)
            for _ in range(arg0.num_shapes)
        ]

    def set_asset_rigid_shape_properties(self, arg0: Asset, arg1: list[SimpleNamespace]) -> bool:
        if len(arg1) != arg0.num_shapes:
            return False
        arg0.friction = arg1[0].friction
        return True

    def create_env(self, arg0, arg1, arg2, arg3):
        return arg0.add_env()

    def create_actor(self, env, asset, pose, name=None, group=-1, filter=-1, segmentationId=0) -> int:
        place = (pose.p.x, pose.p.y, pose.p.z, pose.r.x, pose.r.y, pose.r.z, pose.r.w)
        return env.add_actor(asset, place, group, filter)

    def set_actor_dof_properties(self, arg0, arg1, arg2) -> bool:
        arg0.actors[arg1].drives = arg2.copy()
        return True

    def get_actor_index(self, arg0, arg1, arg2) -> int:
        return arg1 + (arg0.first_actor if arg2 == DOMAIN_SIM else 0)

    def get_actor_rigid_body_index(self, arg0, arg1, arg2, arg3) -> int:
        before = sum(len(actor.asset.bodies) for actor in arg0.actors[:arg1])
        return arg2 + {DOMAIN_ACTOR: 0, DOMAIN_ENV: before, DOMAIN_SIM: arg0.first_body + before}[arg3]

    def get_sim_actor_count(self, arg0) -> int:
        return len(arg0.actors)

    def get_sim_rigid_body_count(self, arg0) -> int:
        return arg0.num_bodies

    def prepare_sim(self, arg0) -> bool:
        arg0.prepare()
        return True

    def acquire_actor_root_state_tensor(self, arg0) -> Tensor:
        return _described(arg0.root_buffer)

    def acquire_dof_state_tensor(self, arg0) -> Tensor:
        return _described(arg0.dof_buffer)

    def refresh_actor_root_state_tensor(self, arg0) -> bool:
        arg0.root_buffer[:] = arg0.root
        return True

    def refresh_dof_state_tensor(self, arg0) -> bool:
        arg0.dof_buffer[:] = arg0.dof
        return True

    def set_actor_root_state_tensor_indexed(self, arg0, arg1, arg2, arg3) -> bool:
        return arg0.give("root", arg1, arg2, arg3)

    def set_dof_state_tensor_indexed(self, arg0, arg1, arg2, arg3) -> bool:
        return arg0.give("dof", arg1, arg2, arg3)

    def set_dof_position_target_tensor(self, arg0, arg1) -> bool:
        return arg0.give("targets", arg1)

    def apply_rigid_body_force_tensors(self, sim, forceTensor=None, torqueTensor=None, space=ENV_SPACE) -> bool:
        return torqueTensor is None and space == ENV_SPACE and sim.give("forces", forceTensor)

    def simulate(self, arg0) -> None:
        mode = os.environ.get("FAKE_ISAACGYM")
        if mode == "crash":
            os.abort()
        if mode == "hang":
            time.sleep(60.0)
        arg0.simulate()
        if mode == "nan":  # in the last environment, of the object
            arg0.break_down()

    def fetch_results(self, arg0, arg1) -> None:
        arg0.fetch()

    def get_rigid_contacts(self, arg0) -> np.ndarray:
        found = arg0.contacts()
        return np.array(found, dtype=CONTACT) if found else np.zeros(0, dtype=CONTACT)

    def destroy_env(self, arg0) -> None:
        arg0.actors.clear()

    def destroy_sim(self, arg0) -> None:
        arg0.envs.clear()


if os.environ.get("FAKE_ISAACGYM") == "old":
    del Gym.get_rigid_contacts


def acquire_gym() -> Gym:
    return Gym()


def _described(array: np.ndarray) -> Tensor:
    tensor = Tensor()
    tensor.shape, tensor.data_address = tuple(array.shape), array.ctypes.data
    return tensor
