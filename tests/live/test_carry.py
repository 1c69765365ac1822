"""The arm takes over when the hand holds, lifts, carries to the box and opens there, once."""

import numpy as np
import pytest

from live.carry import Carry, CarrySettings, Phase
from live.poses import rotation_matrix
from live.states import State

CENTRE_H = np.array([0.0, -0.04, 0.09])
START = np.array([0.1, -0.1, 0.12, 0.5, 0.5, 0.5, 0.5])
STEP = 0.025


def test_the_arm_is_the_users_until_the_hand_holds() -> None:
    carry = Carry(CENTRE_H)
    wanted = START + np.array([0.01, 0, 0, 0, 0, 0, 0])
    for state in (State.IDLE, State.ASSIST, State.RELEASE):
        np.testing.assert_array_equal(carry.step(0.0, state, wanted, START), wanted)
    assert carry.phase is Phase.USER


def test_it_goes_up_then_over_the_box_and_asks_to_open_once() -> None:
    settings = CarrySettings(box_w=(0.45, 0.05), height=0.25, speed=0.25)
    carry, poses, releases = Carry(CENTRE_H, settings), [START], []
    for number in range(400):
        poses.append(carry.step(STEP * number, "holding", START, poses[-1]))
        releases.append(carry.wants_release)
        if carry.phase is Phase.DONE:
            break
    way = np.array(poses)
    assert sum(releases) == 1
    opens = way[releases.index(True) + 1]
    # the grasp centre is over the box, 0.25 m higher than where it began
    np.testing.assert_allclose((opens[:3] + rotation_matrix(opens[3:]) @ CENTRE_H)[:2], settings.box_w, atol=1e-9)
    assert opens[2] == pytest.approx(START[2] + 0.25)
    np.testing.assert_allclose(way[:, 3:], np.tile(START[3:], (len(way), 1)), atol=1e-12)
    # minimum jerk: 1.875 times the mean speed of 0.25 m/s at most
    assert np.linalg.norm(np.diff(way[:, :3], axis=0), axis=1).max() / STEP < 1.875 * 0.25 + 1e-6
    sideways = np.linalg.norm(way[:, :2] - START[:2], axis=1)
    assert sideways[way[:, 2] < START[2] + 0.2499].max() < 1e-9
    assert carry.phase is Phase.DONE


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="speed of the carrying is 0"):
        CarrySettings(speed=0.0)
