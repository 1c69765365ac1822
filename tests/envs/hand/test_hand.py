"""A hand as a value: its joints' ranges and couplings, and what it refuses. Hands: every one that ships."""

import pickle
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from envs.hand.hand import Hand
from envs.hand.parts import Coupling
from envs.hand.registry import load_hand
from envs.hand.shadow import shadow_hand
from tests.hands import each_hand


@each_hand
def test_model_has_the_joints_and_links_of_the_hand(hand: Hand) -> None:
    model = hand.model()
    assert {model.joint(joint).name for joint in range(model.njnt)} == {hand.element(name) for name in hand.all_joints}
    assert [model.body(body).name for body in range(1, model.nbody)] == [hand.element(name) for name in hand.links]
    assert (model.nu, model.ntendon, model.nsensor) == (0, 0, 0)


@each_hand
def test_every_joint_belongs_to_one_finger(hand: Hand) -> None:
    assert [joint for finger in hand.fingers for joint in finger.joints] == list(hand.joints)


@each_hand
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-15), (torch.float32, 1e-6)])
def test_normalising_there_and_back_changes_nothing(hand: Hand, dtype: torch.dtype, tolerance: float) -> None:
    limits = hand.limits
    joints = np.random.default_rng(0).uniform(limits.low, limits.high, (20, hand.num_joints))
    joint_pos = torch.tensor(joints, dtype=dtype)
    normalised = hand.normalise(joint_pos)
    assert normalised.abs().max() <= 1.0
    torch.testing.assert_close(hand.denormalise(normalised), joint_pos, atol=tolerance, rtol=0.0)


@each_hand
def test_limits_become_plus_and_minus_one(hand: Hand) -> None:
    ends = hand.normalise(torch.tensor(np.stack([hand.limits.low, hand.limits.high])))
    ones = torch.ones(hand.num_joints, dtype=torch.float64)
    torch.testing.assert_close(ends, torch.stack([-ones, ones]))


@each_hand
def test_half_range_is_the_slope_of_denormalising(hand: Hand) -> None:
    zero = torch.zeros(hand.num_joints, dtype=torch.float64)
    slope = hand.denormalise(zero + 1.0) - hand.denormalise(zero)
    torch.testing.assert_close(hand.half_ranges(zero), slope)


@each_hand
def test_clamped_joints_lie_within_limits(hand: Hand) -> None:
    far = np.full(hand.num_joints, 9.0)
    np.testing.assert_array_equal(hand.clamp(np.stack([-far, far])), [hand.limits.low, hand.limits.high])


@each_hand
def test_coupled_joints_stay_within_their_limits_over_their_parents_range(hand: Hand) -> None:
    ends = hand.coupled_from_actuated(np.stack([hand.limits.low, hand.limits.high]))
    assert np.all(ends >= hand.coupled_limits.low - 1e-6)
    assert np.all(ends <= hand.coupled_limits.high + 1e-6)


@each_hand
def test_coupled_joints_follow_their_parents(hand: Hand) -> None:
    joints = np.arange(hand.num_joints, dtype=float)  # joint = its own number
    coupled = hand.coupled
    numbers = [hand.joints.index(name) for name in coupled.parents]
    expected = [
        ratio * number + offset for ratio, number, offset in zip(coupled.ratio, numbers, coupled.offset, strict=True)
    ]
    np.testing.assert_allclose(hand.coupled_from_actuated(joints), expected)
    assert hand.coupled_from_actuated(np.zeros((5, 7, hand.num_joints))).shape == (5, 7, hand.num_coupled)


@each_hand
def test_a_hand_sent_to_another_process_is_the_one_loaded_there(hand: Hand) -> None:
    assert pickle.loads(pickle.dumps(hand)) is load_hand(hand.name)


def test_shared_vectors_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        shadow_hand().open_pose[0] = 1.0


def test_wrong_number_of_joints_is_named() -> None:
    with pytest.raises(ValueError, match="joint_pos has 22 columns, expected 18: the actuated joints of the hand"):
        shadow_hand().normalise(torch.zeros(3, 22))


@each_hand
@pytest.mark.parametrize("as_tensor", [True, False])
def test_joints_inside_the_limits_pass(hand: Hand, as_tensor: bool) -> None:
    edges = np.stack([hand.limits.low, hand.limits.high]).astype(np.float32)  # rounded to float32, still accepted
    hand.check_limits(torch.from_numpy(edges) if as_tensor else edges, "joint_pos")


def test_joint_outside_its_limits_is_named() -> None:
    joints = np.zeros((2, 18))
    joints[1, shadow_hand().joints.index("THJ0")] = 0.25
    expected = r"train\.npz joint_pos: joint THJ0 is 0\.2500 rad at index \(1,\), allowed: -1\.571\d to 0\.0000 rad"
    with pytest.raises(ValueError, match=expected):
        shadow_hand().check_limits(joints, "train.npz joint_pos")


def test_nan_joint_is_outside_its_limits() -> None:
    joints = np.zeros(18)
    joints[0] = np.nan
    with pytest.raises(ValueError, match=r"joint FFJ3 is nan rad at index \(\)"):
        shadow_hand().check_limits(joints, "joint_pos")


def test_25_columns_are_refused() -> None:
    with pytest.raises(ValueError, match=r"joint_pos has shape \(4, 25\), expected \(B, 18\)"):
        shadow_hand().check_limits(np.zeros((4, 25)), "joint_pos")


def test_unknown_link_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown hand link 'wrist'; known links: palm, ffknuckle"):
        shadow_hand().link_indices(["wrist"])


def test_unknown_hand_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="hand 'shado' is unknown; available: shadow"):
        load_hand("shado")


def test_joint_that_the_model_lacks_is_named() -> None:
    with pytest.raises(ValueError, match=r"hand shadow: .*reach\.xml has no joint 'XXJ1'; it has: FFJ3, FFJ2"):
        replace(shadow_hand(), joints=("XXJ1", *shadow_hand().joints[1:]))


def test_joint_that_nothing_moves_is_named() -> None:
    with pytest.raises(ValueError, match=r"hand shadow: joint 'LFJ0' of .*reach\.xml is neither actuated nor coupled"):
        replace(shadow_hand(), coupled=Coupling(*(column[:3] for column in astuple(shadow_hand().coupled)[:4])))


@each_hand
def test_links_of_the_fingers_and_the_palm_are_all_links(hand: Hand) -> None:
    of_fingers = {link for finger in hand.fingers for link in hand.links_of(finger)}
    assert of_fingers | {hand.palm} == set(hand.links)
    assert hand.palm not in of_fingers


def test_links_of_a_finger_begin_at_its_tip() -> None:
    hand = shadow_hand()
    assert hand.links_of(hand.fingers[3]) == ("lfdistal", "lfmiddle", "lfproximal", "lfknuckle", "lfmetacarpal")


def test_the_closed_hand_is_at_its_limits_with_the_thumb_before_the_fingers() -> None:
    # the joints that every flexing joint by 1.6 rad and THJ4 at 0.8 rad give, within their limits
    joints = 1.6 * shadow_hand().closing
    joints[shadow_hand().joints.index("THJ4")] = 0.8
    np.testing.assert_array_equal(shadow_hand().closed_pose, shadow_hand().clamp(joints))


def test_parent_that_is_no_joint_is_named() -> None:
    coupled = replace(shadow_hand().coupled, parents=("FFJ1", "MFJ1", "RFJ1", "LFJ0"))
    with pytest.raises(ValueError, match="hand shadow, coupling, parents: 'LFJ0' is unknown; known: FFJ3"):
        replace(shadow_hand(), coupled=coupled)


def test_open_pose_beyond_a_limit_is_named() -> None:
    open_pose = np.zeros(18)
    open_pose[2] = -0.5
    with pytest.raises(ValueError, match=r"hand shadow, open_pose: joint FFJ1 is -0\.5000 rad, allowed \[0\.0000"):
        replace(shadow_hand(), open_pose=open_pose)


def test_open_pose_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hand shadow, open_pose: shape \(4,\), expected \(18,\)"):
        replace(shadow_hand(), open_pose=np.zeros(4))


def test_coupling_needs_a_ratio_for_each_joint() -> None:
    with pytest.raises(ValueError, match="coupling has 1 joints, 1 parents, 0 ratios and 1 offsets"):
        Coupling(("a",), ("b",), (), (0.0,))
