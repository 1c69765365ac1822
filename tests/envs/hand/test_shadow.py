"""The Shadow Hand: its order of joints, its numbers, and how its model is found."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from envs.hand.shadow import hand_model_path, shadow_hand


def test_joint_order_is_that_of_the_paper_s_code() -> None:
    fingers = "FFJ3 FFJ2 FFJ1 MFJ3 MFJ2 MFJ1 RFJ3 RFJ2 RFJ1 LFJ4 LFJ3 LFJ2 LFJ1"
    hand = shadow_hand()
    assert f"{fingers} THJ4 THJ3 THJ2 THJ1 THJ0".split() == list(hand.joints)
    assert [f"{finger.name.upper()}J0" for finger in hand.fingers[:4]] == list(hand.coupled.names)


def test_hand_has_the_sizes_of_the_paper() -> None:
    hand = shadow_hand()
    assert (hand.num_joints, hand.num_coupled, len(hand.links), len(hand.fingers)) == (18, 4, 23, 5)


def test_limits_are_those_of_the_model_in_joint_order() -> None:
    hand = shadow_hand()
    expected = {"FFJ3": (-0.349, 0.349), "MFJ2": (0.0, 1.571), "LFJ4": (0.0, 0.785), "THJ4": (-1.047, 1.047)}
    for name, (low, high) in expected.items():
        column = hand.joints.index(name)
        assert (hand.limits.low[column], hand.limits.high[column]) == pytest.approx((low, high), abs=1e-3)
    assert np.all(hand.limits.low < hand.limits.high)


def test_coupled_joints_move_by_0_8_of_their_parents() -> None:
    joints = np.arange(18, dtype=float)  # joint = its own number; FFJ1, MFJ1, RFJ1, LFJ1 are 2, 5, 8, 12
    np.testing.assert_allclose(shadow_hand().coupled_from_actuated(joints), [1.6, 4.0, 6.4, 9.6])


def test_open_hand_has_straight_fingers() -> None:
    hand = shadow_hand()
    flexion = [column for column, name in enumerate(hand.joints) if name[:2] != "TH" and name[-1] in "12"]
    assert not hand.open_pose[flexion].any()


def test_closing_moves_eleven_joints_and_leaves_the_spread_joints() -> None:
    # 15 joints close (released code); four of them are coupled and follow
    hand = shadow_hand()
    moved = {name: sign for name, sign in zip(hand.joints, hand.closing, strict=True) if sign}
    upwards = [f"{finger}{joint}" for finger in ("FF", "MF", "RF", "LF") for joint in ("J2", "J1")]
    assert moved == {**dict.fromkeys([*upwards, "THJ3"], 1.0), "THJ1": -1.0, "THJ0": -1.0}


def test_model_of_the_physics_has_no_meshes() -> None:
    assert shadow_hand().model().nmesh == 0
    assert shadow_hand().model(visual=True).nmesh > 0


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="not installed; run: pip install gymnasium-robotics"):
        hand_model_path()


def test_package_without_the_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("gymnasium_robotics", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r"installed but holds no .*reach\.xml"):
        hand_model_path()


def test_building_the_hand_imports_no_environments() -> None:
    code = (
        "import sys; from envs.hand.shadow import shadow_hand; shadow_hand(); "
        "sys.exit(sorted({'gymnasium', 'gymnasium_robotics'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
