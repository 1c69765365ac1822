"""What the numbers of the optimisation may be (see `lightning_modules.residual_ppo_module`)."""

from collections.abc import Mapping
from typing import Any

from envs.ranges import AT_LEAST_0, AT_LEAST_1, FINITE, NOT_NEGATIVE, POSITIVE, SHARE, Interval, check_numbers

_NEEDED = {
    "epochs": AT_LEAST_1,
    "minibatch_size": AT_LEAST_1,
    "gamma": SHARE,
    "lam": SHARE,
    "clip": Interval(0.0, 1.0, has_low=False, has_high=False),
    "value_coefficient": NOT_NEGATIVE,
    "entropy_coefficient": FINITE,
    "max_grad_norm": Interval(0.0, has_low=False),
    "learning_rate": POSITIVE,
    "critic_learning_rate": POSITIVE,
    "imitation_rollouts": AT_LEAST_0,
    "imitation_dropout": Interval(0.0, 1.0, has_high=False),
    "imitation_coefficient": NOT_NEGATIVE,
    "seed": AT_LEAST_0,
}

_NEEDED_TO_IMITATE = {"imitation_epochs": AT_LEAST_1, "imitation_learning_rate": POSITIVE}
"""Where rollouts are imitated."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse numbers with which nothing could be learnt, before the first rollout.

    Args:
        settings: by name.

    Raises:
        ValueError: names the first one, what it is and what is needed.
    """
    check_numbers(settings, _NEEDED)
    if settings.get("imitation_rollouts", 0) > 0:
        check_numbers(settings, _NEEDED_TO_IMITATE)
