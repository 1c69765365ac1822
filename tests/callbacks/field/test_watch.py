"""Why trials of the field fail, from what was seen of them."""

from typing import Any, cast

import numpy as np
import pytest

from callbacks.field.watch import FIELD_CAUSES, OFF_STEPS, ON_STEPS, FieldWatcher, WatchedTrials
from envs.hand.shadow import shadow_hand
from envs.physics.base import PhysicsBackend, PhysicsState
from envs.task.outcomes import TABLE_STEPS
from envs.trials.lift import LiftResult

HAND = shadow_hand()


class Seen:
    """One world that shows what it is told to."""

    def __init__(self) -> None:
        self.object_pose_w = np.array([[0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0]])
        self.touching: tuple[str, ...] = ()
        self.on_table = False

    def state(self) -> PhysicsState:
        return PhysicsState(
            joint_pos=np.zeros((1, 18)),
            coupled_pos=np.zeros((1, 4)),
            wrist_pose_w=np.array([[0.0, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0]]),
            object_pose_w=self.object_pose_w.copy(),
            object_velocity=np.zeros((1, 6)),
            is_diverged=np.zeros(1, dtype=bool),
        )

    def contact_links(self) -> Any:
        return np.array([[name in self.touching for name in HAND.links]])

    def table_links(self) -> Any:
        return np.array([[self.on_table] * len(HAND.links)])


GRIP = ("ffdistal", "thdistal")


def cause(
    *,
    on_the_way: tuple[str, ...] = GRIP,
    closed: tuple[str, ...] = GRIP,
    moved: float = 0.0,
    lean_deg: float = 0.0,
    table_steps: int = 0,
    table_closed: bool = False,
    rise: float = 0.5,
    lifted: bool = False,
    diverged: bool = False,
) -> str:
    """What a trial is put down to that went so."""
    world, rows = Seen(), np.array([0])
    physics = cast(PhysicsBackend, world)
    watcher = FieldWatcher(HAND, 1, ON_STEPS)
    watcher.step(rows, physics, 0)
    for step in range(1, ON_STEPS[-1] + 1):
        world.touching, world.on_table = on_the_way if step == 30 else (), step <= table_steps
        watcher.step(rows, physics, step)
    world.touching, world.on_table = closed, table_closed
    half = np.deg2rad(lean_deg) / 2.0
    world.object_pose_w = np.array([[moved, 0.0, 0.1, np.cos(half), np.sin(half), 0.0, 0.0]])
    watcher.closed(rows, physics)
    result = LiftResult(np.array([lifted]), np.array([rise]), np.array([0.2]), np.array([diverged]))
    watcher.lifted(rows, physics, result)
    return FIELD_CAUSES[watcher.causes()[0]]


@pytest.mark.parametrize(
    ("expected", "happened"),
    [
        ("success", {"lifted": True, "table_closed": True}),
        ("diverged", {"diverged": True, "on_the_way": (), "closed": ()}),
        ("never_touched", {"on_the_way": (), "closed": ()}),
        ("pushed_over", {"lean_deg": 40.0}),
        ("pushed_away", {"moved": 0.06}),
        ("hit_table", {"table_steps": TABLE_STEPS}),
        ("hit_table", {"table_closed": True}),
        ("let_go", {"closed": ()}),
        ("one_sided", {"closed": ("ffdistal", "mfdistal")}),
        ("one_sided", {"closed": ("palm", "thdistal")}),
        ("left_behind", {"rise": 0.01}),
        ("slipped_in_lift", {"rise": 0.05}),
        ("slipped_in_lift", {"on_the_way": (), "closed": ("palm", "rfmiddle"), "table_steps": TABLE_STEPS - 1}),
    ],
)
def test_a_failure_is_put_down_to_what_was_measured(expected: str, happened: dict[str, Any]) -> None:
    assert cause(**happened) == expected


def test_every_cause_can_be_found() -> None:
    assert set(FIELD_CAUSES) == {
        "success", "diverged", "never_touched", "pushed_over", "pushed_away", "hit_table", "let_go", "one_sided",
        "left_behind", "slipped_in_lift",
    }  # fmt: skip


def test_batches_are_noted_at_their_rows() -> None:
    world = Seen()
    watcher = FieldWatcher(HAND, 2, OFF_STEPS)
    for row in (1, 0):
        rows, physics = np.array([row]), cast(PhysicsBackend, world)
        world.object_pose_w[:, 0] = row
        world.touching = GRIP if row else ()
        watcher.step(rows, physics, 0)
        world.object_pose_w[:, 2] = 0.2
        watcher.closed(rows, physics)
        watcher.lifted(rows, physics, LiftResult(np.array([False]), np.ones(1), np.ones(1), np.array([False])))
        world.object_pose_w[:, 2] = 0.1
    found = watcher.watched()
    assert [FIELD_CAUSES[index] for index in found.cause] == ["never_touched", "pushed_away"]
    np.testing.assert_array_equal(found.frames.object_pose_w[:, :, 0], [[0.0, 1.0]] * 3)
    np.testing.assert_array_equal(found.frames.object_pose_w[:, 0, 2], [0.1, 0.2, 0.2])


def test_what_was_seen_is_read_back_from_arrays() -> None:
    watcher = FieldWatcher(HAND, 2, ON_STEPS)
    watcher.frames.joint_pos[:] = np.arange(18)
    seen = watcher.watched()
    again = WatchedTrials.of_arrays(seen.arrays("_on_"), "_on_")
    assert again.frames.steps == ON_STEPS
    np.testing.assert_array_equal(again.cause, seen.cause)
    np.testing.assert_array_equal(again.frames.joint_pos, seen.frames.joint_pos)
