"""What the movements of the user's task come out as, over all reachable grasps of a set. Prints JSON.

Percentiles 5, 25, 50, 75 and 95, by kind: seconds until arrival, from arrival to rise, and until the end of the first
lift; fastest speed of reach and of rise, m/s; when the former is reached, as a share of the time until arrival; metres
to the grasp (pass_by) and to the other one (change_of_mind) where the wrist is nearest. Milliseconds for 300 movements:
the shortest of 20 turns.

    python benchmarks/wrist_movements.py
"""

import argparse
import json
import time
from dataclasses import asdict

import numpy as np
from _machine import load_average, machine
from numpy.typing import NDArray

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.conventions import CONTROL_DT
from envs.objects.library import ObjectLibrary
from envs.rows import join_rows
from envs.wrist.movement import KINDS, WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement

Array = NDArray[np.float64]


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grasps", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(args)
    load = load_average()
    targets = grasp_targets(load_grasp_set(options.grasps), ObjectLibrary())
    rng = np.random.default_rng(options.seed)
    movement = UserMovement()
    other_w = targets.other_wrist_pose_w(np.arange(len(targets)))
    poses = (targets.wrist_pose_w, targets.fingertip_centre_w, other_w)

    def sample(rows: slice) -> WristMovements:
        given = (column[rows] for column in poses)
        patterns = generate_patterns()
        more = {"period_s": CONTROL_DT, "patterns": patterns, "mix": False, "rng": rng}
        return movement.sample(targets.hand, *given, **more)  # type: ignore[arg-type]

    moved = join_rows([sample(slice(first, first + 1000)) for first in range(0, len(targets), 1000)])
    durations = []
    for _ in range(20):
        began = time.perf_counter()
        sample(slice(300))
        durations.append(time.perf_counter() - began)
    report = {
        "settings": asdict(movement),
        "movements": len(moved),
        "share": {name: round(float((moved.kind == index).mean()), 3) for index, name in enumerate(KINDS)},
        "others_in_reach": round(float(movement.is_near(targets.wrist_pose_w, other_w).mean()), 3),
        "with_second_try": round(float((moved.retry_steps > moved.num_steps).mean()), 3),
        "percentiles": _percentiles(moved, poses[0], poses[2]),
        "ms_for_300": round(1e3 * min(durations), 1),
        "machine": machine(load),
    }
    print(json.dumps(report, indent=2))


def _percentiles(moved: WristMovements, final_w: Array, other_w: Array) -> dict[str, dict[str, list[float]]]:
    position_w = moved.pose_w[..., :3]
    speed = np.linalg.norm(np.diff(position_w, axis=1), axis=2) / CONTROL_DT
    is_reach = np.arange(speed.shape[1]) < moved.arrival_step[:, None]
    nearest, nearest_other = (
        np.linalg.norm(position_w - pose_w[:, None, :3], axis=2).min(axis=1) for pose_w in (final_w, other_w)
    )
    found = {
        "until_arrival_s": moved.arrival_step * CONTROL_DT,
        "dwell_s": (moved.lift_step - moved.arrival_step) * CONTROL_DT,
        "until_lifted_s": moved.num_steps * CONTROL_DT,
        "fastest_reach": np.where(is_reach, speed, 0.0).max(axis=1),
        "fastest_at_share": np.where(is_reach, speed, 0.0).argmax(axis=1) / moved.arrival_step,
        "fastest_rise": np.where(is_reach, 0.0, speed).max(axis=1),
        "nearest_m": nearest,
        "nearest_to_other_m": nearest_other,
    }
    by_kind: dict[str, dict[str, list[float]]] = {}
    for index, name in enumerate(KINDS):
        rows = moved.kind == index
        by_kind[name] = {
            what: [round(float(value), 3) for value in np.percentile(values[rows], [5, 25, 50, 75, 95])]
            for what, values in found.items()
            if name == "change_of_mind" or what != "nearest_to_other_m"
        }
    return by_kind


if __name__ == "__main__":
    main()
