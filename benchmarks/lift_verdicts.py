"""How early the outcome of a lift can be told, and when an object counts as lost. Prints JSON.

Training objects, spread over the families, go through grasp synthesis with its limit on easy grasps; every lift goes
all the way up, whatever has slipped, and what an earlier look would have said is compared with how it ended. These
shares stand behind SURE_VERDICT, EARLY_VERDICT and the slip at which `envs.trials.lift` gives an object up.

    OMP_NUM_THREADS=1 python benchmarks/lift_verdicts.py --objects 100
"""

import argparse
import json
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from _machine import load_average, machine
from tqdm import tqdm

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.synthesis.easy_grasps import EasyLimit
from datamodules.synthesis.prototypes import load_prototypes
from datamodules.synthesis.settings import SynthesisSettings
from datamodules.synthesis.synthesizer import GraspSynthesizer
from datamodules.workers import worker_pool
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.base import Array, Given
from envs.trials.lift import (
    CLOSE_STEPS,
    EARLY_VERDICT,
    LIFT_STEPS,
    LOOK_EVERY,
    LOST_SLIP,
    MAX_SLIP,
    MIN_RISE,
    SURE_VERDICT,
    LiftResult,
    lift_test,
)
from envs.workers import default_workers

VERDICTS = (16, 20, 24, 28, 32, 36)
"""Steps of the rise at which an outcome is told, before its end."""

LOST_SLIPS = (0.05, 0.06, 0.08, 0.15)
"""Slips at which an object is given up, m."""

NEVER_LOST = 0.4
"""Slip until which every lift goes on, m: the object lies on the table by then."""


@dataclass(frozen=True)
class Lift:
    """One lift: what it was for, its slip and rise (40,) after every step, m, and how it ended."""

    purpose: str
    slip: Array
    rise: Array
    held: bool


class WatchedPhysics:
    """Worlds whose every step of a lift is noted; everything else is theirs."""

    def __init__(self, physics: Any) -> None:
        self._physics = physics
        self._num_steps = 0
        self.distance: list[Array] = []
        self.height: list[Array] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._physics, name)

    def step(self, active: Given | None = None) -> None:
        """Step, and note where the object is in the hand; the first note is that of the closed hand."""
        self._physics.step(active)
        self._num_steps += 1
        if self._num_steps >= CLOSE_STEPS:
            state = self._physics.state().host()
            self.distance.append(np.linalg.norm(state.object_pose_w[:, :3] - state.wrist_pose_w[:, :3], axis=1))
            self.height.append(state.object_pose_w[:, 2])


def noted_lift(lifts: list[Lift], purposes: dict[int, str], physics: Any, **how: Any) -> LiftResult:
    """A lift test that goes all the way up; every active world's is added to ``lifts``.

    Args:
        lifts: where to.
        purposes: what a lift is for, by the steps that it would have been judged after.
        physics: as for `lift_test`, like all the rest.
    """
    watched = WatchedPhysics(physics)
    purpose = purposes[how.pop("rise_steps", LIFT_STEPS)]
    result = lift_test(watched, **how)
    distance, height = np.stack(watched.distance), np.stack(watched.height)
    slip, rise = np.abs(distance[1:] - distance[0]), height[1:] - height[0]
    lifts.extend(
        Lift(purpose, slip[:, world], rise[:, world], bool(result.is_lifted[world]))
        for world in np.flatnonzero(how["active"])
    )
    return result


_WORKER: dict[str, Any] = {}


def lifts_of(name: str, limit: EasyLimit) -> list[Lift]:
    """In a worker: all lifts of the synthesis of one object."""
    if not _WORKER:
        logging.getLogger("envs.physics").setLevel(logging.ERROR)
        hand = load_hand("shadow")
        synthesizer = GraspSynthesizer(hand, SynthesisSettings(), load_prototypes(hand))
        _WORKER.update(library=ObjectLibrary(), synthesizer=synthesizer)
    lifts: list[Lift] = []
    with (
        patch("envs.trials.lift.LOST_SLIP", NEVER_LOST),
        patch("datamodules.synthesis.trial.lift_test", partial(noted_lift, lifts, {SURE_VERDICT: "shaken"})),
        patch(
            "datamodules.synthesis.reachability.lift_test",
            partial(
                noted_lift, lifts, {SURE_VERDICT: "after the first approach", LIFT_STEPS: "after the last approach"}
            ),
        ),
        patch(
            "datamodules.synthesis.easy_grasps.lift_test", partial(noted_lift, lifts, {EARLY_VERDICT: "of mean joints"})
        ),
    ):
        _WORKER["synthesizer"].synthesize(_WORKER["library"].get(name), "train", limit=limit)
    return lifts


def told(lift: Lift, lost_slip: float, verdict: int) -> tuple[bool, int]:
    """Whether a lift is taken to hold, and the steps of the rise that this takes."""
    for step in range(LOOK_EVERY, verdict + 1, LOOK_EVERY):
        if lift.slip[step - 1] >= lost_slip:
            return False, step
    return bool(lift.rise[verdict - 1] > MIN_RISE and lift.slip[verdict - 1] < MAX_SLIP), verdict


def row(lifts: list[Lift], lost_slip: float, verdict: int) -> dict[str, Any]:
    """How one rule compares with the ends of the lifts."""
    verdicts = [told(lift, lost_slip, verdict) for lift in lifts]
    held = sum(says for says, _ in verdicts)
    return {
        "lost_slip_m": lost_slip,
        "verdict": verdict,
        "told_to_hold": held,
        "of_them_failed": sum(says and not lift.held for lift, (says, _) in zip(lifts, verdicts, strict=True)),
        "held_though_told_to_fail": sum(
            lift.held and not says for lift, (says, _) in zip(lifts, verdicts, strict=True)
        ),
        "steps_per_lift": round(CLOSE_STEPS + float(np.mean([steps for _, steps in verdicts])), 1),
    }


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=24, help="training objects, spread evenly over the split")
    parser.add_argument("--grasps", default="data/grasps.npz", help="set whose mean training joints tell easy grasps")
    parser.add_argument("--workers", type=int, default=None, help="processes; one per core when left out")
    options = parser.parse_args(args)
    mean = load_grasp_set(options.grasps).split("train").joint_pos.mean(axis=0)
    limit = EasyLimit(tuple(float(angle) for angle in mean), most=2)
    every = ObjectLibrary().names("train")
    names = [
        every[index] for index in np.linspace(0, len(every) - 1, min(options.objects, len(every))).round().astype(int)
    ]
    load = load_average()
    with worker_pool(options.workers or default_workers()) as pool:
        results = tqdm(pool.map(partial(lifts_of, limit=limit), names), total=len(names), unit="object")
        lifts = [lift for of_object in results for lift in of_object]
    report: dict[str, Any] = {"benchmark": "lift_verdicts", "objects": len(names), "lifts": len(lifts), "purposes": {}}
    rules = [(slip, LIFT_STEPS) for slip in LOST_SLIPS] + [(LOST_SLIP, verdict) for verdict in VERDICTS]
    for purpose in sorted({lift.purpose for lift in lifts}):
        own = [lift for lift in lifts if lift.purpose == purpose]
        report["purposes"][purpose] = {
            "lifts": len(own),
            "held": sum(lift.held for lift in own),
            "rules": [row(own, *rule) for rule in rules],
        }
    print(json.dumps({**report, "machine": machine(load)}, indent=1))


if __name__ == "__main__":
    main()
