"""Names, limits and normalisation of the hand, and how its model is found."""

import importlib.util
import subprocess
import sys
import warnings
from importlib.machinery import ModuleSpec
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from envs.conventions import ACTUATED_JOINTS, COUPLED_JOINTS, COUPLED_PARENTS, FINGERS, NUM_JOINTS
from envs.hand import model as hand


def test_joint_order_is_that_of_the_paper_s_code() -> None:
    fingers = "FFJ3 FFJ2 FFJ1 MFJ3 MFJ2 MFJ1 RFJ3 RFJ2 RFJ1 LFJ4 LFJ3 LFJ2 LFJ1"
    assert f"{fingers} THJ4 THJ3 THJ2 THJ1 THJ0".split() == list(ACTUATED_JOINTS)
    assert [f"{finger.upper()}J0" for finger in FINGERS[:4]] == list(COUPLED_JOINTS)


def test_model_has_22_joints_and_all_links() -> None:
    model = hand.bare_hand()
    names = {model.joint(joint).name for joint in range(model.njnt)}
    assert names == {hand.element_name(name) for name in hand.ALL_JOINTS}
    bodies = [model.body(body).name for body in range(1, model.nbody)]
    assert bodies == [hand.element_name(name) for name in hand.LINKS]


def test_forearm_wrist_and_actuators_are_gone() -> None:
    model = hand.bare_hand()
    assert (model.nu, model.ntendon, model.nsensor, model.nmesh) == (0, 0, 0, 0)


def test_limits_are_those_of_the_model_in_joint_order() -> None:
    limits = hand.joint_limits()
    expected = {"FFJ3": (-0.349, 0.349), "MFJ2": (0.0, 1.571), "LFJ4": (0.0, 0.785), "THJ4": (-1.047, 1.047)}
    for name, (low, high) in expected.items():
        column = ACTUATED_JOINTS.index(name)
        assert (limits.low[column], limits.high[column]) == pytest.approx((low, high), abs=1e-3)
    assert np.all(limits.low < limits.high)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-15), (torch.float32, 1e-6)])
def test_normalising_there_and_back_changes_nothing(dtype: torch.dtype, tolerance: float) -> None:
    limits = hand.joint_limits()
    joints = torch.tensor(np.random.default_rng(0).uniform(limits.low, limits.high, (20, 18)), dtype=dtype)
    normalised = hand.normalise_joints(joints)
    assert normalised.abs().max() <= 1.0
    torch.testing.assert_close(hand.denormalise_joints(normalised), joints, atol=tolerance, rtol=0.0)


def test_limits_become_plus_and_minus_one() -> None:
    limits = hand.joint_limits()
    ends = hand.normalise_joints(torch.tensor(np.stack([limits.low, limits.high])))
    torch.testing.assert_close(ends[0], -torch.ones(18, dtype=torch.float64))
    torch.testing.assert_close(ends[1], torch.ones(18, dtype=torch.float64))


def test_half_range_is_the_slope_of_denormalising() -> None:
    zero = torch.zeros(18, dtype=torch.float64)
    slope = hand.denormalise_joints(zero + 1.0) - hand.denormalise_joints(zero)
    torch.testing.assert_close(hand.half_ranges(zero), slope)


def test_wrong_number_of_joints_is_named() -> None:
    with pytest.raises(ValueError, match="joint_pos has 22 columns, expected 18"):
        hand.normalise_joints(torch.zeros(3, 22))


def test_open_hand_is_straight_and_within_limits() -> None:
    limits, joints = hand.joint_limits(), hand.open_hand()
    assert joints.shape == (NUM_JOINTS,)
    assert np.all((joints >= limits.low) & (joints <= limits.high))
    flexion = [column for column, name in enumerate(ACTUATED_JOINTS) if name[:2] != "TH" and name[-1] in "12"]
    assert not joints[flexion].any()


def test_clamped_joints_lie_within_limits() -> None:
    limits = hand.joint_limits()
    clamped = hand.clamp_joints(np.array([np.full(18, -9.0), np.full(18, 9.0)]))
    np.testing.assert_array_equal(clamped, [limits.low, limits.high])


def test_coupled_joints_follow_their_parents() -> None:
    joints = np.arange(18, dtype=float)  # joint = its own number
    expected = [0.8 * ACTUATED_JOINTS.index(name) for name in COUPLED_PARENTS]
    np.testing.assert_allclose(hand.coupled_from_actuated(joints), expected)
    assert hand.coupled_from_actuated(np.zeros((5, 7, 18))).shape == (5, 7, 4)


def test_attached_hand_leaves_the_scene_its_own_options() -> None:
    scene = mujoco.MjSpec()
    scene.option.timestep = 0.005
    scene.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1.0, 1.0, 0.1])
    palm = hand.attach_hand(scene)
    palm.add_freejoint()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # MuJoCo warns of options in which scene and hand differ
        model = scene.compile()
    assert model.opt.timestep == 0.005
    assert (model.nq, model.nv) == (7 + 22, 6 + 22)


def test_visual_model_keeps_the_meshes() -> None:
    assert hand.bare_hand(visual=True).nmesh > 0
    assert hand.bare_hand(visual=True).njnt == hand.bare_hand().njnt


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="not installed; run: pip install gymnasium-robotics"):
        hand.hand_model_path()


def test_package_without_the_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("gymnasium_robotics", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r"installed but holds no .*reach\.xml"):
        hand.hand_model_path()


def test_building_the_hand_imports_no_environments() -> None:
    code = (
        "import sys; from envs.hand.model import bare_hand; bare_hand(); "
        "sys.exit(sorted({'gymnasium', 'gymnasium_robotics'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
