"""The policies that an evaluation compares: the learnt one, the primitive alone, scripts, and the stored grasp."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

from callbacks.store.made_of import digest_of
from datamodules.baselines.scripts import blind_script, nearest_grasp, oracle, scripted_close
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import STEP_GRID, StepChoice, best_fixed_step
from envs.hand.hand import Hand
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
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

    @property
    def has_primitive(self) -> bool:
        """Whether there is one: such a module may be configured to do without."""
        ...

    def primitive_policy(self, start_step: int = 0) -> FingerPolicy:
        """The primitive alone, held back until a step."""
        ...


@dataclass(frozen=True)
class ComparedPolicy:
    """A policy, and what it is made of: name, step at which it starts, weights and settings or training grasps."""

    policy: FingerPolicy
    made_of: Mapping[str, Any]


@dataclass
class ComparedPolicies:
    """Policies by name in the order of the tables, and the fixed steps that were chosen for some of them."""

    policies: dict[str, ComparedPolicy]
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
    with_primitive = isinstance(module, HasPrimitive) and module.has_primitive
    has = [name for name in POLICIES if with_primitive or name not in OF_A_PRIMITIVE]
    missing = [name for name in names or () if name not in has]
    if missing:
        raise ValueError(
            f"policies name {', '.join(missing)}, but {type(module).__name__} has no primitive; take them out"
        )
    return tuple(name for name in has if names is None or name in names)


def steps_to_choose(names: Sequence[str], given: Mapping[str, int]) -> list[str]:
    """Policies of which a fixed step has to be chosen."""
    return [name for name in FIXED_STEP if name in names and name not in given]


RunsPolicy = Callable[[str, ComparedPolicy, Episodes], EpisodeOutcome]
"""Runs episodes under a policy; the first argument names them."""


def compared_policies(
    hand: Hand,
    module: AssistingModule,
    names: Sequence[str],
    made_of_module: Mapping[str, Any],
    *,
    training: TrainingEpisodes | None,
    run: RunsPolicy,
    steps: Sequence[int] = STEP_GRID,
    fixed_steps: Mapping[str, int] | None = None,
) -> ComparedPolicies:
    """The named policies; those with a fixed step get the best one on the training episodes, the earliest of equals.

    Args:
        hand: the hand in all worlds.
        module: the learnt policy, and its primitive where it has one.
        names: some of POLICIES that the module has.
        made_of_module: the module's weights and settings.
        training: may be None when no policy needs training grasps or a step that is not given.
        run: runs the episodes that choose steps.
        steps: steps to try.
        fixed_steps: steps that are not to be looked for, by policy.
    """
    given = dict(fixed_steps or {})
    targets = None if training is None else training.targets
    sources: dict[str, Any] = dict.fromkeys(("ours", *OF_A_PRIMITIVE), made_of_module)
    if targets is not None:
        sources |= dict.fromkeys(FROM_TRAINING, digest_of(targets))
    makers = _makers(hand, module, targets)

    def made(name: str, step: int) -> ComparedPolicy:
        return ComparedPolicy(makers[name](step), {"policy": name, "start_step": step, "source": sources.get(name)})

    def best_step(name: str, episodes: Episodes) -> StepChoice:
        return best_fixed_step(lambda step: run(f"choice/{name}_{step}", made(name, step), episodes), steps)

    choices = {}
    if training is not None:
        choices = {name: best_step(name, training.episodes) for name in steps_to_choose(names, given)}
    given |= {name: choice.step for name, choice in choices.items()}
    return ComparedPolicies({name: made(name, given.get(name, 0)) for name in names}, choices)


def _makers(
    hand: Hand, module: AssistingModule, train: GraspTargets | None
) -> dict[str, Callable[[int], FingerPolicy]]:
    """What makes each policy that can be made, given the step at which it starts."""
    makers: dict[str, Callable[[int], FingerPolicy]] = {
        "ours": lambda _: module.policy(),
        "blind_close": partial(blind_script, hand),
        "oracle": lambda _: oracle(),
    }
    if isinstance(module, HasPrimitive):
        makers |= {"primitive": lambda _: module.primitive_policy(), "primitive_gated": module.primitive_policy}
    if train is not None:
        makers |= {"scripted_close": lambda step: scripted_close(train, step)}
        makers |= {"nearest_grasp": lambda _: nearest_grasp(train)}
    return makers
