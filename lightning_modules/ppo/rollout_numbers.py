"""What a rollout says about the learning, as numbers for the log."""

from datamodules.types import Rollout


def rollout_numbers(rollout: Rollout, seconds: dict[str, float]) -> dict[str, float]:
    """Returns by reward term, measures of the episodes, actions, shares of time and agent steps per second, by name.

    Args:
        rollout: the rollout.
        seconds: wall-clock seconds of all parts, the update included.
    """
    total = sum(seconds.values())
    numbers = {f"train/reward/{name}": float(value.sum(0).mean()) for name, value in rollout.terms.items()}
    numbers |= {f"train/episode/{name}": float(value.float().mean()) for name, value in rollout.measures.items()}
    numbers |= {f"train/time_share/{name}": value / total for name, value in seconds.items()}
    mean, num_joints = rollout.memory["mean"], rollout.hand_action.shape[-1]
    if mean.shape[-1] == 2 * num_joints:
        numbers["train/action/a_s"] = float(mean[..., :num_joints].mean())
        numbers["train/action/a_r_rms"] = float(mean[..., num_joints:].square().mean().sqrt())
    numbers["train/agent_steps_per_s"] = rollout.num_agent_steps / total
    return numbers
