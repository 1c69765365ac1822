"""Table 5: how long both modules take for one hand."""

import json
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from callbacks.assist.policies import HasPrimitive
from callbacks.assist.runs import plan_runs
from callbacks.metrics.estimates import estimate
from datamodules.rollouts.plans import SpreadPlan
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import UNSEEN_SPLITS
from envs.field_files import read_json
from envs.files import write_atomically
from envs.physics.base import Array
from envs.task.observations import Observation
from lightning_modules.cli import open_run
from reports.markdown import table
from reports.reproduce.blocks import Block
from reports.reproduce.claims import Claim, Judged, verdict
from reports.reproduce.paper import LATENCY
from reports.reproduce.results import Difference, Results

_FIRST = 5
"""Steps left out: buffers are made in them."""

_LIMIT_MS = 4.0
"""GraspGF App. D.3: "both modules take less than 0.004 seconds"."""

_TITLES = {"primitive": "primitive (a_p)", "policy": "residual policy, with the primitive's action before it"}


@dataclass
class TimedPolicy:
    """A policy whose decisions are timed.

    Attributes:
        policy: decides.
        ms: milliseconds of each decision.
    """

    policy: FingerPolicy
    ms: list[float] = field(default_factory=list)

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self.policy.start(num_worlds)

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        began = time.perf_counter()
        action = self.policy.act(observation, step)
        self.ms.append(1e3 * (time.perf_counter() - began))
        return action


def times(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each decision for one hand in one episode, after the first steps: ``primitive`` and ``policy``.

    Args:
        folder: of a test, whose configuration and checkpoint are opened.
    """
    opened = open_run(folder)
    data, module = opened.datamodule, opened.model
    run = plan_runs(data, UNSEEN_SPLITS[:1], SpreadPlan(1), [0])[UNSEEN_SPLITS[0]]
    policies: dict[str, FingerPolicy] = {"policy": module.policy()}
    if isinstance(module, HasPrimitive) and module.has_primitive:
        policies["primitive"] = module.primitive_policy()
    found = {}
    for name, policy in policies.items():
        timed = TimedPolicy(policy)
        EpisodeRunner(data.physics, task=data.task, num_worlds=1, num_threads=1).run(timed, run.episodes[0])
        found[name] = timed.ms[_FIRST:]
    return found


def table5(results: Results) -> Block:
    """Milliseconds of a decision on this machine; measured once for a training, and kept."""
    folder = results.first_test(results.plan.ours, results.selection.tasks[0])
    if folder is None:
        return Block(
            f"- Not measured: no test of {results.plan.ours} on the {results.selection.tasks[0]} task is done."
        )
    root = results.runs.root
    identity = results.runs.stamps[str(folder.relative_to(root))].identity
    kept = _kept(root / "speed.json", identity)
    if kept is None and not results.has_weights(folder):
        return Block(f"- Not measured: the checkpoint that {folder} was tested with is not there.")
    kept = _measure(folder, root / "speed.json", identity) if kept is None else kept
    found, machine = kept["ms"], kept["machine"]
    rows = [
        [_TITLES[each], *(f"{np.quantile(found[each], share):.2f}" for share in (0.5, 0.25, 0.75)),
         f"{LATENCY[each]:.2f}" + (" (alone)" if each == "policy" else "")]
        for each in _TITLES if each in found
    ]  # fmt: skip
    judged = [_judged(each, np.array(found[each])) for each in _TITLES if each in found]
    settings = [
        f"Measured on {machine}; the paper's on a GTX 1650. One hand, the decisions of one episode; the time of the "
        "machine's other work is in it. A cloud is looked at again only when it has moved.",
        "The policy's time has that of the primitive in it, which it cannot do without.",
    ]
    head = ["ms a decision", "median", "lower quartile", "upper quartile", "paper"]
    return Block(table(head, rows), kept, judged, settings=settings)


def _kept(path: Path, identity: str) -> dict[str, Any] | None:
    """What was measured before of the same training; None without."""
    try:
        kept = read_json(path, "")
    except (OSError, ValueError):
        return None
    return kept if kept.get("identity") == identity else None


def _measure(folder: Path, path: Path, identity: str) -> dict[str, Any]:
    machine = f"{os.cpu_count()} cores {platform.machine()}, {torch.get_num_threads()} threads"
    measured = {"identity": identity, "machine": machine, "ms": times(folder)}
    write_atomically(path, (json.dumps(measured) + "\n").encode())
    return measured


def _judged(name: str, ms: np.ndarray) -> Judged:
    """Whether a decision takes less than the paper says, by the mean over decisions minus the limit."""
    row = estimate(ms - _LIMIT_MS, np.arange(len(ms))).as_dict()
    claim = Claim(
        f"{_TITLES[name]} takes less than 4 ms on average (App. D.3; mean minus 4 ms)",
        "ms",
        name,
        "4 ms",
        is_lower=True,
    )
    return Judged(claim, "", "this machine", Difference(row), verdict([(row["low"], row["high"])], is_lower=True))
