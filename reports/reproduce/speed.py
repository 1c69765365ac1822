"""Table 5: how long both modules take for one hand."""

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from callbacks.assist.runs import plan_runs
from callbacks.metrics.estimates import over_seeds
from datamodules.rollouts.plans import SpreadPlan
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import EpisodeRunner
from envs.conventions import UNSEEN_SPLITS
from envs.field_files import read_json
from envs.files import write_atomically
from envs.physics.base import Array
from envs.task.observations import Observation
from lightning_modules.cli import open_run
from lightning_modules.policy.finger_policies import LearntPolicy
from reports.markdown import table
from reports.reproduce.blocks import Block
from reports.reproduce.claims import Claim, Judged, verdict
from reports.reproduce.paper import LATENCY
from reports.reproduce.results import Difference, Results
from reports.reproduce.stamps import stamp_digest

_FIRST = 5
"""Steps left out: buffers are made in them."""

_EPISODES = 10

_LIMIT_MS = 4.0
"""GraspGF App. D.3: "both modules take less than 0.004 seconds"."""

_TITLES = {"primitive": "primitive (a_p)", "residual": "residual policy (a_s, a_r)", "policy": "both: a decision"}

LIMITED = ("primitive", "residual")
"""What the paper limits."""

_KEPT_MS = "episodes_ms"

Times = dict[str, list[list[float]]]
"""Milliseconds of each decision of each episode, by what takes them."""


class _Watch:
    """Milliseconds between the begin and the end of calls, added up."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, watched."""

        def watched(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            result = function(*args, **options)
            self.ms += 1e3 * (time.perf_counter() - began)
            return result

        return watched


class TimedPolicy:
    """A policy whose decisions are timed, and in them what its primitive does.

    Args:
        policy: decides; of a `LearntPolicy` with a primitive the view of that is watched.

    Attributes:
        times: of the episodes so far.
    """

    def __init__(self, policy: FingerPolicy) -> None:
        self._policy, self._in_primitive = policy, _Watch()
        parts = ["policy"]
        if isinstance(policy, LearntPolicy) and policy.view is not None:
            view: Any = copy(policy.view)
            view.scene, view.heading = self._in_primitive(view.scene), self._in_primitive(view.heading)
            self._policy = LearntPolicy(policy.residual, view)
            parts += LIMITED
        self.times: Times = {part: [] for part in parts}

    def start(self, num_worlds: int) -> None:
        """See `FingerPolicy.start`."""
        self._policy.start(num_worlds)
        for episodes in self.times.values():
            episodes.append([])

    def act(self, observation: Observation, step: int) -> Array:
        """See `FingerPolicy.act`."""
        whole, before = _Watch(), self._in_primitive.ms
        action: Array = whole(self._policy.act)(observation, step)
        primitive = self._in_primitive.ms - before
        told = {"policy": whole.ms, "primitive": primitive, "residual": whole.ms - primitive}
        if step >= _FIRST:
            for name, episodes in self.times.items():
                episodes[-1].append(told[name])
        return action


def times(folder: Path) -> Times:
    """Milliseconds of each decision for one hand in some episodes, after the first steps.

    Args:
        folder: of a test, whose configuration and checkpoint are opened.

    Returns:
        ``policy``, and of one with a primitive its parts ``primitive`` and ``residual``.
    """
    opened = open_run(folder)
    data, module = opened.datamodule, opened.model
    run = plan_runs(data, UNSEEN_SPLITS[:1], SpreadPlan(_EPISODES), [0])[UNSEEN_SPLITS[0]]
    timed = TimedPolicy(module.policy())
    EpisodeRunner(data.physics, task=data.task, num_worlds=1, num_threads=1).run(timed, run.episodes[0])
    return timed.times


def table5(results: Results) -> Block:
    """Milliseconds of a decision on this machine; measured once for a training, and kept."""
    folder = results.first_test(results.plan.ours, results.selection.tasks[0])
    if folder is None:
        return Block(
            f"- Not measured: no test of {results.plan.ours} on the {results.selection.tasks[0]} task is done."
        )
    root = results.runs.root
    identity = stamp_digest(folder)
    kept = _kept(root / "speed.json", identity)
    if kept is None and not results.has_weights(folder):
        return Block(f"- Not measured: the checkpoint that {folder} was tested with is not there.")
    kept = _measure(folder, root / "speed.json", identity) if kept is None else kept
    found, machine = kept[_KEPT_MS], kept["machine"]
    rows = [
        [_TITLES[each], *(f"{np.quantile(np.concatenate(found[each]), share):.2f}" for share in (0.5, 0.25, 0.75)),
         f"{LATENCY[each]:.2f}" + (" (sum)" if each == "policy" else "")]
        for each in _TITLES if each in found
    ]  # fmt: skip
    judged = [_judged(each, found[each]) for each in LIMITED if each in found]
    settings = [
        f"Measured on {machine}; the paper's on a GTX 1650. One hand, the decisions of {len(found['policy'])} episodes "
        "of the policy of one training seed; the time of the machine's other work is in it. A cloud is looked at again "
        "only when it has moved, and by the primitive, whose feature the policy shares; the paper's has a PointNet of "
        "its own.",
    ]
    head = ["ms a decision", "median", "lower quartile", "upper quartile", "paper"]
    return Block(table(head, rows), kept, judged, settings=settings)


def _kept(path: Path, identity: str) -> dict[str, Any] | None:
    """What was measured before of the same test, by the same code; None without."""
    try:
        kept = read_json(path, "")
    except (OSError, ValueError):
        return None
    return kept if kept.get("identity") == identity and _KEPT_MS in kept else None


def _measure(folder: Path, path: Path, identity: str) -> dict[str, Any]:
    machine = f"{os.cpu_count()} cores {platform.machine()}, {torch.get_num_threads()} threads"
    measured = {"identity": identity, "machine": machine, _KEPT_MS: times(folder)}
    write_atomically(path, (json.dumps(measured) + "\n").encode())
    return measured


def _judged(name: str, episodes: Sequence[Sequence[float]]) -> Judged:
    """Whether a module takes less than the paper says, by the means of episodes minus the limit: Student's t."""
    row = over_seeds([float(np.mean(each)) - _LIMIT_MS for each in episodes]).as_dict()
    claim = Claim(
        f"{_TITLES[name]} takes less than 4 ms on average (App. D.3; mean minus 4 ms)",
        "ms",
        name,
        "4 ms",
        is_lower=True,
    )
    return Judged(claim, "", "this machine", Difference(row), verdict([(row["low"], row["high"])], is_lower=True))
