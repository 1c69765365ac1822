"""Outcomes of episodes that never ran."""

from collections.abc import Sequence

import numpy as np

from envs.task.outcomes import CAUSES, EpisodeOutcome


def made_up_outcome(causes: Sequence[str], *, posture: float = 1.0, translation: float = 0.01) -> EpisodeOutcome:
    """One episode for each cause; the i-th has a posture error of ``posture`` + i and moved by ``translation`` + i."""
    count = len(causes)
    cause = np.array([CAUSES.index(name) for name in causes], dtype=np.int64)
    number = np.arange(count, dtype=np.float64)
    return EpisodeOutcome(
        is_success=cause == CAUSES.index("success"),
        is_grasp=np.ones(count, dtype=bool),
        second_try=np.zeros(count, dtype=np.int64),
        held_steps=np.zeros(count, dtype=np.int64),
        rise=np.zeros(count),
        slip=np.zeros(count),
        height=np.zeros(count),
        is_diverged=cause == CAUSES.index("diverged"),
        joint_pos=np.zeros((count, 18)),
        posture_rad=posture + number,
        translation_m=translation + number,
        rotation_cos=0.1 * number,
        cause=cause,
    )
