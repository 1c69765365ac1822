"""The Ability Hand: its numbers, its shape, and how its files are found."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, HandPose
from envs.hand.parts import Array
from envs.hand.registry import HANDS, load_hand

FINGERS = ("index", "middle", "ring", "pinky")

needs_files = pytest.mark.skipif(
    importlib.util.find_spec("mani_skill") is None, reason="mani_skill is not installed: make ability-hand"
)


@pytest.fixture(scope="module")
def hand() -> Hand:
    return load_hand("ability")


def posed(hand: Hand, **angles: float) -> Array:
    """The open hand with some joints at other angles (J,), rad."""
    joints = hand.open_pose.copy()
    for name, angle in angles.items():
        joints[hand.joints.index(name)] = angle
    return joints


def pose_of(hand: Hand, joints: Array) -> HandPose:
    return HandKinematics(hand).forward(torch.tensor(joints[None]))


def self_contacts(hand: Hand, joints: Array) -> list[tuple[str, str]]:
    """Links that overlap, the base free as in physics, so that neighbours of the palm are left out."""
    scene = mujoco.MjSpec()
    hand.attach(scene).add_freejoint()
    model = scene.compile()
    data = mujoco.MjData(model)
    for name, angle in zip(hand.all_joints, (*joints, *hand.coupled_from_actuated(joints)), strict=True):
        data.joint(hand.element(name)).qpos[0] = angle
    mujoco.mj_kinematics(model, data)
    mujoco.mj_collision(model, data)
    bodies = model.geom_bodyid[data.contact.geom]
    return [(model.body(first).name, model.body(second).name) for first, second in bodies]


@needs_files
def test_six_motors_drive_ten_joints_of_five_fingers(hand: Hand) -> None:
    assert (hand.num_joints, hand.num_coupled, len(hand.links), len(hand.fingers)) == (6, 4, 11, 5)


@needs_files
def test_distal_joints_follow_the_file_s_mimic_tags(hand: Hand) -> None:
    # index_q2 = 1.05851325 * 0.5 + 0.72349796 and so on
    coupled = hand.coupled_from_actuated(np.array([0.5, 0.0, 1.0, 1.65, -1.0, 0.3]))
    np.testing.assert_allclose(coupled, [1.25275459, 0.72349796, 1.78201121, 2.47004482], atol=1e-8)


@needs_files
def test_palm_frame_has_fingers_along_z_palm_towards_minus_y_and_thumb_towards_x(hand: Hand) -> None:
    tips = pose_of(hand, posed(hand, thumb_q1=0.0)).fingertips[0]
    flexed = pose_of(hand, posed(hand, index_q1=1.0, thumb_q1=0.0)).fingertips[0]
    assert (tips[:4, 2] > 0.16).all()
    assert all(first > second for first, second in pairwise(tips[:4, 0]))  # index to pinky, away from the thumb
    assert tips[4, 0] > 0.1  # the thumb beside the palm
    assert flexed[0, 1] < tips[0, 1] - 0.04  # to the palmar side
    assert flexed[0, 2] < tips[0, 2]


@needs_files
def test_open_hand_has_straight_fingers(hand: Hand) -> None:
    """The distal joint's bend at rest makes up for the bend of its link."""
    pose = pose_of(hand, hand.open_pose)
    for finger in hand.fingers[:4]:
        base, middle = pose.link_position[0, hand.link_indices([f"{finger.name}_L1", f"{finger.name}_L2"])]
        tip = pose.fingertips[0, hand.fingers.index(finger)]
        along, beyond = middle - base, tip - middle
        assert torch.dot(along, beyond) / (along.norm() * beyond.norm()) > 0.9


@needs_files
@pytest.mark.parametrize(
    "angles",
    [{}, {"thumb_q1": 0.0}, {"thumb_q1": -2.0943951}, {"thumb_q1": 0.0, "thumb_q2": 1.4}]
    + [{f"{finger}_q1": angle for finger in FINGERS} for angle in (0.5, 1.0, 1.6)],
)
def test_hand_does_not_meet_itself(hand: Hand, angles: dict[str, float]) -> None:
    assert self_contacts(hand, posed(hand, **angles)) == []


@needs_files
def test_limits_end_where_fingers_meet_the_palm(hand: Hand) -> None:
    """Beyond its limit a finger is in the palm, so the narrower limit costs nothing."""
    beyond = posed(hand, middle_q1=1.75)
    assert ("hand/palm", "hand/middle_L2") in [
        tuple(sorted(pair, reverse=True)) for pair in self_contacts(hand, beyond)
    ]


@needs_files
def test_thumb_meets_every_finger_but_the_last(hand: Hand) -> None:
    """The gap of a pinch closes: pads less than 12 mm apart in some of 60,000 shapes, the little finger's 25 mm."""
    rng = np.random.default_rng(0)
    joints = rng.uniform(hand.limits.low, hand.limits.high, (60_000, 6))
    joints[:, 1:4] = joints[:, :1]
    pose = HandKinematics(hand).forward(torch.tensor(joints, dtype=torch.float32))
    thumb = pose.surface_points([hand.thumb_pad.link], torch.tensor([hand.thumb_pad.point]))
    for finger, most in zip(FINGERS, (0.012, 0.012, 0.012, 0.025), strict=True):
        pad = hand.grasp_type(f"pinch_{finger}").opposing[0]
        point = pose.surface_points([pad.link], torch.tensor([pad.point]))
        normals = pose.directions([pad.link, "thumb_L2"], torch.tensor([pad.normal, hand.thumb_pad.normal]))
        facing = (normals[:, 0] * normals[:, 1]).sum(dim=-1) < 0.0
        assert (point - thumb).norm(dim=-1)[facing].min() < most


@needs_files
def test_links_weigh_what_the_file_says_and_have_an_inertia_that_fits_their_size(hand: Hand) -> None:
    model = hand.model()
    link = model.body(hand.element("index_L2"))
    assert link.mass[0] == pytest.approx(0.00645)
    # 6 g within 2 cm of the centre: the file's 2.6e-4 kg m^2 would need 20 cm
    assert link.inertia.max() < 0.00645 * 0.02**2


@needs_files
def test_hulls_keep_the_palm_s_size(hand: Hand) -> None:
    model = hand.model()
    assert model.nmesh == 3  # palm and the two links of the thumb; the fingers are capsules
    assert model.mesh_vertnum.max() <= 64
    assert model.ngeom == len(hand.links)


@needs_files
def test_building_the_hand_does_not_import_the_package() -> None:
    code = (
        "import sys; from envs.hand.registry import load_hand; load_hand('ability'); "
        "sys.exit('mani_skill was imported' if 'mani_skill' in sys.modules else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_missing_package_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"hand 'ability' needs .*not installed; run: make ability-hand"):
        HANDS["ability"]()


def test_package_without_the_files_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("mani_skill", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r"hand 'ability': its model .*ability_hand_right\.urdf does not exist"):
        HANDS["ability"]()
