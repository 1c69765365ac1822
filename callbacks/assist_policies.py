"""The policies that an evaluation compares: the learnt one, the primitive alone, scripts, and the stored grasp."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from datamodules.rollouts.episodes_run import EpisodeRunner, StepChoice, best_fixed_step
from datamodules.rollouts.policy import FingerPolicy
from datamodules.rollouts.scripts import blind_script, nearest_grasp, oracle, scripted_close
from envs.episodes import Episodes
from envs.targets import GraspTargets

STEP_GRID: tuple[int, ...] = tuple(range(14, 43, 4))
"""Control steps among which the best one to start at is looked for, on training objects."""


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

    policies: dict[str, FingerPolicy]
    choices: dict[str, StepChoice] = field(default_factory=dict)


def primitive_policies(module: object) -> dict[str, Callable[[int], FingerPolicy]]:
    """What starts at a fixed step and is learnt: ``primitive_gated`` where the module has a primitive."""
    return {"primitive_gated": module.primitive_policy} if isinstance(module, HasPrimitive) else {}


def compare_all(
    module: AssistingModule,
    train: GraspTargets,
    runner: EpisodeRunner,
    episodes: Episodes,
    steps: Sequence[int] = STEP_GRID,
) -> ComparedPolicies:
    """Every policy of the tables; those with a fixed step get the best one on the given training episodes.

    Args:
        module: the learnt policy, and its primitive where it has one.
        train: training grasps, for the scripts.
        runner: runs the episodes that choose steps.
        episodes: episodes of training objects.
        steps: steps to try.
    """
    gated: dict[str, Callable[[int], FingerPolicy]] = {
        **primitive_policies(module),
        "scripted_close": lambda step: scripted_close(train, step),
        "blind_close": blind_script,
    }
    choices = {name: best_fixed_step(make, runner, episodes, steps) for name, make in gated.items()}
    policies: dict[str, FingerPolicy] = {"ours": module.policy()}
    if isinstance(module, HasPrimitive):
        policies["primitive"] = module.primitive_policy()
    policies |= {name: make(choices[name].step) for name, make in gated.items()}
    policies |= {"nearest_grasp": nearest_grasp(train), "oracle": oracle()}
    return ComparedPolicies(policies, choices)


def num_choices(module: object, steps: Sequence[int] = STEP_GRID) -> int:
    """How often `compare_all` runs its episodes."""
    return len(steps) * (2 + len(primitive_policies(module)))
