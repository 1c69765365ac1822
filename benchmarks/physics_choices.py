"""What the choices in envs/physics/world_model.py and the step size cost and change, on stored grasps. Prints JSON.

Every seventh grasp of the unseen families is placed and lifted under the physics of the project and with one choice
undone, or with longer physics steps in a control step of the same length; also closed to from the open hand. The grasps
were verified under the project's physics, so it can only lose: a share below its own says that the choice matters, an
equal one that it does not; differences from the project's are of the same grasps, with 95 % intervals over objects.
Variants take turns; times are medians over the turns.

    python benchmarks/physics_choices.py
"""

import argparse
import json
import logging
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np
from _machine import machine
from numpy.typing import NDArray

from callbacks.metrics.estimates import Row, estimate
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.poses import absolute_pose
from envs.conventions import CONTROL_DT
from envs.hand.model_file import HAND_PREFIX
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from envs.trials.grasp_trials import GraspTrials

Change = Callable[[mujoco.MjModel], None]


def _several_contacts(model: mujoco.MjModel) -> None:
    model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_MULTICCD)


def _joint_friction(model: mujoco.MjModel) -> None:
    for joint in range(model.njnt):
        if model.joint(joint).name.startswith(f"{HAND_PREFIX}robot0:"):
            model.dof_frictionloss[model.jnt_dofadr[joint]] = 0.001  # as in the hand's own model


def _pyramidal(model: mujoco.MjModel) -> None:
    model.opt.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL


def _nothing(_: mujoco.MjModel) -> None:
    pass


def _steps(count: int) -> PhysicsSettings:
    """So many physics steps in a control step."""
    return PhysicsSettings(timestep=CONTROL_DT / count, steps_per_control=count)


class Variant(NamedTuple):
    """A choice undone in the model, or other settings."""

    change: Change = _nothing
    settings: PhysicsSettings = PhysicsSettings()


VARIANTS: dict[str, Variant] = {
    "project": Variant(),
    "several contacts a pair": Variant(_several_contacts),
    "joint friction": Variant(_joint_friction),
    "pyramidal cone": Variant(_pyramidal),
    "four steps": Variant(settings=_steps(4)),
    "three steps": Variant(settings=_steps(3)),
    "two steps": Variant(settings=_steps(2)),
}


def above(values: NDArray[np.bool_], project: NDArray[np.bool_], objects: NDArray[np.integer]) -> Row:
    """How much oftener grasps (G,) are lifted than under the project's physics."""
    return estimate(values.astype(float) - project.astype(float), objects).as_dict()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--every", type=int, default=7, help="every so many grasps of the unseen families")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    load = [round(value, 2) for value in os.getloadavg()]
    grasps = load_grasp_set(options.path).split("unseen_families")
    grasps = grasps.rows(np.arange(0, len(grasps), options.every))
    library = ObjectLibrary()
    grasp_objects = [library.get(name) for name in grasps.object_names()]
    object_w = grasps.object_pose_w.astype(np.float64)
    wrist_w = absolute_pose(object_w, grasps.wrist_pose_o.astype(np.float64))
    trials = {}
    for name, variant in VARIANTS.items():
        physics = MujocoCpu(variant.settings)
        for thing in {thing.name: thing for thing in grasp_objects}.values():
            variant.change(physics.cache(grasps.hand).get(thing))
        trials[name] = GraspTrials(grasps.hand, grasp_objects, object_w, wrist_w, num_worlds=64, physics=physics)
    goal = grasps.joint_pos.astype(np.float64)
    seconds: dict[str, list[float]] = {name: [] for name in trials}
    lifted = {}
    for _ in range(options.turns + 1):  # the first turn warms up
        for name, trial in trials.items():
            began = time.perf_counter()
            lifted[name] = trial.place(goal).is_lifted
            seconds[name].append(time.perf_counter() - began)
    closed = {name: trial.close_towards(goal).is_lifted for name, trial in trials.items()}
    median = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    rows = {
        name: {
            "lifted": round(float(lifted[name].mean()), 3),
            "closed": round(float(closed[name].mean()), 3),
            "lifted_over_project": above(lifted[name], lifted["project"], grasps.object_index),
            "closed_over_project": above(closed[name], closed["project"], grasps.object_index),
            "time_over_project": round(median[name] / median["project"], 2),
        }
        for name in trials
    }
    report = {"benchmark": "physics_choices", "grasps": len(grasps), "variants": rows, "machine": machine(load)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
