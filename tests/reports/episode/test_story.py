"""The sentence names what happened, when, and by which finger."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envs.hand.registry import load_hand
from envs.task.outcomes import CAUSES, EpisodeOutcome
from reports.episode.record import EpisodeRecord
from reports.episode.story import palm_distance, parts_of, story
from tests.callbacks.outcomes import made_up_outcome
from tests.hands import needs_ability_hand
from tests.reports.episode.records import END, HAND, LIFT, link, made_up_record


def outcome(cause: str, second_try: int = 0) -> EpisodeOutcome:
    return replace(made_up_outcome([cause]), second_try=np.array([second_try]))


def touching(*spans: tuple[str, int, int]) -> Any:
    """Links (T + 1, L) that touch from one step to another, both included."""
    links = made_up_record().touches.copy()
    for name, begin, end in spans:
        links[begin : end + 1, link(name)] = True
    return links


def moved(**heights: Any) -> Any:
    """Object poses (T + 1, 7) of which columns go through values at steps: ``x=[(step, m), ...]``."""
    pose_w = made_up_record().object_pose_w.copy()
    for name, points in heights.items():
        steps, values = zip(*points, strict=True)
        pose_w[:, "xyz".index(name)] += np.interp(np.arange(END + 1), steps, values)
    return pose_w


def test_a_finger_on_the_table_and_an_object_that_slips() -> None:
    record = made_up_record(
        on_table=touching(("rfdistal", 5, 6), ("rfdistal", 36, 44), ("ffdistal", 38, 39)),
        touches=touching(("thdistal", 30, 50)),
        object_pose_w=moved(z=[(LIFT, 0.0), (52, 0.06), (56, 0.0)]),
    )
    # it rises with the wrist by 6 cm until step 52; after step 55 the wrist is 7.5 cm up, the object 1.5: 15 * 25 ms
    assert story(record, outcome("hit_table")) == (
        "The ring finger lay on the table from 0.90 s on; the object slipped out 0.38 s after the user rose, 6 cm up."
    )


def test_an_object_that_stays_behind_and_a_second_try() -> None:
    record = made_up_record(touches=touching(("ffdistal", 16, 24), ("thdistal", 18, 24)))
    told = story(record, outcome("let_go", second_try=2))
    assert told == (
        "The index finger touched the object first, at 0.40 s, 0.10 s before the wrist arrived; nothing touched it any "
        "longer after 0.60 s, 0.40 s before the lift; the object stayed behind when the user rose at 1.00 s. "
        "The second try succeeded."
    )
    assert story(record, outcome("let_go", second_try=1)).endswith("The second try failed as well.")


def test_a_grip_that_slips() -> None:
    record = made_up_record(
        touches=touching(("ffdistal", 30, 60), ("thmiddle", 30, 60), ("palm", 30, 60)),
        object_pose_w=moved(z=[(LIFT, 0.0), (60, 0.1), (62, 0.0)]),
    )
    left = replace(record, object_pose_w=moved())
    assert story(left, outcome("slipped_in_lift")).endswith(
        "the hand slipped off the object when the user rose at 1.00 s."
    )
    assert story(record, outcome("slipped_in_lift")).startswith(
        "Held by the index finger, the thumb and the palm when the lift began; the object slipped out 0.5"
    )


def test_an_object_pushed_over_and_one_pushed_away() -> None:
    pose_w = made_up_record().object_pose_w.copy()
    pose_w[28:, 3:] = [np.cos(0.4), np.sin(0.4), 0.0, 0.0]  # 0.8 rad
    touches = touching(("thdistal", 26, 30))
    assert story(made_up_record(object_pose_w=pose_w, touches=touches), outcome("pushed_over")) == (
        "The thumb touched the object first, at 0.65 s, 0.15 s after the wrist had arrived, and pushed it over: it "
        "leaned by more than 30 degrees from 0.70 s on."
    )
    away = made_up_record(object_pose_w=moved(x=[(26, 0.0), (36, 0.1)]), touches=touches)
    # more than 5 cm is passed in step 32
    assert story(away, outcome("pushed_away")).endswith(
        "and pushed it away: it was 5 cm off at 0.80 s, 10 cm before the lift."
    )


def test_a_shifted_object_is_told_of_from_where_it_was_put() -> None:
    shifted = moved(x=[(9, 0.0), (10, 0.1)])
    record = made_up_record(object_pose_w=shifted, start_pose_w=shifted, touches=touching(("ffdistal", 30, 80)))
    assert "the object had moved by 0.0 cm before the lift" in story(record, outcome("success"))


def test_nothing_touched() -> None:
    record = made_up_record(wrist_pose_w=made_up_record().wrist_pose_w + np.eye(7)[0] * 0.1)
    told = story(record, outcome("never_touched"))
    near = 100.0 * palm_distance(record)[0]
    assert told.startswith("Nothing touched the object before the lift; the palm was nearest at 0.00 s")
    assert f"{near:.1f} cm from it" in told
    assert told.endswith("the object stayed behind when the user rose at 1.00 s.")


def test_success_and_disturbance_and_breakdown() -> None:
    lifted = made_up_record(
        touches=touching(("mfdistal", 22, 80)),
        object_pose_w=moved(x=[(22, 0.0), (23, 0.012)], z=[(LIFT, 0), (80, 0.2)]),
    )
    assert story(lifted, outcome("success")) == (
        "The middle finger touched the object first, at 0.55 s, 0.05 s after the wrist had arrived; the object had "
        "moved by 1.2 cm before the lift; the object rose by 20 cm after the user rose at 1.00 s."
    )
    passing = replace(lifted, arrival=None, lift=None, object_pose_w=moved(x=[(22, 0.0), (32, 0.02)]))
    assert story(passing, outcome("disturbed")) == (
        "Nobody came to grasp, but the middle finger touched the object first, at 0.55 s; the object had moved by 1 cm "
        "at 0.70 s and by 2.0 cm in the end."
    )
    assert story(passing, outcome("success")).endswith("came to grasp nothing, and the object moved by 2.0 cm only.")
    assert story(lifted, outcome("diverged")).startswith("The physics broke down at 2.00 s; the middle finger")


def test_an_environment_that_lifts_closes_first() -> None:
    record = made_up_record(is_by_user=False, touches=touching(("ffdistal", 30, 32), ("thdistal", 35, 50)))
    assert record.before == LIFT - 8  # it closes for 8 steps: only what was touched before that counts
    told = story(record, outcome("slipped_in_lift"))
    assert told.startswith("Held by the index finger when the lift began;")
    assert told.endswith("the hand slipped off the object when the hand was lifted at 1.00 s.")


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_sentence_even_of_a_record_that_says_nothing(cause: str) -> None:
    touched = made_up_record(touches=touching(("ffdistal", 3, 3)))
    told = story(touched, outcome(cause))
    assert told[0].isupper()
    assert told.endswith(".")
    assert ".." not in told


@pytest.mark.parametrize("name", ["shadow", pytest.param("ability", marks=needs_ability_hand)])
def test_every_link_belongs_to_one_part_with_a_name(name: str) -> None:
    hand = load_hand(name)
    parts = parts_of(hand)
    assert sorted(link for links in parts.values() for link in links) == list(range(len(hand.links)))
    assert {"index finger", "middle finger", "ring finger", "little finger", "thumb", "palm"} == set(parts)


def test_the_distance_of_the_palm_is_that_to_the_nearest_point() -> None:
    record = made_up_record()
    assert isinstance(record, EpisodeRecord)
    # hand frame and world agree in direction here
    centre = record.wrist_pose_w[0, :3] + HAND.grasp_centre_h
    cloud = record.grasp_object.cloud + record.object_pose_w[0, :3]
    assert palm_distance(record)[0] == pytest.approx(np.linalg.norm(cloud - centre, axis=1).min())
