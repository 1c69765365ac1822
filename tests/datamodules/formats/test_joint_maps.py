"""Signs of joints, by forward kinematics of models as their files describe them."""

import mujoco
import numpy as np
import pytest

from datamodules.formats.joint_maps import JOINTS, MENAGERIE, NEGATED, flipped, from_menagerie, to_menagerie
from datamodules.formats.surface import fingertips
from envs.hand.hand import Hand

FINGERS = {"FF": (0.033, 0.0, 0.095), "MF": (0.011, 0.0, 0.099), "RF": (-0.011, 0.0, 0.095)}
TIPS = {"FF": 0.026, "MF": 0.026, "RF": 0.026, "LF": 0.026, "TH": 0.0275}

# Offsets and axes of the hands as their files have them: DexGraspNet and UniDexGrasp, shadow_hand_wrist_free.xml;
# MuJoCo Menagerie, shadow_hand/right_hand.xml. Each finger: (offset, axis, name) from the palm outwards.
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
MINUS_Y, MINUS_Z = (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)
HERE = (0.0, 0.0, 0.0)


def _flexing(names: list[str]) -> list[tuple[tuple[float, float, float], tuple[float, float, float], str]]:
    return [(HERE, X, names[0]), ((0.0, 0.0, 0.045), X, names[1]), ((0.0, 0.0, 0.025), X, names[2])]


def dexgraspnet_chains() -> dict[str, list]:
    chains = {
        name: [(at, Y, f"{name}J3"), *_flexing([f"{name}J{k}" for k in (2, 1, 0)])] for name, at in FINGERS.items()
    }
    chains["LF"] = [
        ((-0.017, 0.0, 0.044), (0.570977, 0.0, 0.820966), "LFJ4"),
        ((-0.017, 0.0, 0.044), Y, "LFJ3"),
        *_flexing(["LFJ2", "LFJ1", "LFJ0"]),
    ]
    chains["TH"] = [
        ((0.034, -0.009, 0.029), MINUS_Z, "THJ4"),
        (HERE, X, "THJ3"),
        ((0.0, 0.0, 0.038), X, "THJ2"),
        (HERE, Y, "THJ1"),
        ((0.0, 0.0, 0.032), Y, "THJ0"),
    ]
    return chains


def menagerie_chains() -> dict[str, list]:
    knuckle = {"FF": MINUS_Y, "MF": MINUS_Y, "RF": Y}
    chains = {
        name: [(at, knuckle[name], f"rh_{name}J4"), *_flexing([f"rh_{name}J{k}" for k in (3, 2, 1)])]
        for name, at in FINGERS.items()
    }
    chains["LF"] = [
        ((-0.033, 0.0, 0.02071), (0.573576, 0.0, 0.819152), "rh_LFJ5"),
        ((0.0, 0.0, 0.06579), Y, "rh_LFJ4"),
        *_flexing(["rh_LFJ3", "rh_LFJ2", "rh_LFJ1"]),
    ]
    chains["TH"] = [
        ((0.034, -0.00858, 0.029), MINUS_Z, "rh_THJ5"),
        (HERE, X, "rh_THJ4"),
        ((0.0, 0.0, 0.038), X, "rh_THJ3"),
        (HERE, MINUS_Y, "rh_THJ2"),
        # the last body is turned by -90 degrees about z, so that its axis x is -y of the body before
        ((0.0, 0.0, 0.032), MINUS_Y, "rh_THJ1"),
    ]
    return chains


def tips_of(chains: dict[str, list], angles: dict[str, float], thumb_quat: list[float]) -> np.ndarray:
    """Fingertips (5, 3), m, of a MuJoCo model made of the chains."""
    spec = mujoco.MjSpec()
    palm = spec.worldbody.add_body(name="palm")
    for finger, chain in chains.items():
        body = palm
        for row, (offset, axis, name) in enumerate(chain):
            quat = thumb_quat if finger == "TH" and row == 0 else [1.0, 0.0, 0.0, 0.0]
            body = body.add_body(name=name, pos=offset, quat=quat, mass=0.01, inertia=[1e-5] * 3, ipos=HERE)
            body.explicitinertial = True
            body.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=axis)
        body.add_site(name=finger, pos=[0.0, 0.0, TIPS[finger]])
    model = spec.compile()
    data = mujoco.MjData(model)
    for name, angle in angles.items():
        data.qpos[model.jnt_qposadr[model.joint(name).id]] = angle
    mujoco.mj_forward(model, data)
    return np.array([data.site(finger).xpos for finger in chains])


@pytest.fixture
def joints(hand: Hand) -> dict[str, float]:
    """Every joint well off zero within its limits."""
    shares = np.array([0.1, 0.2, 0.25] * 3 + [0.5, 0.1, 0.2, 0.25] + [0.8, 0.3, 0.1, 0.8, 0.3])
    low, high = hand.limits.low, hand.limits.high
    actuated = dict(zip(hand.joints, (low + shares * (high - low)).tolist(), strict=True))
    return actuated | {"FFJ0": 0.3, "MFJ0": 0.4, "RFJ0": 0.5, "LFJ0": 0.6}


def our_tips(hand: Hand, joints: dict[str, float]) -> np.ndarray:
    row = np.array([[joints[name] for name in hand.all_joints]])
    return fingertips(hand, row, np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]))[0]


def test_dexgraspnet_has_our_signs(hand: Hand, joints: dict[str, float]) -> None:
    theirs = tips_of(dexgraspnet_chains(), joints, [0.923956, 0.0, 0.382499, 0.0])
    np.testing.assert_allclose(theirs, our_tips(hand, joints), atol=1e-6)  # 0.000 mm


def test_menagerie_signs(hand: Hand, joints: dict[str, float]) -> None:
    angles = dict(zip(MENAGERIE, to_menagerie(joints).tolist(), strict=True))
    theirs = tips_of(menagerie_chains(), angles, [0.92388, 0.0, 0.382683, 0.0])
    apart = np.linalg.norm(theirs - our_tips(hand, joints), axis=1)
    assert apart[:3].max() < 1e-6  # the same fingers
    assert apart[3] < 0.004  # the little finger's base lies elsewhere
    assert apart[4] < 0.001  # the thumb's by 0.42 mm


@pytest.mark.parametrize("name", JOINTS)
def test_a_wrong_sign_would_be_seen(hand: Hand, joints: dict[str, float], name: str) -> None:
    angles = dict(zip(MENAGERIE, to_menagerie(joints).tolist(), strict=True))
    angles[MENAGERIE[JOINTS.index(name)]] *= -1.0
    theirs = tips_of(menagerie_chains(), angles, [0.92388, 0.0, 0.382683, 0.0])
    assert np.linalg.norm(theirs - our_tips(hand, joints), axis=1).max() > 0.005


def test_menagerie_round_trip(joints: dict[str, float]) -> None:
    assert from_menagerie(to_menagerie(joints)) == pytest.approx(joints, abs=1e-12)
    assert MENAGERIE[:4] == ("rh_FFJ4", "rh_FFJ3", "rh_FFJ2", "rh_FFJ1")
    assert MENAGERIE[-1] == "rh_THJ1"


def test_flipping_is_its_own_inverse(joints: dict[str, float]) -> None:
    assert flipped(flipped(joints)) == joints
    assert {name for name in JOINTS if flipped(joints)[name] != joints[name]} == NEGATED
