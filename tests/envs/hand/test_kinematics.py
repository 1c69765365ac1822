"""Forward kinematics against MuJoCo, its derivatives, and its errors."""

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from envs.geometry.transforms import quat_conjugate, quat_multiply, rotation_vector_from_quat
from envs.hand.hand import Hand
from envs.hand.kinematics import HandKinematics, fingertip_centres
from envs.hand.shadow import shadow_hand
from tests.hands import each_hand

# float64 differs from MuJoCo by rounding only; the issue asks for 1e-5 m, which float32 keeps with a wide margin
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}


@pytest.fixture(scope="module")
def kinematics() -> HandKinematics:
    return HandKinematics(shadow_hand())


def random_joints(hand: Hand, count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(hand.limits.low, hand.limits.high, (count, hand.num_joints))


def random_coupled(hand: Hand, count: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.0, 1.5, (count, hand.num_coupled))


def in_mujoco(hand: Hand, joints: NDArray[np.float64], coupled: NDArray[np.float64]) -> mujoco.MjData:
    data = mujoco.MjData(hand.model())
    for name, value in zip(hand.all_joints, (*joints, *coupled), strict=True):
        data.joint(hand.element(name)).qpos[0] = value
    mujoco.mj_kinematics(hand.model(), data)
    return data


def point_on(body: object, point: NDArray[np.float64]) -> NDArray[np.float64]:
    return body.xpos + body.xmat.reshape(3, 3) @ point


@each_hand
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_links_and_fingertips_agree_with_mujoco(hand: Hand, dtype: torch.dtype) -> None:
    joints, coupled = random_joints(hand, 50), random_coupled(hand, 50)
    pose = HandKinematics(hand).forward(torch.tensor(joints, dtype=dtype), torch.tensor(coupled, dtype=dtype))
    assert pose.link_position.dtype == dtype
    for row in range(50):
        data = in_mujoco(hand, joints[row], coupled[row])
        position = np.array([data.body(hand.element(name)).xpos for name in hand.links])
        quat = torch.tensor(np.array([data.body(hand.element(name)).xquat for name in hand.links]))
        tips = [point_on(data.body(hand.element(tip.tip_link)), np.array(tip.tip_point)) for tip in hand.fingers]
        np.testing.assert_allclose(pose.link_position[row].numpy(), position, atol=TOLERANCE[dtype], rtol=0.0)
        np.testing.assert_allclose(pose.fingertips[row].numpy(), np.array(tips), atol=TOLERANCE[dtype], rtol=0.0)
        turn = quat_multiply(quat_conjugate(pose.link_quat[row].double()), quat)
        assert rotation_vector_from_quat(turn).norm(dim=1).max() < 10 * TOLERANCE[dtype]


def test_fingertips_are_the_sites_of_the_model(kinematics: HandKinematics) -> None:
    hand = shadow_hand()
    joints, coupled = random_joints(hand, 1), random_coupled(hand, 1)
    data = in_mujoco(hand, joints[0], coupled[0])
    sites = [data.site(hand.element(f"S_{finger.name}tip")).xpos for finger in hand.fingers]
    tips = kinematics.forward(torch.tensor(joints), torch.tensor(coupled)).fingertips[0]
    np.testing.assert_allclose(tips.numpy(), np.array(sites), atol=1e-12, rtol=0.0)


@each_hand
def test_coupled_joints_follow_their_parents_by_default(hand: Hand) -> None:
    joints = random_joints(hand, 4)
    kinematics = HandKinematics(hand)
    explicit = kinematics.forward(torch.tensor(joints), torch.tensor(hand.coupled_from_actuated(joints)))
    torch.testing.assert_close(
        kinematics.forward(torch.tensor(joints)).fingertips, explicit.fingertips, atol=0.0, rtol=0.0
    )


@each_hand
def test_jacobian_matches_finite_differences(hand: Hand) -> None:
    joints = torch.tensor(random_joints(hand, 1, seed=7), requires_grad=True)
    kinematics = HandKinematics(hand)

    def parts(values: Tensor) -> Tensor:
        pose = kinematics.forward(values)
        return torch.cat((pose.fingertips.flatten(), pose.link_quat.flatten()))

    assert torch.autograd.gradcheck(parts, (joints,))


@each_hand
def test_gradient_is_finite_at_the_open_hand(hand: Hand) -> None:
    joints = torch.tensor(hand.open_pose[None].copy(), requires_grad=True)
    HandKinematics(hand).forward(joints).fingertips.sum().backward()
    assert joints.grad is not None
    assert torch.isfinite(joints.grad).all()


@each_hand
def test_rows_of_a_batch_do_not_mix(hand: Hand) -> None:
    joints, kinematics = torch.tensor(random_joints(hand, 6)), HandKinematics(hand)
    together = kinematics.forward(joints).link_position
    alone = torch.cat([kinematics.forward(row[None]).link_position for row in joints])
    torch.testing.assert_close(together, alone, atol=1e-15, rtol=0.0)


@each_hand
def test_closing_joints_bring_their_fingertip_towards_the_grasp_centre(hand: Hand) -> None:
    kinematics, centre = HandKinematics(hand), torch.tensor(hand.grasp_centre_h, dtype=torch.float64)
    before = (kinematics.forward(torch.tensor(hand.open_pose[None].copy())).fingertips[0] - centre).norm(dim=1)
    for number, finger in enumerate(hand.fingers):
        sign = hand.closing * np.isin(hand.joints, finger.joints)
        closed = hand.clamp(hand.open_pose + 0.8 * sign)
        tip = kinematics.forward(torch.tensor(closed[None])).fingertips[0, number]
        assert (tip - centre).norm() < before[number] - 0.005, finger.name


def test_mean_of_the_fingertips_is_moved_with_the_wrist() -> None:
    hand, joints = shadow_hand(), random_joints(shadow_hand(), 2)
    wrist_w = np.tile([0.1, 0.2, 0.3, 0.0, 1.0, 0.0, 0.0], (2, 1))  # turned by pi about x
    centre_h = HandKinematics(hand).forward(torch.tensor(joints)).fingertips.mean(dim=1).numpy()
    expected = [0.1, 0.2, 0.3] + centre_h * [1.0, -1.0, -1.0]
    np.testing.assert_allclose(fingertip_centres(hand, wrist_w, joints), expected, atol=1e-12)


def test_palm_is_the_frame(kinematics: HandKinematics) -> None:
    pose = kinematics.forward(torch.tensor(random_joints(shadow_hand(), 3)))
    assert torch.equal(pose.link_position[:, 0], torch.zeros(3, 3, dtype=torch.float64))
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.equal(pose.link_quat[:, 0], identity.expand(3, 4))


def test_mixed_precision_does_not_move_links(kinematics: HandKinematics) -> None:
    joints = torch.tensor(random_joints(shadow_hand(), 2)).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = kinematics.forward(joints).link_position
    assert torch.equal(found, kinematics.forward(joints).link_position)


def test_surface_point_moves_with_its_link(kinematics: HandKinematics) -> None:
    joints, local = random_joints(shadow_hand(), 1), torch.tensor([[0.001, -0.007, 0.012], [0.0, 0.01, 0.0]])
    pose = kinematics.forward(torch.tensor(joints))
    points = pose.surface_points(["ffdistal", "thhub"], local)[0]
    data = in_mujoco(shadow_hand(), joints[0], 0.8 * joints[0, [2, 5, 8, 12]])
    for link, offset, point in zip(["ffdistal", "thhub"], local.double().numpy(), points.numpy(), strict=True):
        np.testing.assert_allclose(point, point_on(data.body(shadow_hand().element(link)), offset), atol=1e-12)


def test_flexion_moves_the_fingertip_to_the_palmar_side(kinematics: HandKinematics) -> None:
    bent = shadow_hand().open_pose.copy()
    bent[shadow_hand().joints.index("FFJ2")] = np.pi / 2
    straight, flexed = kinematics.forward(torch.tensor(np.stack([shadow_hand().open_pose, bent]))).fingertips[:, 0]
    # knuckle at z = 0.095; the finger, 0.045 + 0.025 + 0.026 m long, swings from +z to -y
    torch.testing.assert_close(straight, torch.tensor([0.033, 0.0, 0.191], dtype=torch.float64), atol=1e-9, rtol=0.0)
    torch.testing.assert_close(flexed, torch.tensor([0.033, -0.096, 0.095], dtype=torch.float64), atol=1e-9, rtol=0.0)


@pytest.mark.parametrize("shape", [(18,), (2, 22), (1, 2, 18)])
def test_wrong_shape_is_named(kinematics: HandKinematics, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"joint_pos has shape .*, expected \(B, 18\)"):
        kinematics.forward(torch.zeros(shape))


def test_wrong_coupled_shape_is_named(kinematics: HandKinematics) -> None:
    with pytest.raises(ValueError, match=r"coupled_pos has shape \(2, 5\), expected \(B, 4\)"):
        kinematics.forward(torch.zeros(2, 18), torch.zeros(2, 5))


def test_unequal_rows_are_named(kinematics: HandKinematics) -> None:
    with pytest.raises(ValueError, match="coupled_pos has 3 rows, joint_pos 2"):
        kinematics.forward(torch.zeros(2, 18), torch.zeros(3, 4))


def test_whole_numbers_are_refused(kinematics: HandKinematics) -> None:
    with pytest.raises(ValueError, match=r"joint_pos has type torch\.int64, expected float32 or float64"):
        kinematics.forward(torch.zeros(1, 18, dtype=torch.long))


def test_nan_is_named(kinematics: HandKinematics) -> None:
    joints = torch.zeros(3, 18)
    joints[1, 4] = float("nan")
    with pytest.raises(ValueError, match="joint_pos holds nan in row 1, column 4"):
        kinematics.forward(joints)
