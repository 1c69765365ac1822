"""A user's hand from a YAML file: what it becomes, and what is said of a file that is wrong."""

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from envs.hand.check import check_hand
from envs.hand.kinematics import HandKinematics
from envs.hand.own_hand import read_hand
from envs.hand.parts import Gains
from envs.hand.registry import load_hand
from tests.envs.hand.claw import HAND, write_claw


@pytest.fixture
def claw(tmp_path: Path) -> Path:
    write_claw(tmp_path)
    return tmp_path / "claw.yaml"


def test_hand_has_what_the_file_names_and_the_model_holds(claw: Path) -> None:
    hand = read_hand(claw)
    assert hand.name == "claw"
    assert hand.joints == ("q1", "t1")
    assert hand.links == ("palm", "near", "far", "stub")
    assert [finger.name for finger in hand.fingers] == ["finger", "thumb"]
    np.testing.assert_array_equal(hand.limits.high, [2.0, 0.0])
    np.testing.assert_array_equal(hand.open_pose, [0.0, -0.2])
    np.testing.assert_array_equal(hand.closing, [1.0, -1.0])
    np.testing.assert_allclose(hand.coupled_from_actuated(np.array([1.0, 0.0])), [1.0])  # 0.9 * 1 + 0.1


def test_its_kinematics_are_those_of_the_model(claw: Path) -> None:
    hand = read_hand(claw)
    straight = HandKinematics(hand).forward(torch.zeros(1, 2), torch.zeros(1, 1)).fingertips[0, 0]
    # 10 mm of weld, 50 to the first joint, 40 to the second, 30 to the tip: along z once the base is turned
    torch.testing.assert_close(straight, torch.tensor([0.0, 0.0, 0.13]), atol=1e-6, rtol=0.0)


def test_open_pose_is_the_limit_next_to_zero_where_zero_is_not_allowed(claw: Path) -> None:
    claw.write_text(HAND + "limits: {q1: [0.3, 2.0]}\n")
    np.testing.assert_array_equal(read_hand(claw).open_pose, [0.3, -0.2])


def test_one_finger_pinches_and_wraps_but_has_no_lateral_grasp_without_a_side_pad(claw: Path) -> None:
    assert read_hand(claw).type_names == ("wrap", "pinch_finger")
    claw.write_text(HAND + "side: {link: near, point: [0.005, 0.02, 0.0], normal: [1.0, 0.0, 0.0]}\n")
    assert read_hand(claw).type_names == ("lateral", "wrap", "pinch_finger")


def test_ranges_of_hand_shapes_follow_from_the_limits_or_are_given(claw: Path) -> None:
    assert read_hand(claw).line_ranges.thumb_closed.keys() == {"t1"}
    given = (
        "opened: [[0.0, 0.1]], closed: [[1.0, 1.5]], held: {straight: [[0.0, 0.1]]}, thumb_opened: {}, thumb_closed: {}"
    )
    claw.write_text(HAND + f"line_ranges: {{{given}}}\n")
    assert read_hand(claw).line_ranges.closed == ((1.0, 1.5),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("closed: [[1.0, 1.5]]", "closed: [[1.5, 1.0]]", r"closed\[0\] is \[1.5, 1\] \(reversed: the lower end comes"),
        ("[[0.0, 0.1]]}", "[[0.2, 0.1]]}", r"held.straight\[0\] is \[0.2, 0.1\] \(reversed"),
        (
            "thumb_opened: {}",
            "thumb_opened: {t1: [.nan, 1.0]}",
            r"thumb_opened.t1 is \[nan, 1\], expected a lower and a",
        ),
        ("thumb_closed: {}", "thumb_closed: {t1: [0.0, -1.0]}", r"thumb_closed.t1 is \[0, -1\] \(reversed"),
        (
            "thumb_closed: {}",
            "thumb_closed: {t7: [0.0, 1.0]}",
            r"line_ranges, thumb_closed: 't7' is unknown; known: q1, t1",
        ),
        ("thumb_closed: {}", "thumb_closed: {}, spread: {t7: 1.0}", r"line_ranges, spread: 't7' is unknown"),
        ("straight:", "stretched:", r"grasp_types, held: 'straight' is unknown; known: stretched"),
    ],
)
def test_ranges_of_hand_shapes_that_cannot_be_are_named(claw: Path, old: str, new: str, message: str) -> None:
    given = (
        "opened: [[0.0, 0.1]], closed: [[1.0, 1.5]], held: {straight: [[0.0, 0.1]]}, thumb_opened: {}, thumb_closed: {}"
    )
    assert old in given
    claw.write_text(HAND + f"line_ranges: {{{given.replace(old, new)}}}\n")
    with pytest.raises(ValueError, match=rf"claw\.yaml.*{message}"):
        read_hand(claw)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"hand file .*claw\.yaml is empty, expected fields by name; .*docs/own_hand\.md"),
        ("- name: claw\n", r"hand file .*claw\.yaml holds a list, expected fields"),
        (HAND + "name: other\n", r"hand file .*claw\.yaml: key 'name' stands in line \d+ and again in line \d+"),
        (
            HAND + "side: {link: near, point: [a, 0, 0], normal: [1, 0, 0]}\n",
            r"hand file .*claw\.yaml: side\.point: Expected a <class 'float'>. Got value: a; docs/own_hand\.md",
        ),
        (HAND + "gains: 5\n", r"hand file .*claw\.yaml: gains holds 5, expected fields by name"),
    ],
)
def test_a_file_that_is_no_hand_is_named_with_what_it_holds(claw: Path, text: str, message: str) -> None:
    claw.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_hand(claw)


def test_path_is_a_hand_s_name_and_the_same_hand_each_time(claw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = load_hand(str(claw))
    monkeypatch.chdir(claw.parent)
    assert load_hand("claw.yaml") is hand
    assert pickle.loads(pickle.dumps(hand)) is hand


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("root: mount\n", "", r"claw\.yaml: .*root.*docs/own_hand\.md"),
        ("root: mount", "root: wrist", r"root: .*claw\.urdf has no link 'wrist'; it has: mount, hand, near"),
        ("root: mount", "rooot: mount", "rooot"),
        ("[0.0, -0.03, 0.08]", "[0.0, -0.03]", "grasp_centre"),
        ("joints: [q1]", "joints: [q7]", r"fingers, joints: .*claw\.urdf has no joint 'q7'; it has: q1, q2, t1"),
        ("closing: {q1: 1", "closing: {q7: 1", r"claw\.yaml, closing: 'q7' is no joint of a finger; those are q1, t1"),
        ("open_pose: {t1", "open_pose: {q2", r"claw\.yaml, open_pose: 'q2' is no joint of a finger"),
        ("parent: q1", "parent: q2", "hand claw, coupling, parents: 'q2' is unknown; known: q1, t1"),
        ("tip_link: far", "tip_link: tip", "hand claw, fingers, tip_link: 'tip' is unknown; known: palm, near, far"),
    ],
)
def test_wrong_field_is_named(claw: Path, old: str, new: str, message: str) -> None:
    assert old in HAND
    claw.write_text(HAND.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_hand(claw)


def test_one_finger_alone_is_no_hand(claw: Path) -> None:
    head, _, rest = HAND.partition("  - name: thumb")
    claw.write_text(head + rest[rest.index("coupled:") :])
    with pytest.raises(ValueError, match="fingers: 1 given, at least a finger and a thumb needed"):
        read_hand(claw)


def test_missing_files_are_named(claw: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"hand file .*none\.yaml does not exist; docs/own_hand\.md"):
        read_hand(claw.with_name("none.yaml"))
    claw.write_text(HAND.replace("claw.urdf", "gone.urdf"))
    with pytest.raises(FileNotFoundError, match=r"hand 'claw': its model .*gone\.urdf does not exist"):
        read_hand(claw)
    claw.write_text(HAND.replace("model: ", "model: package:no_such_package/"))
    with pytest.raises(FileNotFoundError, match=r"'claw' needs .*run: pip install --no-deps no_such_package"):
        read_hand(claw)


@pytest.mark.skipif(importlib.util.find_spec("mani_skill") is None, reason="mani_skill is not installed")
def test_worked_example_of_the_documentation_is_fine() -> None:
    hand = read_hand(Path(__file__).parents[3] / "docs" / "hands" / "allegro.yaml")
    assert (hand.num_joints, hand.num_coupled, len(hand.fingers)) == (16, 0, 4)
    assert [remark for remark in check_hand(hand) if not remark.is_fine] == []


def test_gains_are_those_of_the_file(claw: Path) -> None:
    assert read_hand(claw).gains == Gains()
    claw.write_text(claw.read_text() + "gains: {position: 5.0, velocity: 0.1}\n")
    assert read_hand(claw).gains == Gains(5.0, 0.1, 10.0)
