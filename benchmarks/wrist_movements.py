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
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.poses import absolute_pose, relative_pose
from envs.conventions import CONTROL_DT
from envs.hand.kinematics import fingertip_centres
from envs.rows import join_rows
from envs.wrist.movement import KINDS, WristMovements
from envs.wrist.patterns import generate_patterns
from envs.wrist.user_movement import UserMovement

Array = NDArray[np.float64]

NUM_OTHERS = 8
"""Other grasps of the object that are drawn, until a mind may change from one of them."""


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grasps", default="data/grasps.npz", help="grasp set")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(args)
    load = load_average()
    grasps = load_grasp_set(options.grasps)
    grasps = grasps.rows(grasps.is_reachable)
    rng = np.random.default_rng(options.seed)
    movement = UserMovement()
    poses = _poses(grasps, movement, rng)

    def sample(rows: slice) -> WristMovements:
        wrist_w, tips_w, other_w = (column[rows] for column in poses)
        patterns = generate_patterns()
        more = {"period_s": CONTROL_DT, "patterns": patterns, "mix": False, "rng": rng}
        return movement.sample(grasps.hand, wrist_w, tips_w, other_w, **more)  # type: ignore[arg-type]

    moved = join_rows([sample(slice(first, first + 1000)) for first in range(0, len(grasps), 1000)])
    durations = []
    for _ in range(20):
        began = time.perf_counter()
        sample(slice(300))
        durations.append(time.perf_counter() - began)
    report = {
        "settings": asdict(movement),
        "movements": len(moved),
        "share": {name: round(float((moved.kind == index).mean()), 3) for index, name in enumerate(KINDS)},
        "pairs_in_reach": round(_pairs_in_reach(grasps, movement, rng), 3),
        "with_second_try": round(float((moved.retry_steps > moved.num_steps).mean()), 3),
        "percentiles": _percentiles(moved, poses[0], poses[2]),
        "ms_for_300": round(1e3 * min(durations), 1),
        "machine": machine(load),
    }
    print(json.dumps(report, indent=2))


def _poses(grasps: GraspSet, movement: UserMovement, rng: np.random.Generator) -> list[Array]:
    """Wrists at the grasps (G, 7), fingertip centres (G, 3), wrists at another grasp of the same object (G, 7).

    The other one is the first of NUM_OTHERS random ones from which a mind may change; NaN where none is.
    """
    wrist_w, joint_pos = _wrists(grasps), grasps.joint_pos.astype(np.float64)
    other_w = np.full_like(wrist_w, np.nan)
    for _ in range(NUM_OTHERS):
        drawn_w = _other_wrists(grasps, rng)
        is_open = np.isnan(other_w[:, 0]) & movement.is_near(wrist_w, drawn_w)
        other_w[is_open] = drawn_w[is_open]
    return [wrist_w, fingertip_centres(grasps.hand, wrist_w, joint_pos), other_w]


def _pairs_in_reach(grasps: GraspSet, movement: UserMovement, rng: np.random.Generator) -> float:
    """Share of random pairs of grasps of an object between which a mind may change."""
    return float(movement.is_near(_wrists(grasps), _other_wrists(grasps, rng)).mean())


def _wrists(grasps: GraspSet) -> Array:
    return absolute_pose(_unit(grasps.object_pose_w), _unit(grasps.wrist_pose_o))


def _other_wrists(grasps: GraspSet, rng: np.random.Generator) -> Array:
    """Wrists (G, 7) at another grasp of each grasp's object, which rests as it does there; NaN without one."""
    rest_w, other = _unit(grasps.rest_pose_w), _same_object(grasps.object_index, rng)
    other_w = absolute_pose(rest_w, relative_pose(rest_w[other], _wrists(grasps)[other]))
    other_w[other == np.arange(len(other))] = np.nan
    return other_w


def _unit(pose: NDArray[np.float32]) -> Array:
    """Poses with quaternions of unit length: the file holds single precision."""
    exact = pose.astype(np.float64)
    exact[:, 3:] /= np.linalg.norm(exact[:, 3:], axis=1, keepdims=True)
    return exact


def _same_object(index: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
    """Another row with the same index for each (G,), in a random cyclic order; the row itself where it is alone."""
    order = np.lexsort((rng.random(len(index)), index))
    is_last = np.append(index[order][1:] != index[order][:-1], True)
    first = np.maximum.accumulate(np.where(np.append(True, is_last[:-1]), np.arange(len(order)), 0))
    other = np.empty(len(order), dtype=np.int64)
    other[order] = order[np.where(is_last, first, np.arange(len(order)) + 1)]
    return other


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
