"""A log that a visitor brings is played as it was recorded, or he is told what is wrong with it."""

import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envs.hand.registry import load_hand
from envs.objects.builder import make_object
from envs.wrist.clearance import open_hand_height
from live.browser.recordings import Recording, read_recording
from live.log import ControllerLog, Step
from live.poses import Array, angle_between

HAND = load_hand("shadow")
PERIOD = 0.025
JOINTS = np.zeros(HAND.num_joints)
NOWHERE = np.full(7, np.nan)
STANDS = np.array([0.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0])


def movement(steps: int = 40) -> Array:
    """Down and up again, turning (T, 7)."""
    share = np.linspace(0.0, 1.0, steps)
    turn = 0.5 * share
    zero = np.zeros(steps)
    height = 0.3 - 0.1 * np.sin(np.pi * share)
    return np.column_stack([0.1 * share, zero, height, np.cos(turn), zero, zero, np.sin(turn)])


def log_of(wrist_w: Array, period_s: float = PERIOD) -> ControllerLog:
    """As the controller keeps it."""
    log = ControllerLog()
    log.hand, log.object_name, log.object_start_w = HAND.name, "box_00001", STANDS
    for number, pose in enumerate(wrist_w):
        log.add(Step(period_s * number, pose, STANDS, JOINTS, JOINTS, JOINTS, JOINTS, "idle", "", 0.0))
    return log


def changed(**arrays: Any) -> bytes:
    """A recording whose fields are others; those that are None are left out."""
    with np.load(io.BytesIO(log_of(movement()).content()), allow_pickle=False) as content:
        kept = {name: content[name] for name in content.files} | arrays
    packed = io.BytesIO()
    np.savez_compressed(packed, **{name: value for name, value in kept.items() if value is not None})
    return packed.getvalue()


def wrist_but(row: int, values: Any) -> Array:
    wrist_w = movement()
    wrist_w[row] = values
    return wrist_w


def test_what_was_recorded_comes_back_as_it_was() -> None:
    found = read_recording(log_of(movement()).content(), HAND, PERIOD)
    np.testing.assert_allclose(found.wrist_pose_w, movement(), atol=1e-12)
    assert found.object_name == "box_00001"
    np.testing.assert_array_equal(found.object_start_w, STANDS)


def test_other_rates_and_moments_without_a_wrist_are_filled_in() -> None:
    fine = movement(79)  # twice the rate
    fine[0] = fine[20:24] = NOWHERE
    found = read_recording(log_of(fine, 0.5 * PERIOD).content(), HAND, PERIOD).wrist_pose_w
    expected = movement(79)[1::2]
    assert len(found) == len(expected) == 39
    np.testing.assert_allclose(found[:, :3], expected[:, :3], atol=2e-3)  # a sine, linear over five samples
    assert max(angle_between(*pair) for pair in zip(found[:, 3:], expected[:, 3:], strict=True)) < 1e-6


def test_it_begins_where_time_began_anew() -> None:
    log = log_of(movement())
    for number, pose in enumerate(movement(20)):
        log.add(Step(PERIOD * number, pose, STANDS, JOINTS, JOINTS, JOINTS, JOINTS, "idle", "", 0.0))
    np.testing.assert_allclose(read_recording(log.content(), HAND, PERIOD).wrist_pose_w, movement(20), atol=1e-12)


def test_the_open_hand_is_kept_out_of_the_table() -> None:
    low = movement()
    low[:, 2] -= 0.25
    found = read_recording(log_of(low).content(), HAND, PERIOD).wrist_pose_w
    assert open_hand_height(HAND, found).min() > -0.0021  # 2 mm, as everywhere on the page


@pytest.mark.parametrize("name", ["", None])
def test_logs_without_an_object_are_played_past_the_one_that_is_there(name: str | None) -> None:
    told = (None, None) if name is None else (np.array(name), NOWHERE)  # older logs have no such fields
    found = read_recording(changed(object_name=told[0], object_start_w=told[1]), HAND, PERIOD)
    assert found.object_name == ""
    assert found.object_start_w is None
    thing = make_object("box", 0)
    way = found.past(thing, thing.rest_poses[0])
    np.testing.assert_array_equal(way.object_pose_w, thing.rest_poses[0])
    assert way.wrist_pose_w[way.grasp_step, 2] == way.wrist_pose_w[:, 2].min()


def test_the_object_stands_as_it_did_unless_that_is_no_place_for_it() -> None:
    thing = make_object("box", 0)
    there_w = thing.rest_poses[0] + np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    recording = Recording(thing.name, there_w, movement())
    np.testing.assert_array_equal(recording.past(thing, thing.rest_poses[0]).object_pose_w, there_w)
    for shift in ([0.0, 0.0, 0.2], [0.0, 0.0, -0.2], [9.0, 0.0, 0.0]):
        far = replace(recording, object_start_w=there_w + np.array([*shift, 0.0, 0.0, 0.0, 0.0]))
        with pytest.raises(ValueError, match="has to stand on the table"):
            far.past(thing, thing.rest_poses[0])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a field less": ({"wrist_pose_w": None}, "no field wrist_pose_w"),
    "pickled": ({"wrist_pose_w": np.array([{"a": 1}], dtype=object)}, "wrist_pose_w cannot be read"),
    "text": ({"wrist_pose_w": np.array(["a"])}, r"wrist_pose_w is <U1 of shape \(1,\), expected floats \(T, 7\)"),
    "another shape": ({"wrist_pose_w": movement()[:, :6]}, r"shape \(40, 6\), expected floats \(T, 7\)"),
    "another length": ({"wrist_pose_w": movement(39)}, "time_s has 40 steps, wrist_pose_w 39"),
    "another hand": ({"hand": np.array("ability")}, "hand is 'ability', the page shows 'shadow'"),
    "a script": ({"object_name": np.array("<img src=x>")}, "object_name is .* expected up to 60 letters"),
    "no time": ({"time_s": np.full(40, np.nan)}, "time_s is not finite at step 0"),
    "partly NaN": ({"wrist_pose_w": wrist_but(7, [0, 0, np.nan, 1, 0, 0, 0])}, "not finite at step 7"),
    "infinite": ({"wrist_pose_w": wrist_but(3, np.inf)}, "not finite at step 3"),
    "never seen": ({"wrist_pose_w": np.full((40, 7), np.nan)}, "never seen"),
    "no orientation": ({"wrist_pose_w": wrist_but(5, 0.0)}, "no orientation at step 5"),
    "far away": ({"wrist_pose_w": wrist_but(0, [9, 0, 0.3, 1, 0, 0, 0])}, "not within .* at step 0"),
    "a jump": ({"wrist_pose_w": wrist_but(9, [-0.4, 0, 0.3, 1, 0, 0, 0])}, "jumps by 0.4. m"),
    "a turn": ({"wrist_pose_w": wrist_but(9, [0.02, 0, 0.25, 0, 1, 0, 0])}, "and 3.14 rad"),
    "too short": ({"wrist_pose_w": movement(7), "time_s": PERIOD * np.arange(7)}, "lasts 0.15 s; expected 0.18 to"),
    "too long": ({"time_s": 10.0 * np.arange(40)}, "lasts 390.00 s; expected .* to 120 s"),
    "no start": ({"object_start_w": np.zeros(3)}, "object_start_w is no pose"),
    "too much": ({"wrist_pose_w": np.zeros((40_000, 7))}, "bytes unpacked .*; allowed are 2000000"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_recording_is_told(what: str) -> None:
    arrays, why = WRONG[what]
    with pytest.raises(ValueError, match=why):
        read_recording(changed(**arrays), HAND, PERIOD)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"\x80\x04K\x01.", changed()[:-200]])
def test_what_is_no_npz_file_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is no npz file .* expected the log\.npz"):
        read_recording(content, HAND, PERIOD)


def test_a_header_that_claims_more_than_there_is_is_refused() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**11, 7)})
    packed = io.BytesIO(changed(wrist_pose_w=None))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("wrist_pose_w.npy", header.getvalue() + bytes(56))
    with pytest.raises(ValueError, match="wrist_pose_w cannot be read"):
        read_recording(packed.getvalue(), HAND, PERIOD)


def test_no_more_is_unpacked_than_an_array_may_take() -> None:
    size = 64_000_000
    packed = io.BytesIO(changed(wrist_pose_w=None))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("wrist_pose_w.npy", bytes(size))
    true, forged = struct.pack("<L", size), struct.pack("<L", 1000)
    content = packed.getvalue()
    assert content.count(true) == 2  # before the array, and in the directory at the end
    content = content.replace(true, forged)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="wrist_pose_w cannot be read"):
            read_recording(content, HAND, PERIOD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000  # five times what is allowed, for the buffers on the way


def test_what_is_packed_in_ways_of_other_programs_is_left_alone() -> None:
    packed = io.BytesIO(changed(wrist_pose_w=None))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("wrist_pose_w.npy", bytes(100), compress_type=zipfile.ZIP_BZIP2)
    with pytest.raises(ValueError, match="method 12"):
        read_recording(packed.getvalue(), HAND, PERIOD)
