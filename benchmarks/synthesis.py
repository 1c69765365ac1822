"""Grasps per second of the synthesis, on all cores. Prints JSON.

Training objects, spread over the families, go through the settings of configs/synthesis.yaml, except its limit on easy
grasps, which needs their mean joints first; every object in a worker of its own turn, as in
`python -m datamodules.synthesize`. Times are wall clock from the first worker's start on its
first object to the end of the last one: importing and compiling in fresh processes is left out and reported apart.
    verified   grasps that passed the trial: closed, then lifted and shaken
    reachable  those of them that a moving wrist took twice, collisions on; only as many are approached as are wanted
    kept       grasps that go into the set, at most the quota of each object
All three come from one run, so `verified_per_second` already pays for the reachability checks;
`verified_per_second_without_reachability` takes their time out (a second, shorter run).

    python benchmarks/synthesis.py --objects 48
"""

import argparse
import json
import logging
import os
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from _machine import machine

from datamodules.synthesis.prototypes import load_prototypes
from datamodules.synthesis.settings import SynthesisSettings, TypeCount
from datamodules.synthesis.summary import merge_counts
from datamodules.synthesis.synthesizer import GraspSynthesizer
from datamodules.workers import worker_pool
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.workers import default_workers


@dataclass(frozen=True)
class Turn:
    """One object's counts, and when its worker began and ended (monotonic clock of the machine, s)."""

    counts: dict[str, TypeCount]
    began: float
    ended: float


_WORKER: dict[str, Any] = {}


def make_object_grasps(name: str, settings: SynthesisSettings, with_reachability: bool) -> Turn:
    """In a worker: synthesise one object."""
    if not _WORKER:
        logging.getLogger("envs.physics").setLevel(logging.ERROR)
        hand = load_hand("shadow")
        _WORKER.update(library=ObjectLibrary(), synthesizer=GraspSynthesizer(hand, settings, load_prototypes(hand)))
    began = time.monotonic()
    thing = _WORKER["library"].get(name)
    result = _WORKER["synthesizer"].synthesize(thing, "train", with_reachability=with_reachability)
    return Turn(result.counts, began, time.monotonic())


def run(names: list[str], settings: SynthesisSettings, workers: int, with_reachability: bool) -> dict[str, Any]:
    """Rates of one pass over the objects with fresh workers."""
    submitted = time.monotonic()
    with worker_pool(workers) as pool:
        futures = [pool.submit(make_object_grasps, name, settings, with_reachability) for name in names]
        turns = [future.result() for future in futures]
    began = min(turn.began for turn in turns)
    wall_s = max(turn.ended for turn in turns) - began
    total = merge_counts([turn.counts for turn in turns])
    made = {
        attribute: sum(getattr(count, attribute) for count in total.values())
        for attribute in ("tried", "verified", "kept", "reachable")
    }
    return {
        "wall_s": round(wall_s, 2),
        "startup_s": round(began - submitted, 2),
        **made,
        **{f"{name}_per_second": round(made[name] / wall_s, 2) for name in ("verified", "kept", "reachable")},
        "core_s_per_object": round(sum(count.seconds for count in total.values()) / len(names), 3),
    }


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=48, help="training objects, spread evenly over the split")
    parser.add_argument("--workers", type=int, default=None, help="processes; one per core when left out")
    parser.add_argument("--wanted", type=int, default=SynthesisSettings.wanted, help="reachable grasps of an object")
    parser.add_argument("--batch", type=int, default=SynthesisSettings.batch, help="hands tried in a round")
    parser.add_argument("--hands", type=int, default=SynthesisSettings.max_hands, help="hands tried on an object")
    parser.add_argument("--types", nargs="+", default=None, help="grasp types; all of the hand's when left out")
    options = parser.parse_args(args)
    settings = SynthesisSettings(
        wanted=options.wanted,
        max_hands=options.hands,
        batch=options.batch,
        types=tuple(options.types) if options.types else None,
    )
    workers = options.workers or default_workers()
    every = ObjectLibrary().names("train")
    rows = np.linspace(0, len(every) - 1, min(options.objects, len(every))).round().astype(int)
    names = [every[row] for row in rows]
    load = [round(value, 2) for value in os.getloadavg()]
    full = run(names, settings, workers, with_reachability=True)
    verifying = run(names, settings, workers, with_reachability=False)
    report = {
        "benchmark": "synthesis",
        "objects": len(names),
        "workers": workers,
        "settings": {name: getattr(settings, name) for name in ("quota", "wanted", "max_hands", "batch", "proposals")},
        **full,
        "verified_per_second_without_reachability": verifying["verified_per_second"],
        "wall_s_without_reachability": verifying["wall_s"],
        "machine": machine(load),
        "mujoco": version("mujoco"),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
