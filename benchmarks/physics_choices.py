"""What the choices in envs/physics/world_model.py cost and change, on stored grasps. Prints JSON.

Every seventh grasp of the unseen families is placed and lifted under the physics of the project and with one choice
undone. The grasps were verified under the project's physics, so it can only lose: a share below its own says that the
choice matters, an equal one that it does not. Variants take turns; times are medians over the turns.

    python benchmarks/physics_choices.py
"""

import argparse
import json
import logging
import os
import statistics
import time
from collections.abc import Callable

import mujoco
import numpy as np
from _machine import machine

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.poses import absolute_pose
from envs.hand.model_file import HAND_PREFIX
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
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


VARIANTS: dict[str, Change] = {
    "project": lambda model: None,
    "several contacts a pair": _several_contacts,
    "joint friction": _joint_friction,
    "pyramidal cone": _pyramidal,
}


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
    for name, change in VARIANTS.items():
        physics = MujocoCpu()
        for thing in {thing.name: thing for thing in grasp_objects}.values():
            change(physics.cache(grasps.hand).get(thing))
        trials[name] = GraspTrials(grasps.hand, grasp_objects, object_w, wrist_w, num_worlds=64, physics=physics)
    seconds: dict[str, list[float]] = {name: [] for name in trials}
    lifted = {}
    for _ in range(options.turns + 1):  # the first turn warms up
        for name, trial in trials.items():
            began = time.perf_counter()
            lifted[name] = float(trial.place(grasps.joint_pos.astype(np.float64)).is_lifted.mean())
            seconds[name].append(time.perf_counter() - began)
    median = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    rows = {
        name: {"lifted": round(lifted[name], 3), "time_over_project": round(median[name] / median["project"], 2)}
        for name in trials
    }
    report = {"benchmark": "physics_choices", "grasps": len(grasps), "variants": rows, "machine": machine(load)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
