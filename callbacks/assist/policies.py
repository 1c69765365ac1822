"""The policies that an evaluation compares: the learnt one, the primitive alone, scripts, and the stored grasp."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

from callbacks.store.arrays import digest
from callbacks.store.outcomes import targets_digest
from callbacks.store.resume import KnownPolicy
from datamodules.baselines.scripts import blind_script, nearest_grasp, oracle, scripted_close
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import STEP_GRID, RunsEpisodes, StepChoice, best_fixed_step
from envs.task.episodes import Episodes
from envs.task.targets import GraspTargets

POLICIES: tuple[str, ...] = (
    "ours", "primitive", "primitive_gated", "scripted_close", "blind_close", "nearest_grasp", "oracle",
)  # fmt: skip
"""Every policy by name, in the order of the tables."""

OF_A_PRIMITIVE = ("primitive", "primitive_gated")
"""Those that only modules with a primitive have."""

FIXED_STEP = ("primitive_gated", "scripted_close", "blind_close")
"""Those that start at a fixed step, the best one on training objects."""

FROM_TRAINING = ("scripted_close", "nearest_grasp")
"""Those that are made from training grasps."""


@runtime_checkable
class AssistingModule(Protocol):
    """A Lightning module that moves fingers."""

    def policy(self) -> FingerPolicy:
        """The learnt policy without exploration."""
        ...


@runtime_checkable
class HasPrimitive(Protocol):
    """A module with a grasping primitive of which the policy is a correction."""

    def primitive_policy(self, start_step: int = 0) -> FingerPolicy:
        """The primitive alone, held back until a step."""
        ...


@dataclass
class ComparedPolicies:
    """Policies by name in the order of the tables, and the fixed steps that were chosen for some of them."""

    policies: dict[str, KnownPolicy]
    choices: dict[str, StepChoice] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingEpisodes:
    """Training grasps, for the scripts, and episodes of training objects, on which fixed steps are chosen."""

    targets: GraspTargets
    episodes: Episodes


def check_policies(names: Sequence[str]) -> None:
    """Refuse names of policies that do not exist.

    Raises:
        ValueError: an unknown name, one named twice, or none at all.
    """
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(f"policies are {list(names)}; give some of {', '.join(POLICIES)}, each once")


def available_policies(module: object, names: Sequence[str] | None) -> tuple[str, ...]:
    """The named policies in the order of the tables; all that the module has when None.

    Raises:
        ValueError: a policy is named that needs a primitive, and the module has none.
    """
    has = [name for name in POLICIES if isinstance(module, HasPrimitive) or name not in OF_A_PRIMITIVE]
    missing = [name for name in names or () if name not in has]
    if missing:
        raise ValueError(
            f"policies name {', '.join(missing)}, but {type(module).__name__} has no primitive; take them out"
        )
    return tuple(name for name in has if names is None or name in names)


def steps_to_choose(names: Sequence[str], given: Mapping[str, int]) -> list[str]:
    """Policies of which a fixed step has to be chosen."""
    return [name for name in FIXED_STEP if name in names and name not in given]


def compared_policies(
    module: AssistingModule,
    names: Sequence[str],
    fingerprint: str,
    *,
    training: TrainingEpisodes | None,
    runner: RunsEpisodes,
    steps: Sequence[int] = STEP_GRID,
    fixed_steps: Mapping[str, int] | None = None,
) -> ComparedPolicies:
    """The named policies; those with a fixed step get the best one on the training episodes.

    Args:
        module: the learnt policy, and its primitive where it has one.
        names: some of POLICIES that the module has.
        fingerprint: stands for the module's weights and settings.
        training: may be None when no policy needs training grasps or a step that is not given.
        runner: runs the episodes that choose steps.
        steps: steps to try.
        fixed_steps: steps that are not to be looked for, by policy.
    """
    given = fixed_steps or {}
    targets = None if training is None else training.targets
    of_training = "" if targets is None else targets_digest(targets)
    makers = _makers(module, targets)

    def known(name: str, step: int) -> KnownPolicy:
        source = fingerprint if name in ("ours", *OF_A_PRIMITIVE) else of_training if name in FROM_TRAINING else ""
        return KnownPolicy(makers[name](step), digest(name, step, source))

    choices = {}
    if training is not None:
        for name in steps_to_choose(names, given):
            choices[name] = best_fixed_step(partial(known, name), runner, training.episodes, steps)
    first_steps = {**given, **{name: choice.step for name, choice in choices.items()}}
    return ComparedPolicies({name: known(name, first_steps.get(name, 0)) for name in names}, choices)


def _makers(module: AssistingModule, train: GraspTargets | None) -> dict[str, Callable[[int], FingerPolicy]]:
    """What makes each policy that can be made, given the step at which it starts."""
    makers: dict[str, Callable[[int], FingerPolicy]] = {
        "ours": lambda _: module.policy(),
        "blind_close": blind_script,
        "oracle": lambda _: oracle(),
    }
    if isinstance(module, HasPrimitive):
        makers |= {"primitive": lambda _: module.primitive_policy(), "primitive_gated": module.primitive_policy}
    if train is not None:
        makers |= {"scripted_close": lambda step: scripted_close(train, step)}
        makers |= {"nearest_grasp": lambda _: nearest_grasp(train)}
    return makers
