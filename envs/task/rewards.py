"""Rewards of the assisting task, one function a term, and their weights.

Terms are pure functions of tensors and carry no weight; `RewardSettings` names terms and weights. A reward of a
control step is the sum of its weighted terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from envs.conventions import MAX_JOINT_STEP
from envs.ranges import FINITE
from envs.task.outcomes import EpisodeOutcome

# --- terms of every control step


def following(a_p: Tensor, joint_change: Tensor) -> Tensor:
    """<a_p / |a_p|, J_t - J_(t-1)> (E,), rad: how far the joints moved along the primitive (GraspGF eq. 11).

    Args:
        a_p: primitive action of the step (E, J); where it is zero so is the term.
        joint_change: joints after the step minus before it (E, J), rad.
    """
    return (torch.nn.functional.normalize(a_p, dim=1) * joint_change).sum(dim=1)


def following_signs(a_p: Tensor, joint_change: Tensor) -> Tensor:
    """sum_j dJ_j sign(a_p_j) / (0.05 J) (E,): the share of full speed along the primitive's signs (released code).

    Arguments as for `following`.
    """
    return (a_p.sign() * joint_change).sum(dim=1) / (MAX_JOINT_STEP * a_p.shape[1])


def fingertip(distance: Tensor) -> Tensor:
    """-mean over the fingertips of their distance to the cloud (E, F), m, over 12.5 (released code, all baselines)."""
    return -distance.mean(dim=1) / 12.5


def goal(joint_pos: Tensor, goal_joint_pos: Tensor) -> Tensor:
    """-|q - q_goal| / 5.8852 / 50 (E,) of joints (E, J), rad (released code, PPO (Goal), for the Shadow Hand)."""
    return -(joint_pos - goal_joint_pos).norm(dim=1) / 5.8852 / 50.0


def displacement(object_shift: Tensor) -> Tensor:
    """-(how far the object moved in the step, before the hand began to rise) (E,), m; a thrown one counts 2 cm a step.

    Not in the paper: what pushes the object is told at once, not by the end of the episode.
    """
    return -object_shift.clamp(max=0.02)


# --- terms of the end


def height(rise: Tensor, start_height: Tensor) -> Tensor:
    """The rise of the object in the lift (E,), m (GraspGF eq. 7)."""
    return rise


def height_clipped(rise: Tensor, start_height: Tensor) -> Tensor:
    """clip(rise, 0, 1 - z_0) (E,), m, z_0 the height (E,) of the object's centre before the lift (released code)."""
    return torch.minimum(rise.clamp_min(0.0), (1.0 - start_height).clamp_min(0.0))


@dataclass(frozen=True)
class StepFacts:
    """What the terms of a control step are made of; an input that no configured term reads may be None.

    Attributes:
        a_p: primitive action of the step (E, J).
        joint_pos_before: joints when the action was chosen (E, J), rad.
        joint_pos: joints after the step (E, J), rad.
        fingertip_distance: of each fingertip to the cloud after the step (E, F), m.
        goal_joint_pos: joints that a told goal wants (E, J), rad: `Episodes.other_joint_pos`.
        object_shift: how far the object moved in the step (E,), m; 0 from the lift on.
    """

    joint_pos_before: Tensor
    joint_pos: Tensor
    a_p: Tensor | None = None
    fingertip_distance: Tensor | None = None
    goal_joint_pos: Tensor | None = None
    object_shift: Tensor | None = None

    def get(self, name: str, term: str) -> Tensor:
        """An input by name.

        Raises:
            ValueError: it is None; names the term that needs it.
        """
        value = getattr(self, name)
        if not isinstance(value, Tensor):
            raise ValueError(f"reward term {term!r} needs {name}, which was not given; give it, or drop the term")
        return value

    def joint_change(self) -> Tensor:
        """Change of the joints in the step (E, J), rad."""
        return self.joint_pos - self.joint_pos_before


STEP_TERMS: dict[str, Callable[[StepFacts], Tensor]] = {
    "following": lambda facts: following(facts.get("a_p", "following"), facts.joint_change()),
    "following_signs": lambda facts: following_signs(facts.get("a_p", "following_signs"), facts.joint_change()),
    "fingertip": lambda facts: fingertip(facts.get("fingertip_distance", "fingertip")),
    "goal": lambda facts: goal(facts.joint_pos, facts.get("goal_joint_pos", "goal")),
    "displacement": lambda facts: displacement(facts.get("object_shift", "displacement")),
}
"""Terms of every control step."""

HEIGHT_TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"height": height, "height_clipped": height_clipped}
"""Terms of the lift."""

SUCCESS = "success"
TERMS: tuple[str, ...] = (*STEP_TERMS, *HEIGHT_TERMS, SUCCESS)
"""Every term."""

_SPARSE_TERMS = ("following", "following_signs")

PRESETS: dict[str, dict[str, float]] = {
    "default": {"following": 0.09, "height_clipped": 0.5, "success": 1.0},
    "paper": {"following": 0.09, "height": 0.5, "success": 1.0},
    "released": {"following_signs": 0.1, "height_clipped": 0.5, "success": 1.0},
    "ppo": {"fingertip": 1.0, "height_clipped": 0.5, "success": 1.0},
    "ppo_goal": {"fingertip": 1.0, "goal": 1.0, "height_clipped": 0.5, "success": 1.0},
}
"""Weights by preset: docs/deviations.md; GraspGF App. B.2; the released code; baselines PPO and PPO (Goal), App. C."""


@dataclass(frozen=True)
class RewardSettings:
    """Which terms make the reward, and how much of each.

    Attributes:
        weights: weight by term, of TERMS; terms that are absent are not computed.
        follow_every: the following terms count in every so many-th control step (GraspGF App. B.2: 5).

    Raises:
        ValueError: no terms, one that does not exist, a weight that is not finite, or ``follow_every`` below 1.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(PRESETS["default"]))
    follow_every: int = 5

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError(f"the reward has no terms; give one of {', '.join(TERMS)} a weight")
        for name, weight in self.weights.items():
            if name not in TERMS:
                raise ValueError(f"reward term {name!r} is unknown; available: {', '.join(TERMS)}")
            if weight not in FINITE:
                raise ValueError(f"the weight of reward term {name} is {weight}; {FINITE} is needed")
        if self.follow_every < 1:
            raise ValueError(f"follow_every is {self.follow_every}, expected at least 1 (1: in every step)")

    @classmethod
    def preset(cls, name: str) -> "RewardSettings":
        """Settings by name.

        Raises:
            ValueError: unknown preset; lists those there are.
        """
        if name not in PRESETS:
            raise ValueError(f"reward preset {name!r} is unknown; available: {', '.join(PRESETS)}")
        return cls(dict(PRESETS[name]))

    def needs(self, *terms: str) -> bool:
        """Whether one of these terms has a weight."""
        return any(name in self.weights for name in terms)


def reward_terms(settings: RewardSettings, facts: StepFacts, step: Tensor) -> dict[str, Tensor]:
    """Weighted terms (E,) by name of control step ``step`` (E,), counted from 0.

    Following terms are due when step + 1 is a multiple of ``follow_every``, so that the last of 50 steps is one, and
    zero in between.

    Raises:
        ValueError: a configured term lacks its input.
    """
    is_due = (step + 1) % settings.follow_every == 0
    terms = {}
    for name, weight in settings.weights.items():
        if name in STEP_TERMS:
            value = weight * STEP_TERMS[name](facts)
            terms[name] = torch.where(is_due, value, 0.0) if name in _SPARSE_TERMS else value
    return terms


def final_terms(
    settings: RewardSettings, outcome: EpisodeOutcome, last_terms: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weighted terms (E,) of the last control step, lift included (GraspGF eq. 7).

    (1 - d) (r_sim + r_h) + d lambda_s with d = 1 on success: success pays lambda_s in place of everything else. The
    released code does the same with lambda_s = 1. Without a success term nothing is replaced.

    Args:
        settings: terms and weights.
        outcome: how the E episodes ended; a diverged world has no rise and no success.
        last_terms: what `reward_terms` gave for the last control step.
    """
    success = torch.as_tensor(outcome.is_success, dtype=torch.float32)
    rise = torch.as_tensor(outcome.rise, dtype=torch.float32)
    start_height = torch.as_tensor(outcome.height, dtype=torch.float32)
    terms = dict(last_terms)
    for name, weight in settings.weights.items():
        if name in HEIGHT_TERMS:
            terms[name] = weight * HEIGHT_TERMS[name](rise, start_height)
    if not settings.needs(SUCCESS):
        return terms
    terms = {name: (1.0 - success) * value for name, value in terms.items()}
    terms[SUCCESS] = settings.weights[SUCCESS] * success
    return terms
