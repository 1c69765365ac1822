"""Stored grasps in MuJoCo and in MJWarp: who lifts what, and by how much the others were missed. Prints JSON.

Each grasp is placed without collisions on the way, as it is stored, and lifted; with --closing the fingers close to it
from the open hand, around the object at rest, which is harder. A second run of MuJoCo whose joints start a
hundred-thousandth of a radian aside tells how far one engine agrees with itself: lifts are chaotic, and two engines
that agree as often as that are the same for this purpose. The first run of MJWarp compiles its kernels.

    OMP_NUM_THREADS=1 python benchmarks/engines.py --grasps 200
    OMP_NUM_THREADS=1 python benchmarks/engines.py --grasps 100 --closing
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _machine import load_average, machine
from numpy.typing import NDArray
from tqdm import tqdm

from callbacks.metrics.estimates import estimate
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose
from envs.conventions import MAX_JOINT_STEP
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary
from envs.physics.base import Array, PhysicsBackend, PhysicsFactory, to_host
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.mujoco_warp import MujocoWarp
from envs.trials.lift import lift_test

EPISODE_STEPS = 50
"""Control steps of closing, an episode of the paper."""

ASIDE = 1e-5
"""Radians by which the joints of the reference's second run start aside: some hundred roundings of float32."""


@dataclass(frozen=True)
class Lifts:
    """G lifts in one engine: outcome, rise and slip, m, links on the closed object (G,), wall-clock seconds."""

    is_lifted: NDArray[np.bool_]
    is_diverged: NDArray[np.bool_]
    rise: Array
    slip: Array
    links: NDArray[np.int64]
    seconds: float


@dataclass(frozen=True)
class Trials:
    """What every engine is asked: objects of G grasps, and whether fingers close to them or are placed."""

    things: Sequence[GraspObject]
    grasps: GraspSet
    closing: bool

    def object_w(self) -> Array:
        """Object poses at the start (G, 7)."""
        return (self.grasps.rest_pose_w if self.closing else self.grasps.object_pose_w).astype(np.float64)

    def wrist_w(self) -> Array:
        """Wrist poses (G, 7)."""
        grasps = self.grasps
        return absolute_pose(grasps.object_pose_w.astype(np.float64), grasps.wrist_pose_o.astype(np.float64))

    def joints(self, aside: float) -> Array:
        """Joints at the start (G, J), so many radians aside."""
        goal = self.grasps.joint_pos.astype(np.float64)
        start = np.tile(self.grasps.hand.open_pose, (len(goal), 1)) if self.closing else goal
        return self.grasps.hand.clamp(start + aside * np.random.default_rng(0).choice([-1.0, 1.0], size=goal.shape))


def close_to(worlds: PhysicsBackend, goal: Array, active: NDArray[np.bool_]) -> None:
    """Close for an episode, at full speed, to joints (K, J) of the first worlds."""
    command = worlds.state().host().joint_pos
    for _ in range(EPISODE_STEPS):
        command[: len(goal)] += np.clip(goal - command[: len(goal)], -MAX_JOINT_STEP, MAX_JOINT_STEP)
        worlds.set_joint_targets(command)
        worlds.step(active)


def lifts_in(physics: PhysicsFactory, trials: Trials, num_worlds: int, aside: float) -> Lifts:
    """All lifts in one engine, so many worlds at a time; joints start so many radians aside."""
    things, hand, goal = trials.things, trials.grasps.hand, trials.grasps.joint_pos.astype(np.float64)
    object_w, wrist_w, joints = trials.object_w(), trials.wrist_w(), trials.joints(aside)
    found: dict[str, list[Any]] = {name: [] for name in ("is_lifted", "is_diverged", "rise", "slip", "links")}
    worlds = physics.make(hand, min(num_worlds, len(things)))
    began = time.perf_counter()
    for begin in tqdm(range(0, len(things), worlds.num_worlds), unit="batch", desc=type(physics).__name__):
        rows = np.arange(begin, min(begin + worlds.num_worlds, len(things)))
        used, active = np.arange(len(rows)), np.arange(worlds.num_worlds) < len(rows)
        worlds.reset([things[row] for row in rows], object_w[rows], wrist_w[rows], joints[rows], worlds=used)
        if trials.closing:
            close_to(worlds, goal[rows], active)

        def note_links(count: int = len(rows)) -> None:
            found["links"].extend(to_host(worlds.contact_links()).sum(axis=1)[:count])

        result = lift_test(worlds, active=active, on_closed=note_links)
        for name in ("is_lifted", "is_diverged", "rise", "slip"):
            found[name].extend(getattr(result, name)[: len(rows)])
    seconds = time.perf_counter() - began
    return Lifts(**{name: np.array(values) for name, values in found.items()}, seconds=seconds)


def compared(one: Lifts, other: Lifts) -> dict[str, Any]:
    """How often two runs say the same of a grasp, and where they do not, which one lifts."""
    return {
        "agreement": round(float((one.is_lifted == other.is_lifted).mean()), 4),
        "both": int((one.is_lifted & other.is_lifted).sum()),
        "neither": int((~one.is_lifted & ~other.is_lifted).sum()),
        "only_first": int((one.is_lifted & ~other.is_lifted).sum()),
        "only_second": int((~one.is_lifted & other.is_lifted).sum()),
        "median_slip_mm": [round(1e3 * float(np.median(lifts.slip)), 2) for lifts in (one, other)],
        "mean_links": [round(float(lifts.links.mean()), 2) for lifts in (one, other)],
    }


def summary(lifts: Lifts, objects: NDArray[np.int32]) -> dict[str, Any]:
    """Share lifted, with an interval over objects, diverged worlds, time."""
    found = estimate(lifts.is_lifted.astype(np.float64), objects, is_rate=True)
    return {
        "lifted": round(found.mean, 4),
        "interval_95": [round(found.low, 4), round(found.high, 4)],
        "diverged": int(lifts.is_diverged.sum()),
        "seconds": round(lifts.seconds, 1),
    }


def differences(runs: dict[str, Lifts], things: Sequence[GraspObject], grasps: GraspSet) -> list[dict[str, Any]]:
    """The grasps of which MuJoCo and MJWarp say different things, with what each saw."""
    first, second, types = runs["mujoco"], runs["mjwarp"], grasps.type_names()
    return [
        {
            "object": things[row].name,
            "pieces": len(things[row].pieces),
            "type": types[row],
            "reference_with_itself_agrees": bool(first.is_lifted[row] == runs["mujoco_aside"].is_lifted[row]),
            **{
                name: {
                    "lifted": bool(lifts.is_lifted[row]),
                    "diverged": bool(lifts.is_diverged[row]),
                    "rise_m": round(float(lifts.rise[row]), 3),
                    "slip_m": round(float(lifts.slip[row]), 3),
                    "links": int(lifts.links[row]),
                }
                for name, lifts in runs.items()
            },
        }
        for row in np.flatnonzero(first.is_lifted != second.is_lifted).tolist()
    ]


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grasps", type=int, default=200, help="stored grasps, spread evenly over the split")
    parser.add_argument("--split", default="unseen_families")
    parser.add_argument("--set", default="data/grasps.npz", help="grasp set file")
    parser.add_argument("--worlds", type=int, default=32, help="worlds at a time")
    parser.add_argument("--device", default=None, help="of MJWarp; a CUDA device where there is one")
    parser.add_argument("--closing", action="store_true", help="fingers close from the open hand, and are not placed")
    options = parser.parse_args(args)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    grasps = load_grasp_set(options.set).split(options.split)
    keep = np.linspace(0, len(grasps) - 1, min(options.grasps, len(grasps))).round().astype(int)
    grasps = grasps.rows(keep)
    library = ObjectLibrary()
    things = [library.get(name) for name in tqdm(grasps.object_names(), unit="object", desc="objects")]
    load = load_average()
    engines: dict[str, tuple[PhysicsFactory, float]] = {
        "mujoco": (MujocoCpu(), 0.0),
        "mujoco_aside": (MujocoCpu(), ASIDE),
        "mjwarp": (MujocoWarp(device=options.device), 0.0),
    }
    runs = {
        name: lifts_in(physics, Trials(things, grasps, options.closing), options.worlds, aside)
        for name, (physics, aside) in engines.items()
    }
    report = {
        "benchmark": "engines",
        "split": options.split,
        "grasps": len(grasps),
        "closing": options.closing,
        "engines": {name: summary(lifts, grasps.object_index) for name, lifts in runs.items()},
        "mujoco_and_mjwarp": compared(runs["mujoco"], runs["mjwarp"]),
        "mujoco_and_itself_aside": compared(runs["mujoco"], runs["mujoco_aside"]),
        "differences": differences(runs, things, grasps),
    }
    print(json.dumps({**report, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
