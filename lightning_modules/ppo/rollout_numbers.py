"""What a rollout says about the learning, as numbers for the log."""

from torch import Tensor

from datamodules.types import Rollout


def rollout_numbers(rollout: Rollout, seconds: dict[str, float]) -> dict[str, float]:
    """Returns by reward term, measures of the episodes, actions, shares of time and agent steps per second, by name.

    Measures are means over the episodes in which the wrist comes to grasp; ``disturbed`` is the share of the others in
    which the object was moved, 0 where there are none. ``train/action/a_s`` and ``a_r_rms`` are of the policy's output
    in its two halves: the first one holds scales, or gates of `lightning_modules.composition.ExtentAndResidual`.

    Args:
        rollout: the rollout.
        seconds: wall-clock seconds of all parts, the update included.
    """
    total = sum(seconds.values())
    numbers = {f"train/reward/{name}": float(value.sum(0).mean()) for name, value in rollout.terms.items()}
    measures = dict(rollout.measures)
    is_grasp = measures.pop("is_grasp") > 0.0
    numbers |= {f"train/episode/{name}": _mean(value[is_grasp]) for name, value in measures.items()}
    numbers["train/episode/disturbed"] = _mean(1.0 - measures["success"][~is_grasp])
    numbers |= {f"train/time_share/{name}": value / total for name, value in seconds.items()}
    mean, num_joints = rollout.memory.get("mean"), rollout.hand_action.shape[-1]
    if mean is not None and mean.shape[-1] == 2 * num_joints:
        mean = mean[rollout.is_valid]  # nothing is decided where an episode is over
        numbers["train/action/a_s"] = float(mean[..., :num_joints].mean())
        numbers["train/action/a_r_rms"] = float(mean[..., num_joints:].square().mean().sqrt())
    numbers["train/agent_steps_per_s"] = rollout.num_agent_steps / total
    return numbers


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0
