"""Control steps per second against bare mj_step, and the memory of many worlds. Prints JSON.

assist: HumanAssistEnv.step, observation included and no hidden groups, in episodes of the grasp set in which the hand
    closes to the stored grasp on arrival, against
    raw              mj_step(model, data, 5) in a loop with the same models, starts and controls on as many threads,
                     which never wait for one another; it ends in the same states to the bit
    `time_over_raw` is the time of a step over that of raw.
worlds: the physics alone; every world has its own object, and the open hand over it closes and opens.
    raw              as above, in one thread
    threads_N        the physics with N threads (1: the calling thread steps)
    processes_N      N processes, each with its share of the worlds and one thread
    `share_of_raw` says what batching, wrist control and the search for diverged worlds leave; with several cores it may
    exceed 1.
memory: resident memory of a fresh process whose worlds have seen at least so many different objects.

One control step advances one world by 25 ms (5 physics steps). Variants take turns, block by block, so that other load
on the machine hits all alike; rates are medians over the turns, warm-up and resetting left out.

    python benchmarks/env_throughput.py --seconds 20
"""

import argparse
import json
import logging
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import torch
from _assist import assist_variants, measure_memory
from _machine import load_average, machine
from _worlds import PERIOD, ProcessWorlds, Worlds, raw_twins, setting

from envs.conventions import STEPS_PER_CONTROL
from envs.hand.shadow import shadow_hand
from envs.physics.mujoco_cpu import MujocoCpu
from envs.task.settings import TaskSettings
from envs.workers import default_workers

PARTS = ("assist", "worlds", "memory")


def measure(variants: Mapping[str, Callable[[int], float]], steps: int, seconds: float) -> dict[str, list[float]]:
    """Seconds of every block of each variant, taking turns until the time is over; one block each to warm up."""
    for run in variants.values():
        run(steps)
    durations: dict[str, list[float]] = {name: [] for name in variants}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not durations["raw"]:
        for name, run in variants.items():
            durations[name].append(run(steps))
    return durations


def rates(durations: Mapping[str, list[float]], worlds: int, steps: int) -> dict[str, Any]:
    """Control and physics steps a second by variant."""
    found = {name: worlds * steps / statistics.median(values) for name, values in durations.items()}
    return {
        "worlds": worlds,
        "steps_of_a_block": steps,
        "turns": len(durations["raw"]),
        "control_steps_per_second": {name: round(rate) for name, rate in found.items()},
        "physics_steps_per_second": {name: round(STEPS_PER_CONTROL * rate) for name, rate in found.items()},
        "share_of_raw": {name: round(rate / found["raw"], 2) for name, rate in found.items() if name != "raw"},
    }


def assist_part(options: argparse.Namespace, cores: int) -> dict[str, Any]:
    """The assisting environment against raw on as many threads."""
    steps = min(options.assist_steps, TaskSettings().episode_steps)
    variants = assist_variants(options.path, options.assist_worlds, options.seed, cores)
    durations = measure(variants, steps, options.seconds)
    turns = [env / raw for env, raw in zip(durations["env"], durations["raw"], strict=True)]
    ratio = statistics.median(durations["env"]) / statistics.median(durations["raw"])
    return {
        **rates(durations, options.assist_worlds, steps),
        "threads": cores,
        "time_over_raw": round(ratio, 3),
        "time_over_raw_of_turns": {"lowest": round(min(turns), 3), "highest": round(max(turns), 3)},
    }


def worlds_part(options: argparse.Namespace, cores: int) -> dict[str, Any]:
    """Threads and processes against raw in one thread."""
    chosen = setting(options.worlds)
    threaded = {
        f"threads_{count}": Worlds(chosen, MujocoCpu().make(shadow_hand(), options.worlds, num_threads=count))
        for count in sorted({1, cores})
    }
    with ProcessWorlds(options.worlds, min(cores, options.worlds)) as processes:
        variants: dict[str, Callable[[int], float]] = {
            "raw": raw_twins(chosen, options.steps),
            **threaded,
            f"processes_{len(processes.processes)}": processes,
        }
        return rates(measure(variants, options.steps, options.seconds), options.worlds, options.steps)


def memory_part(options: argparse.Namespace, cores: int) -> dict[str, float | int]:
    """Memory in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_memory, (options.path, options.assist_worlds, options.objects, cores))


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=20.0, help="measuring time of a part, after the warm-up")
    parser.add_argument("--cores", type=int, default=None, help="threads and processes; one per core when left out")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set of the episodes")
    parser.add_argument("--seed", type=int, default=0, help="chooses the episodes")
    parser.add_argument("--assist-worlds", type=int, default=256, help="worlds of assist and memory")
    parser.add_argument("--assist-steps", type=int, default=50, help="control steps of a block of assist")
    parser.add_argument("--objects", type=int, default=300, help="objects of memory, at least")
    parser.add_argument("--worlds", type=int, default=64, help="worlds of worlds")
    parser.add_argument("--steps", type=int, default=PERIOD, help="control steps of a block of worlds")
    options = parser.parse_args(args)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    cores = options.cores or default_workers()
    torch.set_num_threads(cores)
    load = load_average()
    measured = {"assist": assist_part, "worlds": worlds_part, "memory": memory_part}
    report: dict[str, Any] = {
        "benchmark": "env_throughput",
        **{name: measured[name](options, cores) for name in PARTS if name in options.parts},
        "machine": machine(load),
        "mujoco": version("mujoco"),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
