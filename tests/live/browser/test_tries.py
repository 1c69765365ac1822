"""A try is judged as the task judges."""

import numpy as np
import pytest

from envs.hand.registry import load_hand
from envs.physics.base import PhysicsState
from envs.task.outcomes import CAUSES
from live.browser.tries import SENTENCES, Tries

HAND = load_hand("shadow")
HELD = [HAND.fingers[0].tip_link, HAND.fingers[-1].tip_link]


class Bench:
    """A wrist above an object, and links that touch it."""

    def __init__(self) -> None:
        self.tries = Tries(HAND)
        self.wrist, self.thing = 0.3, 0.05

    def step(self, links: list[str], table: list[str] | None = None, away: float = 0.0) -> None:
        def mask(names: list[str]) -> np.ndarray:
            return np.isin(HAND.links, names)[None]

        wrist_w = np.array([[0.0, 0.0, self.wrist, 1.0, 0.0, 0.0, 0.0]])
        thing_w = np.array([[away, 0.0, self.thing, 1.0, 0.0, 0.0, 0.0]])
        joints = HAND.open_pose[None]
        coupled = HAND.coupled_from_actuated(joints)
        state = PhysicsState(joints, coupled, wrist_w, thing_w, np.zeros((1, 6)), np.zeros(1, dtype=bool))
        self.tries.step(state, mask(links), mask(table or []))

    def come_down(self, links: list[str], **others: object) -> None:
        while self.wrist > 0.13:
            self.wrist -= 0.01
            self.step(links if self.wrist < 0.14 else [], **others)  # type: ignore[arg-type]

    def rise(self, links: list[str], *, with_object: bool, steps: int = 20) -> None:
        for _ in range(steps):
            self.wrist += 0.01
            self.thing += 0.01 * with_object
            self.step(links)


def test_an_object_that_comes_along_is_lifted_once() -> None:
    bench = Bench()
    bench.come_down(HELD)
    assert bench.tries.num_tries == 0
    bench.rise(HELD, with_object=True)
    assert (bench.tries.num_tries, bench.tries.num_lifted, bench.tries.last) == (1, 1, "success")
    assert bench.tries.is_held
    bench.rise(HELD, with_object=True)
    assert bench.tries.num_tries == 1


@pytest.mark.parametrize(
    ("links", "others", "cause"),
    [
        ([], {}, "never_touched"),
        (HELD, {}, "slipped_in_lift"),
        (HELD, {"table": HELD}, "hit_table"),
    ],
)
def test_a_failure_has_its_cause(links: list[str], others: dict[str, list[str]], cause: str) -> None:
    bench = Bench()
    bench.come_down(links, **others)
    for _ in range(6):
        bench.step(links, **others)
    bench.rise(links, with_object=bool(links), steps=4)
    bench.rise([], with_object=False)
    assert (bench.tries.num_tries, bench.tries.num_lifted, bench.tries.last) == (1, 0, cause)


def test_fingers_that_are_not_there_when_the_wrist_rises_had_let_go() -> None:
    bench = Bench()
    bench.come_down(HELD)
    bench.rise([], with_object=False)
    assert bench.tries.last == "let_go"


def test_the_next_try_begins_when_the_wrist_has_come_down_again() -> None:
    bench = Bench()
    bench.come_down(HELD)
    bench.rise([], with_object=False)
    bench.come_down(HELD)
    bench.rise(HELD, with_object=True)
    assert (bench.tries.num_tries, bench.tries.num_lifted) == (2, 1)


def test_a_hand_that_never_came_near_has_not_tried() -> None:
    bench = Bench()
    bench.wrist = 0.5
    bench.rise([], with_object=False)
    assert bench.tries.num_tries == 0


def test_every_cause_has_a_sentence() -> None:
    assert set(SENTENCES) == set(CAUSES)
