"""Agent steps per second of PPO against worlds, objects, threads, processes and simulators, with memory. Prints JSON.

Every choice of one value from each list, or with --star the first values and each other one alone, is measured in
processes of its own, one choice after another, by training as benchmarks/ppo_throughput.py does: rollouts after a first
one that warms up, without validation. ``worlds`` are those of all processes together; each of several ranks has its
share of them, of the objects and of every minibatch. Of ranks the steps of all count; the time is that of the first,
which waits for the others in every gradient step. Memory is that of all ranks at the end, what they share counted once;
``highest_gb`` is the highest seen, workers of simulators included. A model of cost follows from each choice:
milliseconds of a core for an agent step, by part, and what a node with other cores would do if nothing else became
short (docs/scaling.md).

With --output each choice is kept as soon as it is measured: the same command goes on where it was interrupted, and
others add their choices to the same file. One that runs out of time or memory is kept as ``failed``, with the limits,
and not tried again without --retry, nor is the same with more worlds under these limits or narrower ones. ``objects``
is what was asked for, ``objects_present`` what there was.

    python benchmarks/scale.py --worlds 256 --threads 1 2 --ranks 1 2
    python benchmarks/scale.py --worlds 16 --objects 8 --rollouts 1 --episodes paper
    python benchmarks/scale.py --star --worlds 256 64 1024 4096 --objects 0 10 100 1000 4934 --output runs/scale.json
    python benchmarks/scale.py --star --backends mujoco mujoco_warp isaacgym_stand_in --worlds 16 4 64 --objects 64 10 \
        --ranks 1 2 --rollouts 1 --timeout 900 --output runs/scale.json
"""

import argparse
import itertools
import json
import logging
import os
import signal
import sys
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import torch
from _machine import load_average, machine, memory_gb, proportional_gb
from _sweep import KeptRows, Limits, Row, measured
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from ppo_throughput import PARTS, Turns, build, summary, train
from tqdm import tqdm

from datamodules.grasps.grasp_set import GraspSet
from datamodules.ranks import gathered, rank
from envs.physics.isaacgym.process import PYTHON_VARIABLE
from envs.plain_errors import plain_errors
from lightning_modules.quiet import quieten

STAND_IN = "isaacgym_stand_in"

BACKENDS: dict[str, list[str]] = {
    "mujoco": [],
    "mujoco_warp": ["configs/backends/mujoco_warp.yaml"],
    "isaacgym": ["configs/backends/isaacgym.yaml"],
    STAND_IN: ["configs/backends/isaacgym.yaml"],
}
"""Overlays by simulator; the stand-in for Isaac Gym is that of the tests: its worker and pipes, with MuJoCo inside."""

TASKS: dict[str, list[str]] = {"paper": [], "mixed": ["configs/task/mixed.yaml"]}
"""Overlays by the episodes that are trained on."""

FAKES = Path(__file__).resolve().parent.parent / "tests" / "fakes"

NODE_CORES = (2, 8, 64)
"""Cores of the nodes that the model of cost is asked for."""


@dataclass(frozen=True)
class Choice:
    """One thing to measure.

    Attributes:
        backend: simulator, of BACKENDS.
        worlds: of all ranks together.
        objects: training objects, 0 for all of the grasp set; see `with_objects`.
        threads: of each rank; 0 leaves them to their own choice.
        ranks: processes that train together.
        rollouts: that count.
    """

    backend: str
    worlds: int
    objects: int
    threads: int
    ranks: int
    rollouts: int


class Everybody(Callback):
    """At the end of training: turns and memory of every rank, in their order, on all of them."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.found: list[dict[str, Any]] = []

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask all ranks."""
        own = {"steps": self._turns.steps, "parts": self._turns.parts, "total": self._turns.total}
        self.found = gathered({**own, "pss_gb": proportional_gb(), "highest_gb": memory_gb().get("highest")})


def with_objects(grasps: GraspSet, count: int) -> GraspSet:
    """The training grasps of ``count`` objects at most, spread over their order.

    If there are fewer, objects of the test splits are taken for training objects, too: nothing that is learnt is kept.
    """
    present = objects_present(grasps)
    if count > len(present):
        splits = tuple(split if split == "development" else "train" for split in grasps.object_splits)
        grasps = replace(grasps, object_splits=splits)
        present = objects_present(grasps)
    chosen = present[np.linspace(0, len(present) - 1, min(count, len(present))).round().astype(int)]
    of_training = grasps.split("train")
    return of_training.rows(np.isin(of_training.object_index, chosen))


def objects_present(grasps: GraspSet) -> NDArray[np.int64]:
    """Indices of the training objects that have a grasp for an episode: one that a moving hand took."""
    of_training = grasps.split("train")
    return np.unique(of_training.object_index[of_training.is_reachable]).astype(np.int64)


def measure(choice: Choice, configs: list[str]) -> dict[str, Any]:
    """Train and say how fast; in every rank of the choice alike."""
    if choice.threads:
        torch.set_num_threads(choice.threads)
    torch.manual_seed(0)
    changes: dict[str, Any] = {
        "model.init_args.imitation_rollouts": 0,
        "model.init_args.minibatch_size": 2560 // choice.ranks,
        "data.init_args.num_worlds": choice.worlds // choice.ranks,
        "data.init_args.num_threads": choice.threads or None,
        "data.init_args.rollouts_per_epoch": choice.rollouts + 1,
    }
    built = build([*configs, *BACKENDS[choice.backend]], changes)
    if choice.objects:
        built.data.grasps = with_objects(built.data.grasps, choice.objects)
    turns = Turns(built.data)
    everybody = Everybody(turns)
    train(built, choice.rollouts + 1, everybody, turns=turns, ranks=choice.ranks)
    return {"objects_present": len(objects_present(built.data.grasps)), **told(choice, everybody.found, turns)}


def told(choice: Choice, found: list[dict[str, Any]], turns: Turns) -> dict[str, Any]:
    """The numbers of one choice, from what every rank found."""
    together = replace(turns, steps=[sum(each) for each in zip(*(one["steps"] for one in found), strict=True)])
    cores = min(os.cpu_count() or 1, choice.ranks * (choice.threads or os.cpu_count() or 1))
    parts, steps = turns.parts[1:], sum(turns.steps[1:])
    cost = {name: 1e3 * sum(part[name] for part in parts) / steps * cores / choice.ranks for name in PARTS}
    rate = 1e3 / sum(cost.values())
    return {
        **summary(together),
        "memory_gb": {
            "together": None if None in (every := [one["pss_gb"] for one in found]) else round(sum(every), 2),
            "highest_of_each": [one["highest_gb"] for one in found],
        },
        "core_ms_per_agent_step": {name: round(value, 4) for name, value in cost.items()},
        "predicted_agent_steps_per_second": {f"{count} cores": round(count * rate) for count in NODE_CORES},
    }


def in_processes(choice: Choice, given: argparse.Namespace) -> Row:
    """`measure` in processes of its own, with the limits and the load before; how it failed where it did."""
    options = ["--episodes", given.episodes, "--config", *given.config]
    command = [sys.executable, str(Path(__file__).resolve()), *options, "--one", json.dumps(asdict(choice))]
    load, limits = load_average(), limits_of(given)
    with TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if choice.backend == STAND_IN:
            environment[PYTHON_VARIABLE] = stand_in(Path(folder))
        row = measured(command, limits, environment)
    return {"load_before": load, "limits": asdict(limits), **row}


def limits_of(given: argparse.Namespace) -> Limits:
    """What one choice may take."""
    return Limits(given.timeout, given.memory)


def stand_in(folder: Path) -> str:
    """Path of a script that runs this Python with the tests' stand-in for Isaac Gym, as tests/isaac_gym.py does."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nPYTHONPATH='{FAKES}' FAKE_ISAACGYM= exec '{sys.executable}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def choices(given: argparse.Namespace) -> list[Choice]:
    """What is asked for, of every simulator."""
    lists = (given.worlds, given.objects, given.threads, given.ranks)
    every = list(itertools.product(*lists))
    if given.star:
        first = every[0]
        every = [values for values in every if sum(one != other for one, other in zip(values, first, strict=True)) < 2]
    return [Choice(backend, *values, given.rollouts) for backend in given.backends for values in every]


def given_up(choice: Choice, rows: list[Row], limits: Limits) -> Row | None:
    """What is kept of a choice that is not tried, because less of it ran out of time or memory; None otherwise.

    Less of it: fewer worlds and no more rollouts, all else the same, under limits at least as wide.
    """
    wanted = asdict(choice)
    for row in rows:
        same = all(row[name] == value for name, value in wanted.items() if name not in ("worlds", "rollouts"))
        less = row["worlds"] < choice.worlds and row["rollouts"] <= choice.rollouts
        allowed = row.get("limits", {})
        wide = all(allowed.get(name, 0.0) >= value for name, value in asdict(limits).items())
        if same and less and wide and row.get("failed") in ("time", "memory", "killed"):
            error = f"not tried: {row['worlds']} worlds were too many"
            return {"limits": allowed, "failed": row["failed"], "error": error}
    return None


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", nargs="+", default=["configs/residual_ppo.yaml"], help="and overlays after it")
    parser.add_argument("--episodes", choices=tuple(TASKS), default="mixed", help="task that is trained on")
    parser.add_argument("--backends", nargs="+", choices=tuple(BACKENDS), default=["mujoco"])
    parser.add_argument("--worlds", type=int, nargs="+", default=[256], help="of all ranks together")
    parser.add_argument("--objects", type=int, nargs="+", default=[0], help="training objects; 0: all")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of each rank; 0: their own choice")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2], help="processes that train together")
    parser.add_argument("--rollouts", type=int, default=3, help="rollouts that count, after one to warm up")
    parser.add_argument("--star", action="store_true", help="one list after another, the others at their first value")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds for one choice")
    parser.add_argument("--memory", type=float, default=0.9 * psutil.virtual_memory().total / 1e9, help="GB for one")
    parser.add_argument("--output", type=Path, help="file of what was measured, which the same command goes on with")
    parser.add_argument("--retry", action="store_true", help="measure again what failed before")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    for name in ("worlds", "ranks"):
        if min(getattr(options, name)) < 1:
            parser.error(f"--{name} is {getattr(options, name)}; at least 1 each")
    if options.rollouts < 1 or min(options.objects + options.threads) < 0:
        parser.error("--rollouts is at least 1, --objects and --threads are at least 0")
    for choice in choices(options):
        if choice.worlds % choice.ranks:  # fewer would be measured than are told
            parser.error(
                f"--worlds {choice.worlds} cannot be divided evenly among {choice.ranks} ranks; give a multiple of "
                f"{choice.ranks}"
            )
    return options


def main(args: list[str] | None = None) -> None:
    """Measure every choice and print."""
    options = arguments(args)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    if options.one is not None:
        with warnings.catch_warnings():
            quieten()
            configs = [*options.config, *TASKS[options.episodes]]
            found = measure(Choice(**json.loads(options.one)), configs)
        if rank() == 0:
            print(json.dumps(found))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what is being measured, too
    about = {"benchmark": "scale", "config": options.config, "episodes": options.episodes}
    with plain_errors():
        sweep = KeptRows(options.output, {**about, "machine": machine(), "torch": torch.__version__})
    wanted = choices(options)
    if options.retry:
        sweep.forget_failed([asdict(choice) for choice in wanted])
    before = len(sweep.rows) if options.retry else 0  # a retry rests on its own failures alone
    for choice in tqdm([each for each in wanted if not sweep.has(asdict(each))], unit="choice"):
        skipped = given_up(choice, sweep.rows[before:], limits_of(options))
        sweep.add(asdict(choice), skipped or in_processes(choice, options))
    print(sweep.text())


if __name__ == "__main__":
    main()
