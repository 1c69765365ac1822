"""Joints that press, against the rule in its own words."""

import numpy as np
import pytest

from live.press import PressWatch

CLOSING = np.array([1.0, -1.0, 0.0, 1.0])


@pytest.mark.parametrize("seed", range(4))
def test_joints_press_that_lag_in_every_look_and_rest_over_all_of_them(seed: int) -> None:
    rng, looks = np.random.default_rng(seed), 3
    watch, seen, found = PressWatch(CLOSING, behind=0.03, moved=0.02, looks=looks), [], set()
    for _ in range(300):
        joints = rng.choice([0.0, 0.008, 0.016], size=4)  # two of these are less than 0.02 apart, and so are all three
        joints += rng.choice([0.0, 0.05], p=[0.9, 0.1], size=4)
        command = joints + CLOSING * rng.choice([0.05, 0.0], p=[0.9, 0.1], size=4)
        seen.append((command.copy(), joints.copy()))
        told, last = watch.look(command, joints), seen[-looks - 1 :]
        lags = np.all([(command - joints) * CLOSING > 0.03 for command, joints in last], axis=0)
        rests = np.ptp([joints for _, joints in last], axis=0) < 0.02
        assert told == (int((lags & rests).sum()) if len(last) == looks + 1 else 0)
        found.add(told)
        command[:] = joints[:] = np.nan  # what was seen is its own
    assert {0, 1, 2} <= found
