"""The wrist follows what is asked for as an arm would."""

import numpy as np
import pytest

from envs.hand.registry import load_hand
from envs.wrist.clearance import open_hand_height
from live.browser.wrist import HIGH, MAX_SPEED, WristMover
from live.poses import angle_between

HAND = load_hand("shadow")
START = np.array([0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])
PERIOD = 0.025


def mover() -> WristMover:
    return WristMover(HAND, START, PERIOD)


def test_it_goes_where_it_is_asked_to_no_faster_than_allowed() -> None:
    wrist = mover()
    assert wrist.ask([0.3, 0.2, 0.4, np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)])
    places = np.array([START, *(wrist.step() for _ in range(60))])
    ways = np.linalg.norm(np.diff(places[:, :3], axis=0), axis=1)
    assert ways.max() <= MAX_SPEED * PERIOD + 1e-12
    np.testing.assert_allclose(places[-1, :3], [0.3, 0.2, 0.4], atol=1e-6)
    assert angle_between(places[-1, 3:], wrist.wanted_w[3:]) < 1e-3


@pytest.mark.parametrize("wish", [None, "up", [0.0] * 7, [np.nan] * 7, [0.0, 0.0, 0.3], [1e9, 0, 0, 1, 0, 0, np.inf]])
def test_what_is_no_pose_moves_nothing(wish: object) -> None:
    wrist = mover()
    assert not wrist.ask(wish)
    np.testing.assert_array_equal(wrist.step(), START)
    assert wrist.num_refused == 1


def test_it_stays_on_the_table_and_above_it() -> None:
    wrist = mover()
    wrist.ask([9.0, 0.0, -9.0, 0.0, 1.0, 0.0, 0.0])  # fingers down
    assert wrist.wanted_w[0] == HIGH[0]
    # the open hand may be 2 mm deep
    assert float(open_hand_height(HAND, wrist.wanted_w)) == pytest.approx(-0.002, abs=1e-9)


def test_a_path_is_followed_to_its_end_unless_something_else_is_asked_for() -> None:
    path = np.tile(START, (5, 1))
    path[:, 0] = 0.01 * np.arange(1, 6)
    wrist = mover()
    wrist.play(path)
    assert [round(float(wrist.step()[0]), 3) for _ in range(7)] == [0.01, 0.02, 0.03, 0.04, 0.05, 0.05, 0.05]
    wrist.play(path)
    wrist.step()
    wrist.nudge(np.array([0.0, 0.0, 0.1]), np.zeros(3))
    assert not wrist.is_playing
    with pytest.raises(ValueError, match=r"expected \(T, 7\)"):
        wrist.play(path[:, :3])
