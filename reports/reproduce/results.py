"""How episodes ended that the tests of a reproduction kept, put side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from callbacks.metrics.estimates import Row, estimate, over_seeds
from callbacks.metrics.text_tables import UNSEEN_FAMILIES
from envs.field_files import read_json
from reports.reproduce.execute import Runs
from reports.reproduce.outcomes import Outcomes, SeedOutcomes, read_outcomes
from reports.reproduce.plan import Plan
from reports.reproduce.runs import METRICS, name_of_fit, name_of_test
from reports.reproduce.selection import Selection
from reports.reproduce.stamps import State

POSES = 5
"""Poses of an object (GraspGF App. A.2)."""

ENOUGH_OBJECTS = 5
"""Objects from which on their bootstrap says something: resamples of one do not vary."""

_ENDLESS = {"low": -np.inf, "high": np.inf}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """One method minus another on the same episodes.

    Attributes:
        over_objects: 95 % bootstrap over objects, with its interval over families where there are several.
        over_seeds: Student's t over training seeds; None for a single one.
        only: the training seeds that it is of, where one of the two has others, too.
        objects: how many there are; None where that is not known.
    """

    over_objects: Row
    over_seeds: Row | None = None
    only: tuple[int, ...] = ()
    objects: int | None = None

    def intervals(self, split: str) -> list[tuple[float, float]]:
        """The intervals that a claim about a split has to be apart in.

        Over objects; over families too where these are unseen; over training seeds where there are several. Of too few
        objects, or of a single unseen family, nothing is decided: the interval is endless.
        """
        families = self.over_objects.get("interval_over_families", _ENDLESS) if split == UNSEEN_FAMILIES else None
        few = _ENDLESS if self.objects is not None and self.objects < ENOUGH_OBJECTS else None
        rows = [self.over_objects, few, families, self.over_seeds]
        return [(row["low"], row["high"]) for row in rows if row is not None]


def _widened(row: Row) -> Row:
    """A difference whose interval over few families is as wide as Student's t would make it.

    That of the bootstrap has the normal quantile and the divisor F in place of F - 1 (`estimates.estimate`).
    """
    families = row.get("interval_over_families")
    if not families:
        return row
    mean, count = row["mean"], families["families"]
    factor = float(stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975) * (count / (count - 1)) ** 0.5)
    wider = {name: mean + factor * (families[name] - mean) for name in ("low", "high")}
    return {**row, "interval_over_families": {**wider, "families": count}}


def measured(outcomes: Outcomes, measure: str) -> Row:
    """Mean of a measure over all episodes of all training seeds, interval over objects, and over families."""
    values, groups, families = _pooled([(each.values[measure], each) for each in outcomes.values()])
    row = estimate(values, groups, families=families, is_rate=measure == "success").as_dict()
    seeds = [float(each.values[measure].mean()) for each in outcomes.values()]
    return {**row, "seeds": seeds} | ({"over_seeds": over_seeds(seeds).as_dict()} if len(seeds) > 1 else {})


def difference(one: Outcomes, other: Outcomes, measure: str) -> Difference | None:
    """One minus the other, episode by episode, over the training seeds that both have; None without such.

    Raises:
        ValueError: the two ran other episodes.
    """
    parts = {}
    for seed in [seed for seed in one if seed in other]:
        mine, theirs = one[seed], other[seed]
        if mine.episodes != theirs.episodes:
            raise ValueError(
                f"seed {seed}: two methods ran other episodes, whose digests are {mine.episodes[0][:8]} and "
                f"{theirs.episodes[0][:8]}; test both with the same data settings"
            )
        _, at, of_other = np.intersect1d(mine.rows, theirs.rows, assume_unique=True, return_indices=True)
        if len(at):
            gained = mine.values[measure][at] - theirs.values[measure][of_other]
            parts[seed] = gained, SeedOutcomes(mine.episodes, at, {}, mine.groups[at], mine.families[at])
    if not parts:
        return None
    values, groups, families = _pooled([*parts.values()])
    row = _widened(estimate(values, groups, families=families).as_dict())
    means = [float(gained.mean()) for gained, _ in parts.values()]
    only = () if set(parts) == {*one, *other} else tuple(parts)
    by_seeds = over_seeds(means).as_dict() if len(means) > 1 else None
    return Difference(row, by_seeds, only, len(np.unique(groups)))


def independent(one: Row, other: Row) -> Difference:
    """One mean minus another of other episodes, by the intervals of both (Donner and Zou 2012, eq. 2).

    low = d - sqrt((m1 - l1)^2 + (h2 - m2)^2) and high = d + sqrt((h1 - m1)^2 + (m2 - l2)^2), with d = m1 - m2.
    Over training seeds alike, a mean without several of them being the same for all.
    """
    row = {**_apart(one["mean"], one, other["mean"], other), "n": one["n"] + other["n"]}
    families = [each.get("interval_over_families") for each in (one, other)]
    if families[0] and families[1]:
        count = min(each["families"] for each in families if each)
        wider = _apart(one["mean"], families[0], other["mean"], families[1])
        row["interval_over_families"] = {"low": wider["low"], "high": wider["high"], "families": count}
        # of rates of none or all the rule of three is no bootstrap
        row = _widened(row) if all(0.0 < each["mean"] < 1.0 for each in (one, other)) else row
    if not any("over_seeds" in each for each in (one, other)):
        return Difference(row)
    mine, theirs = (
        each.get("over_seeds") or {**each, "low": each["mean"], "high": each["mean"]} for each in (one, other)
    )
    count = min(each["over_seeds"]["n"] for each in (one, other) if "over_seeds" in each)
    return Difference(row, {**_apart(mine["mean"], mine, theirs["mean"], theirs), "n": count})


def _apart(mean: float, one: Mapping[str, Any], other_mean: float, other: Mapping[str, Any]) -> Row:
    differs = mean - other_mean
    below = float(np.hypot(mean - one["low"], other["high"] - other_mean))
    above = float(np.hypot(one["high"] - mean, other_mean - other["low"]))
    return {"mean": differs, "low": differs - below, "high": differs + above}


def _pooled(parts: Sequence[tuple[Array, SeedOutcomes]]) -> tuple[Array, NDArray[np.int64], NDArray[np.str_]]:
    """Values, objects and families of several seeds together; an object is the same in all of them."""
    return (
        np.concatenate([values for values, _ in parts]),
        np.concatenate([each.groups for _, each in parts]),
        np.concatenate([each.families for _, each in parts]),
    )


def share(outcomes: Outcomes, measure: str, below: str) -> Row:
    """Rate of a measure among those of whom another one is 1, interval over objects; nothing where it is 1 of none."""
    values, groups, families = _pooled([(each.values[measure], each) for each in outcomes.values()])
    counts = _pooled([(each.values[below], each) for each in outcomes.values()])[0] > 0.0
    if not counts.any():
        return {}
    return estimate(values[counts], groups[counts], families=families[counts], is_rate=True).as_dict()


def poses_grasped(outcomes: Outcomes, poses: int) -> dict[int, SeedOutcomes]:
    """Objects in place of episodes: ``k/poses`` is 1 where an object was grasped at k of its poses (Table 3).

    ``any`` is 1 where it was at any, ``most`` at all but one at least. Objects with fewer poses are left out.
    """
    found = {}
    for seed, each in outcomes.items():
        names, first, row = np.unique(each.groups, return_index=True, return_inverse=True)
        is_whole = np.bincount(row) == poses
        counts = np.bincount(row, weights=each.values["success"])[is_whole].round().astype(int)
        values = {f"{k}/{poses}": (counts == k).astype(float) for k in range(poses + 1)}
        values |= {"any": (counts > 0).astype(float), "most": (counts >= poses - 1).astype(float)}
        if is_whole.any():
            families = each.families[first][is_whole]
            found[seed] = SeedOutcomes(each.episodes, names[is_whole], values, names[is_whole], families)
    return found


@dataclass(frozen=True)
class Results:
    """What the finished runs of a plan gave."""

    plan: Plan
    runs: Runs
    selection: Selection

    def outcomes(self, method: str, task: str, split: str, evaluation: str = "main") -> Outcomes:
        """Outcomes of a method by training seed; of a method of another those of its policy; none without tests."""
        if method not in self.plan.methods:
            return {}
        chosen = self.plan.methods[method]
        of, policy = (chosen.of, chosen.policy) if chosen.of else (method, "ours")
        if chosen.of:
            evaluation = chosen.evaluation
        found = {}
        for seed in self.plan.seeds_of(of):
            folder = self.finished(name_of_test(of, seed, evaluation, task))
            outcome = None if folder is None else read_outcomes(folder, split, policy)
            if outcome is not None and len(outcome.rows):
                found[seed] = outcome
        return found

    def poses(self, method: str, task: str, split: str) -> Outcomes:
        """The same of objects in place of episodes, see `poses_grasped`."""
        return poses_grasped(self.outcomes(method, task, split), POSES)

    def noisy(self, evaluation: str, task: str, split: str) -> Outcomes:
        """Outcomes of ours in an evaluation, for claims about evaluations in place of methods."""
        return self.outcomes(self.plan.ours, task, split, evaluation)

    def finished(self, name: str) -> Path | None:
        """Folder of a run; None where it is not done, or not among those that were asked for."""
        for run in self.runs.runs:
            if run.name == name and self.runs.state(run) is State.DONE:
                return self.runs.folder(run)
        return None

    def metrics(self, method: str, seed: int, evaluation: str, task: str) -> dict[str, Any] | None:
        """The metrics.json of a test; None without."""
        folder = self.finished(name_of_test(method, seed, evaluation, task))
        return None if folder is None else read_json(folder / METRICS, "run the test again")

    def tests(self, method: str, task: str) -> dict[int, Path]:
        """Folders of the finished tests, on a task, of a method or of the one that it is `of`, by training seed."""
        chosen = self.plan.methods[method]
        name = chosen.of or method
        evaluation = chosen.evaluation if chosen.of else "main"
        folders = {seed: self.finished(name_of_test(name, seed, evaluation, task)) for seed in self.plan.seeds_of(name)}
        return {seed: folder for seed, folder in folders.items() if folder is not None}

    def first_test(self, method: str, task: str) -> Path | None:
        """That of the first training; None where it is not done."""
        chosen = self.plan.methods[method]
        return self.tests(method, task).get(self.plan.seeds_of(chosen.of or method)[0])

    def has_weights(self, folder: Path) -> bool:
        """Whether the checkpoint that the test in a folder was of is still there, so that it can be run again."""
        checkpoints = [run.checkpoint for run in self.runs.runs if self.runs.folder(run) == folder]
        return all(not each or Path(each).is_file() for each in checkpoints)

    def trainings(self, method: str) -> dict[int, Path]:
        """Folders of the finished trainings of a method, by seed."""
        folders = {seed: self.finished(name_of_fit(method, seed)) for seed in self.plan.seeds_of(method)}
        return {seed: folder for seed, folder in folders.items() if folder is not None}
