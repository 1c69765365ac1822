"""All that a test measures of the field on the grasps of a split, part by part; what was measured before is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from callbacks.field.trials import FieldWatchers, SplitTrials, with_follower
from callbacks.field.watch import WatchedTrials
from callbacks.store.kept_plan import METRICS_FILE
from callbacks.store.made_of import digest_of_table, made_of_code, settings_of_module
from callbacks.store.result_files import Arrays, ResultFiles
from callbacks.training.progress import skip_ahead
from datamodules.baselines.set_trials import ConstantJoints, Values
from datamodules.grasps.dataset import GraspTable
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory, physics_identity
from lightning_modules.diffusion.samplers import Sampler
from lightning_modules.followers import Follower
from lightning_modules.primitive import GraspPrimitive

_WATCHED = {"collisions_off": "_off_", "collisions_on": "_on_"}
"""Where what was seen of the field's trials stands among the arrays; names of measures begin with a letter."""


@dataclass(frozen=True)
class MeasuredSplit:
    """What was measured on a split.

    Attributes:
        values: measures, one value a grasp.
        watched: what was seen of the field's trials, ``collisions_off`` and ``collisions_on``.
        diverged: worlds whose physics broke down.
    """

    values: Values
    watched: dict[str, WatchedTrials]
    diverged: int


@dataclass(frozen=True)
class _Step:
    """A part that is kept by itself: its name, the trials that it makes of each grasp, and what measures it."""

    name: str
    rounds: int
    measure: Callable[[], Arrays]


class FieldMeasurement:
    """Measures a primitive.

    Args:
        primitive: the field.
        library: gives the objects.
        physics: makes the worlds.
        train: training grasps, for the baselines, which are left out when None.
        references: other ways of following the field, by name.
        sampler: draws samples; the probability-flow ODE when None.
        folder: where parts are kept, ``<split>/<part>.npz``, beside metrics.json; nothing is kept when None.
    """

    def __init__(
        self,
        primitive: GraspPrimitive,
        library: ObjectLibrary,
        physics: PhysicsFactory,
        train: GraspTable | None,
        *,
        references: Mapping[str, Follower],
        sampler: Sampler | None,
        folder: Path | None,
    ) -> None:
        self._primitive = primitive
        self._library = library
        self._physics = physics
        self._constants = None if train is None else ConstantJoints.of_training(train)
        self._references = references
        self._sampler = sampler
        made_of = {
            "code": made_of_code(),
            "physics": physics_identity(physics),
            "module": settings_of_module(primitive.module),
            "follower": primitive.follower,
            "training": None if train is None else digest_of_table(train, library),
        }
        self._files = None if folder is None else ResultFiles(folder, made_of, [folder.parent / METRICS_FILE])

    def measure(self, split: str, table: GraspTable, bar: "tqdm[None]") -> MeasuredSplit:
        """Every measure on every grasp of a table; the bar is told how much there is, and what was done."""
        grasps, arrays, diverged = digest_of_table(table, self._library), Arrays(), 0
        trials = SplitTrials(table, self._library, self._physics, on_trials=bar.update)
        steps = self._steps(trials)
        bar.reset(total=sum(step.rounds for step in steps) * len(table))
        for step in steps:
            bar.set_postfix_str(step.name)
            name, follower = f"{split}/{step.name}", self._references.get(step.name)
            made_of = {"grasps": grasps, "reference": follower, "sampler": self._sampler, "trials": step.rounds}
            kept = None if self._files is None else self._files.load(name, made_of)
            if kept is None:
                before = trials.trials.num_diverged
                kept = {**step.measure(), "_diverged": np.array([trials.trials.num_diverged - before])}
                if self._files is not None:
                    self._files.save(name, kept, made_of)
            else:
                skip_ahead(bar, step.rounds * len(table))
            diverged += int(kept["_diverged"][0])
            arrays |= kept
        return MeasuredSplit(
            values={name: column for name, column in arrays.items() if not name.startswith("_")},
            watched={name: WatchedTrials.of_arrays(arrays, prefix) for name, prefix in _WATCHED.items()},
            diverged=diverged,
        )

    def _steps(self, trials: SplitTrials) -> list[_Step]:
        primitive, constants = self._primitive, self._constants
        encoded = lru_cache(maxsize=1)(partial(trials.encode, primitive))  # not needed where all is known already
        steps = [
            _Step("losses", 0, lambda: dict(trials.losses(primitive))),
            _Step("field", 2, lambda: _watched_field(trials, primitive, encoded())),
        ]
        steps += [
            _Step(name, 2, partial(_followed, trials, name, with_follower(primitive, follower), encoded))
            for name, follower in self._references.items()
        ]
        steps += [_Step("samples", 1, lambda: dict(trials.samples(primitive, encoded(), sampler=self._sampler)))]
        if constants is None:
            return [*steps, _Step("stored", 1, lambda: dict(trials.stored(with_collisions=False)))]
        return [
            *steps,
            _Step("stored", 2, lambda: dict(trials.stored())),
            _Step("baselines", 6, lambda: dict(trials.baselines(constants))),
        ]


def _watched_field(trials: SplitTrials, primitive: GraspPrimitive, feature: Tensor) -> Arrays:
    """The field's measures, and what was seen of its trials."""
    watchers = FieldWatchers(trials.table.hand, len(trials.table))
    values = trials.field("field_success", primitive, feature, watchers=watchers)
    off, on = watchers.off.watched(), watchers.on.watched()
    return {**values, **off.arrays(_WATCHED["collisions_off"]), **on.arrays(_WATCHED["collisions_on"])}


def _followed(trials: SplitTrials, name: str, primitive: GraspPrimitive, encoded: Callable[[], Tensor]) -> Arrays:
    return dict(trials.field(f"{name}_field_success", primitive, encoded()))
