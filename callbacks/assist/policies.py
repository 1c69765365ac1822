"""The policies that an evaluation compares: the learnt one, the primitive alone, scripts, and the stored grasp."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Protocol, runtime_checkable

from callbacks.assist.trigger_choice import TriggerChoice, TriggerGrid, choose_trigger
from callbacks.store.made_of import digest_of
from datamodules.baselines.scripts import blind_script, nearest_grasp, oracle, scripted_close
from datamodules.rollouts.module import RolloutDataModule
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.runner import STEP_GRID, StepChoice, best_fixed_step
from envs.conventions import CONTROL_DT
from envs.hand.hand import Hand
from envs.task.episodes import Episodes
from envs.task.outcomes import EpisodeOutcome
from envs.task.targets import GraspTargets
from lightning_modules.policy.trigger import Trigger

POLICIES: tuple[str, ...] = (
    "ours", "primitive", "primitive_gated", "primitive_triggered", "scripted_close", "blind_close", "nearest_grasp",
    "oracle",
)  # fmt: skip
"""Every policy by name, in the order of the tables."""

WITHOUT_RESIDUAL = "without_residual"
"""The learnt policy with its a_r left out (GraspGF Table 2); measured where it is asked for."""

TRIGGERED = "primitive_triggered"
"""The one that starts by a rule on the wrist's speed and the object's distance."""

OF_A_PRIMITIVE = ("primitive", "primitive_gated", TRIGGERED)
"""Those that only modules with a primitive have."""

FIXED_STEP = ("primitive_gated", "scripted_close", "blind_close")
"""Those that start at a fixed step, the best one on the episodes of choice."""

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

    def triggered_policy(self, trigger: Trigger, period_s: float = CONTROL_DT) -> FingerPolicy:
        """The primitive alone, started by a rule; control steps last ``period_s`` seconds."""
        ...


@runtime_checkable
class HasResidual(Protocol):
    """A module whose policy can leave out its residual."""

    def policy_without_residual(self) -> FingerPolicy:
        """The learnt policy with its a_r left out."""
        ...


@dataclass(frozen=True)
class ComparedPolicy:
    """A policy, and what it is made of: name, step at which it starts, weights and settings or training grasps."""

    policy: FingerPolicy
    made_of: Mapping[str, Any]


@dataclass
class ComparedPolicies:
    """Policies by name in the order of the tables, and the fixed steps and thresholds that were chosen for some."""

    policies: dict[str, ComparedPolicy]
    choices: dict[str, StepChoice] = field(default_factory=dict)
    trigger: TriggerChoice | None = None


@dataclass(frozen=True)
class TrainingEpisodes:
    """Training grasps, None where no script is made of them; episodes on which steps and thresholds are chosen."""

    targets: GraspTargets | None
    episodes: Episodes


def check_policies(names: Sequence[str]) -> None:
    """Refuse names of policies that do not exist.

    Raises:
        ValueError: an unknown name, one named twice, or none at all.
    """
    known = (*POLICIES, WITHOUT_RESIDUAL)
    if not names or not set(names) <= set(known) or len(set(names)) < len(names):
        raise ValueError(f"policies are {list(names)}; give some of {', '.join(known)}, each once")


def available_policies(module: object, names: Sequence[str] | None) -> tuple[str, ...]:
    """The named policies in the order of the tables; all that the module has when None.

    Raises:
        ValueError: a policy is named that needs a primitive, and the module has none.
    """
    with_primitive = isinstance(module, HasPrimitive) and module.has_primitive
    has = [name for name in POLICIES if with_primitive or name not in OF_A_PRIMITIVE]
    has += [WITHOUT_RESIDUAL] if with_primitive and isinstance(module, HasResidual) else []
    missing = [name for name in names or () if name not in has]
    if missing:
        lacks = "residual that it could leave out" if with_primitive else "primitive"
        raise ValueError(
            f"policies name {', '.join(missing)}, but {type(module).__name__} has no {lacks}; take them out"
        )
    return tuple(name for name in has if name in (POLICIES if names is None else names))


def steps_to_choose(names: Sequence[str], given: Mapping[str, int]) -> list[str]:
    """Policies of which a fixed step has to be chosen."""
    return [name for name in FIXED_STEP if name in names and name not in given]


def has_trigger_to_choose(names: Sequence[str], grid: TriggerGrid) -> bool:
    """Whether thresholds have to be chosen among several."""
    return TRIGGERED in names and len(grid) > 1


def num_choices(
    names: Sequence[str], steps: Sequence[int], fixed_steps: Mapping[str, int], triggers: TriggerGrid
) -> int:
    """Steps and triggers that `compared_policies` tries, each on all episodes of the choice."""
    to_choose = len(steps_to_choose(names, fixed_steps)) * len(steps)
    return to_choose + (len(triggers) if has_trigger_to_choose(names, triggers) else 0)


def other_data(path: str, split_file: str | None, data: RolloutDataModule) -> RolloutDataModule:
    """Grasps from a set of their own, and their objects: to make scripts from, and to choose on.

    Raises:
        ValueError: they are of another hand.
    """
    found = RolloutDataModule(path=path, split_file=split_file, reachable_only=data.reachable_only)
    if found.hand is not data.hand:
        raise ValueError(
            f"training_path {path} is of the hand {found.hand.name}, the tested grasps of the hand "
            f"{data.hand.name}; scripts and choices need grasps of the latter"
        )
    return found


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
    triggers: TriggerGrid | None = None,
    period_s: float = CONTROL_DT,
) -> ComparedPolicies:
    """The named policies; fixed step and thresholds are the best ones on the training episodes, the first of equals.

    Args:
        hand: the hand in all worlds.
        module: the learnt policy, and its primitive where it has one.
        names: some of POLICIES that the module has.
        made_of_module: the module's weights and settings.
        training: may be None when no policy needs training grasps or a step that is not given.
        run: runs the episodes that choose steps.
        steps: steps to try.
        fixed_steps: steps that are not to be looked for, by policy.
        triggers: thresholds to try; those of `TriggerGrid` when None.
        period_s: seconds of a control step.
    """
    grid = triggers or TriggerGrid()
    starts: dict[str, Any] = {**(fixed_steps or {}), TRIGGERED: grid.first()}
    targets = None if training is None else training.targets
    sources: dict[str, Any] = dict.fromkeys(("ours", WITHOUT_RESIDUAL, *OF_A_PRIMITIVE), made_of_module)
    if targets is not None:
        sources |= dict.fromkeys(FROM_TRAINING, digest_of(targets))
    makers = _makers(hand, module, targets, period_s)

    def made(name: str, start: Any) -> ComparedPolicy:
        when = {"trigger": asdict(start), "period_s": period_s} if name == TRIGGERED else {"start_step": start}
        return ComparedPolicy(makers[name](start), {"policy": name, **when, "source": sources.get(name)})

    compared = ComparedPolicies({})
    if training is not None:
        episodes = training.episodes

        def outcome_at(name: str, start: Any) -> EpisodeOutcome:
            return run(f"choice/{name}_{start}", made(name, start), episodes)

        for name in steps_to_choose(names, fixed_steps or {}):
            compared.choices[name] = best_fixed_step(partial(outcome_at, name), steps)
            starts[name] = compared.choices[name].step
        if has_trigger_to_choose(names, grid):
            compared.trigger = choose_trigger(partial(outcome_at, TRIGGERED), grid)
            starts[TRIGGERED] = compared.trigger.trigger
    compared.policies = {name: made(name, starts.get(name, 0)) for name in names}
    return compared


def _makers(
    hand: Hand, module: AssistingModule, train: GraspTargets | None, period_s: float
) -> dict[str, Callable[[Any], FingerPolicy]]:
    """What makes each policy that can be made, given the step or the trigger that starts it."""
    makers: dict[str, Callable[[Any], FingerPolicy]] = {
        "ours": lambda _: module.policy(),
        "blind_close": partial(blind_script, hand),
        "oracle": lambda _: oracle(),
    }
    if isinstance(module, HasPrimitive):
        makers |= {"primitive": lambda _: module.primitive_policy(), "primitive_gated": module.primitive_policy}
        makers |= {TRIGGERED: partial(module.triggered_policy, period_s=period_s)}
    if isinstance(module, HasResidual):
        makers |= {WITHOUT_RESIDUAL: lambda _: module.policy_without_residual()}
    if train is not None:
        makers |= {"scripted_close": lambda step: scripted_close(train, step)}
        makers |= {"nearest_grasp": lambda _: nearest_grasp(train)}
    return makers
