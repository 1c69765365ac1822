"""Drives Isaac Gym in a process and Python of its own: the one file of this project that runs on Python 3.7 and 3.8.

It imports the standard library, numpy and `isaacgym.gymapi`, nothing else: no module of this project, and no torch,
since in the CPU pipeline a `gymapi.Tensor` is an address in the memory of the host (docs/backends.md). Started by
`envs.physics.isaacgym.process` as

    python worker.py COMMANDS ANSWERS MEMORY

numbers of open files: a pipe of commands, one of answers, and memory that both processes map. A command and an answer
are a JSON object on a line; arrays lie in the memory. E worlds, D joints (six of the base, then the hand's), L links.
Quaternions are xyzw here, as in Isaac Gym; metres, radians, newtons.
"""

import ctypes
import importlib
import json
import mmap
import os
import sys
import traceback
from typing import Any, Dict, List

import numpy as np

PROTOCOL = 1  # raised with every change of commands or arrays
GYMAPI = "isaacgym.gymapi"  # no import statement: type checkers would follow it into public stubs that are no Python
REQUIRED = (
    "acquire_actor_root_state_tensor", "acquire_dof_state_tensor", "apply_rigid_body_force_tensors",
    "get_asset_rigid_shape_properties", "get_rigid_contacts", "prepare_sim", "set_actor_root_state_tensor_indexed",
    "set_dof_position_target_tensor", "set_dof_state_tensor_indexed",
)  # fmt: skip
"""What is called of `gymapi.Gym` and came with its later previews."""

_SPACING = 1.0  # half the side of a world's square, m; worlds do not meet anyway, each is a collision group of its own
_GROUND, _OBJECT, _NOTHING = -1, -2, -3  # stand for what is no link of the hand where a number names one
_HOST = -1  # number of the device of a tensor in the memory of the host


class Worlds:
    """A simulation of the worlds that hold an object, and the arrays shared with the process that gives commands.

    Shared arrays: ``root`` (E, 13) and ``dof`` (E, D, 2), what each object and hand did last, or, where ``is_given``
    (E,), from where the next step starts; ``is_active`` (E,); ``target_start`` and ``target_end`` (E, D); ``force``
    (E, 3) on the object; ``object_links`` and ``table_links`` (E, L), what is touched.
    """

    def __init__(self, gymapi: Any) -> None:
        self.gymapi, self.gym = gymapi, gymapi.acquire_gym()
        self.sim: Any = None
        self.envs: List[Any] = []
        self.shared: Dict[str, Any] = {}

    def open(self, memory: mmap.mmap, arrays: List[List[Any]]) -> None:
        """Forget everything and take other shared arrays: name, type, shape and offset of each."""
        self.clear()
        self.shared = {name: np.ndarray(shape, kind, memory, offset) for name, kind, shape, offset in arrays}

    def clear(self) -> None:
        """Give up the simulation and its memory."""
        for env in self.envs:
            self.gym.destroy_env(env)
        if self.sim is not None:
            self.gym.destroy_sim(self.sim)
        self.sim, self.envs = None, []

    def build(self, plan: Dict[str, Any]) -> None:
        """Make the simulation anew, since its actors are fixed; every world starts from the shared arrays."""
        self.clear()
        gym = self.gym
        self.sim = gym.create_sim(max(plan["device"], 0), -1, self.gymapi.SIM_PHYSX, self._parameters(plan))
        _accepted(self.sim is not None)
        plane = self.gymapi.PlaneParams()
        plane.normal, plane.distance, plane.restitution = self.gymapi.Vec3(0.0, 0.0, 1.0), 0.0, 0.0
        plane.static_friction = plane.dynamic_friction = plan["friction"]
        gym.add_ground(self.sim, plane)
        hand = self._load(plan["hand"], plan["friction"], is_hand=True)
        things = [self._load(each, plan["friction"], is_hand=False) for each in plan["objects"]]
        self._columns = _places(plan["joints"], gym.get_asset_dof_names(hand), "joint")
        bodies = gym.get_asset_rigid_body_names(hand)
        self._link_of_body = np.full(len(bodies) + 1, _NOTHING)
        self._link_of_body[_places(plan["links"], bodies, "link")] = np.arange(len(plan["links"]))
        self._link_of_body[-1] = _OBJECT
        drives = self._drives(hand, plan)
        self._worlds = np.array([world for world, _ in plan["worlds"]], dtype=np.int64)
        per_row = int(np.ceil(np.sqrt(len(self._worlds))))
        numbers = [
            self._add_world(index, per_row, hand, things[thing], self.shared["root"][world], drives)
            for index, (world, thing) in enumerate(plan["worlds"])
        ]
        self._hand_actors, self._thing_actors, self._thing_bodies = np.array(numbers, dtype=np.int32).T.copy()
        _accepted(gym.prepare_sim(self.sim))
        self._take_tensors(len(bodies))
        self.shared["is_given"][self._worlds] = True

    def _parameters(self, plan: Dict[str, Any]) -> Any:
        parameters = self.gymapi.SimParams()
        parameters.dt, parameters.substeps = plan["timestep"], plan["substeps"]
        parameters.up_axis = self.gymapi.UP_AXIS_Z
        parameters.gravity = self.gymapi.Vec3(0.0, 0.0, -9.81)
        parameters.use_gpu_pipeline = False  # get_rigid_contacts exists in the CPU pipeline only
        physx = parameters.physx
        physx.use_gpu, physx.num_threads = plan["device"] >= 0, plan["threads"]
        # these five lines as in the paper's released code
        physx.solver_type = 1  # temporal Gauss-Seidel
        physx.num_position_iterations, physx.num_velocity_iterations = 8, 0
        physx.contact_offset, physx.rest_offset = 0.002, 0.0
        physx.bounce_threshold_velocity, physx.max_depenetration_velocity = 0.2, 1000.0
        physx.contact_collection = self.gymapi.CC_LAST_SUBSTEP
        return parameters

    def _load(self, file: List[str], friction: float, is_hand: bool) -> Any:
        """An asset of a folder and a file's name."""
        options = self.gymapi.AssetOptions()
        options.fix_base_link = options.disable_gravity = is_hand
        options.collapse_fixed_joints, options.use_physx_armature = False, True
        options.linear_damping = options.angular_damping = options.armature = options.thickness = 0.0
        options.max_angular_velocity = 1000.0  # rad/s; the base turns by its joints
        options.default_dof_drive_mode = int(self.gymapi.DOF_MODE_POS)
        asset = self.gym.load_asset(self.sim, file[0], file[1], options)
        if asset is None:
            raise RuntimeError(f"Isaac Gym cannot load {os.path.join(*file)}")
        shapes = self.gym.get_asset_rigid_shape_properties(asset)
        for shape in shapes:
            shape.friction, shape.restitution = friction, 0.0
        self.gym.set_asset_rigid_shape_properties(asset, shapes)
        return asset

    def _drives(self, hand: Any, plan: Dict[str, Any]) -> Any:
        """Properties of the hand's joints, in the simulator's order."""
        drives = self.gym.get_asset_dof_properties(hand)
        drives["driveMode"], drives["friction"] = int(self.gymapi.DOF_MODE_POS), 0.0
        for field in ("stiffness", "damping", "effort", "armature", "velocity"):
            drives[field][self._columns] = plan[field]
        return drives

    def _add_world(self, index: int, per_row: int, hand: Any, thing: Any, root: Any, drives: Any) -> List[int]:
        """Numbers in the whole simulation of the hand, the object, and the object's body."""
        gym, api = self.gym, self.gymapi
        corners = api.Vec3(-_SPACING, -_SPACING, 0.0), api.Vec3(_SPACING, _SPACING, _SPACING)
        env = gym.create_env(self.sim, *corners, per_row)
        self.envs.append(env)
        pose = api.Transform(api.Vec3(*root[:3].tolist()), api.Quat(*root[3:7].tolist()))
        # -1 keeps which shapes meet as the hand's file says; an object's shapes meet everything
        fingers = gym.create_actor(env, hand, api.Transform(), "hand", index, -1, 0)
        held = gym.create_actor(env, thing, pose, "object", index, 0, 0)
        gym.set_actor_dof_properties(env, fingers, drives)
        actors = [gym.get_actor_index(env, each, api.DOMAIN_SIM) for each in (fingers, held)]
        return [*actors, gym.get_actor_rigid_body_index(env, held, 0, api.DOMAIN_SIM)]

    def _take_tensors(self, num_bodies: int) -> None:
        """Views of the simulator's buffers, and our own from which commands are read; they live with the simulation."""
        gym, count = self.gym, len(self._worlds)
        self._root = self._view(gym.acquire_actor_root_state_tensor(self.sim))
        self._dof = self._view(gym.acquire_dof_state_tensor(self.sim)).reshape(count, -1, 2)
        gym.refresh_actor_root_state_tensor(self.sim)
        gym.refresh_dof_state_tensor(self.sim)
        self._root_out, self._dof_out = self._root.copy(), self._dof.copy()
        self._targets = self._dof[:, :, 0].copy()
        self._forces = np.zeros((gym.get_sim_rigid_body_count(self.sim), 3), dtype=np.float32)
        if len(self._root) != gym.get_sim_actor_count(self.sim) or len(self._forces) != count * (num_bodies + 1):
            raise RuntimeError(f"buffers of {len(self._root)} and {len(self._forces)} rows")

    def step(self, steps: int) -> None:
        """Advance all worlds by so many physics steps, targets going straight from start to end.

        Isaac Gym moves all worlds; the shared arrays keep where inactive ones stood, and the next step puts them back.
        """
        gym, sim, shared, worlds, space = self.gym, self.sim, self.shared, self._worlds, self.gymapi.ENV_SPACE
        self._place()
        start, end = shared["target_start"][worlds], shared["target_end"][worlds]
        self._forces[self._thing_bodies] = shared["force"][worlds]
        for step in range(1, steps + 1):
            self._targets[:, self._columns] = start + (end - start) * np.float32(float(step) / steps)
            _accepted(gym.set_dof_position_target_tensor(sim, self._describe(self._targets)))
            if self._forces.any():  # act on the next step alone
                _accepted(gym.apply_rigid_body_force_tensors(sim, self._describe(self._forces), None, space))
            gym.simulate(sim)
            gym.fetch_results(sim, True)
        gym.refresh_actor_root_state_tensor(sim)
        gym.refresh_dof_state_tensor(sim)
        active = shared["is_active"][worlds]
        moved = worlds[active]
        shared["root"][moved] = self._root[self._thing_actors[active]]
        shared["dof"][moved] = self._dof[active][:, self._columns]
        self._report_contacts(active)
        shared["is_given"][worlds] = ~active

    def _place(self) -> None:
        """Start worlds from the shared arrays where these were given; one setter of each kind counts before a step."""
        given = np.flatnonzero(self.shared["is_given"][self._worlds])
        if not len(given):
            return
        self._root_out[self._thing_actors[given]] = self.shared["root"][self._worlds[given]]
        self._dof_out[given[:, None], self._columns] = self.shared["dof"][self._worlds[given]]
        # kept until the next call: the simulator may read them as late as in its step
        self._placed = things, hands = self._thing_actors[given], self._hand_actors[given]
        root, dof = self._describe(self._root_out), self._describe(self._dof_out.reshape(-1, 2))
        _accepted(self.gym.set_actor_root_state_tensor_indexed(self.sim, root, self._describe(things), len(things)))
        _accepted(self.gym.set_dof_state_tensor_indexed(self.sim, dof, self._describe(hands), len(hands)))

    def _report_contacts(self, active: Any) -> None:
        """Links of active worlds that press on object or table; records without a force are near, but do not touch."""
        worlds, records = self._worlds, self.gym.get_rigid_contacts(self.sim)
        records = records[records["lambda"] > 0.0]
        env = np.maximum(records["env0"], records["env1"])  # the ground belongs to none, -1
        bodies = np.stack([records["body0"], records["body1"]], axis=1).astype(np.int64)
        parts = np.where(bodies < 0, _GROUND, self._link_of_body[bodies])
        for name, other in (("object_links", _OBJECT), ("table_links", _GROUND)):
            touched = np.zeros((len(worlds), self.shared[name].shape[1]), dtype=bool)
            for side in (0, 1):
                found = (parts[:, side] >= 0) & (parts[:, 1 - side] == other)
                touched[env[found], parts[found, side]] = True
            self.shared[name][worlds[active]] = touched[active]

    def _view(self, tensor: Any) -> Any:
        """The numbers behind a descriptor, as an array over the same memory."""
        if tensor.device != _HOST:
            raise RuntimeError(f"a tensor lies on device {tensor.device}, not on the host")
        shape = [int(size) for size in tensor.shape]
        numbers = (ctypes.c_float * int(np.prod(shape))).from_address(tensor.data_address)
        return np.ctypeslib.as_array(numbers).reshape(shape)

    def _describe(self, array: Any) -> Any:
        """The descriptor of an array (contiguous; float32 or int32), which has to live as long as it is read."""
        tensor = self.gymapi.Tensor()
        tensor.device, tensor.own_data = _HOST, False
        # isaacgym.gymtorch passes int32 under the name of the unsigned type, too
        tensor.dtype = self.gymapi.DTYPE_FLOAT32 if array.dtype == np.float32 else self.gymapi.DTYPE_UINT32
        tensor.shape, tensor.data_address = list(array.shape), array.ctypes.data
        return tensor


def _places(wanted: List[str], there: List[str], what: str) -> List[int]:
    """Where the wanted names stand among those that Isaac Gym found in the hand's file."""
    missing = [name for name in wanted if name not in there]
    if missing:
        raise RuntimeError(f"Isaac Gym found no {what} {missing[0]!r} in the hand's file, but {there}")
    return [there.index(name) for name in wanted]


def _accepted(answer: Any) -> None:
    if answer is False:
        raise RuntimeError("Isaac Gym refused this call; its own last lines say why")


def _greeting() -> Dict[str, Any]:
    """What answers before the first command: versions, or why Isaac Gym cannot be had."""
    about: Dict[str, Any] = {"protocol": PROTOCOL, "python": list(sys.version_info[:3])}
    try:
        gymapi = importlib.import_module(GYMAPI)
    except Exception as error:  # the package raises its own kinds, too
        return dict(about, failed=f"{type(error).__name__}: {error}")
    try:
        from importlib.metadata import version

        found = version("isaacgym")
    except Exception:  # Python 3.7, or a copy that was not installed
        found = "of unknown version"
    missing = [name for name in REQUIRED if not hasattr(gymapi.Gym, name)]
    return dict(about, isaacgym=found, missing=missing)


def _serve(commands: Any, answers: Any, memory: int) -> None:
    worlds = Worlds(importlib.import_module(GYMAPI))
    for line in iter(commands.readline, b""):
        request = json.loads(line.decode("utf-8"))
        kind = request.pop("command")
        try:
            if kind == "open":
                worlds.open(mmap.mmap(memory, request["size"]), request["arrays"])
            elif kind == "build":
                worlds.build(request)
            elif kind == "step":
                worlds.step(request["steps"])
            else:
                worlds.clear()
            answer: Dict[str, Any] = {}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        _send(answers, answer)


def _send(answers: Any, answer: Dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode("utf-8") + b"\n")
    answers.flush()


def main() -> None:
    """Greet, then do what is commanded until the pipe ends."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]  # nothing beside this file is imported
    commands, answers = os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb")
    greeting = _greeting()
    _send(answers, greeting)
    if "failed" not in greeting:  # else the process ends
        _serve(commands, answers, int(sys.argv[3]))


if __name__ == "__main__":
    main()
