"""The second look at a predicted grasp: its fingers against object and table, as a correction of the first."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from envs.geometry.transforms import quat_rotate
from envs.hand.kinematics import HandKinematics
from envs.hand.shadow import shadow_hand
from lightning_modules.networks.refiner import DISTANCE_SCALE, MAX_DISTANCE, GraspRefiner
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.score_module import ScoreMatchingModule
from tests.learning import made_up_batch, tiny_module

HAND = shadow_hand()
TABLE = torch.tensor([[0.0, 0.6, 0.8, 0.04], [0.0, 0.0, 1.0, 0.02]])


def refiner() -> GraspRefiner:
    return GraspRefiner(HAND, 18, 16, 5, 8, 16)


def refining() -> ScoreMatchingModule:
    """An untrained primitive that looks twice."""
    return tiny_module(sees_table=True, refines=True)


def on_table(count: int = 2) -> dict[str, Tensor]:
    return {"table_h": TABLE[:1].expand(count, 4)}


def test_fingers_are_measured_against_the_nearest_points_and_the_table() -> None:
    generator = torch.Generator().manual_seed(0)
    joint_pos = 2.0 * torch.rand((2, 3, 18), generator=generator) - 1.0
    points_h = 0.1 * torch.rand((2, 40, 3), generator=generator)
    found = refiner().fingers(joint_pos, points_h, TABLE).unflatten(2, (20, 5)) * DISTANCE_SCALE
    pose = HandKinematics(HAND).forward(HAND.denormalise(joint_pos.flatten(0, 1)))
    names = [
        f"{finger}{part}" for finger in ("ff", "mf", "rf", "lf", "th") for part in ("proximal", "middle", "distal")
    ]
    links = [HAND.links.index(name) for name in names]
    keys = torch.cat([pose.fingertips, pose.link_position[:, links]], dim=1).unflatten(0, (2, 3))
    for scene in range(2):
        distance = torch.cdist(keys[scene], points_h[scene].expand(3, -1, -1))
        way = points_h[scene][distance.argmin(dim=2)] - keys[scene]
        expected = way.clamp(-MAX_DISTANCE, MAX_DISTANCE)
        torch.testing.assert_close(found[scene, ..., :3], expected, atol=1e-5, rtol=0.0)
        nearest = distance.amin(dim=2).clamp(max=MAX_DISTANCE)
        torch.testing.assert_close(found[scene, ..., 3], nearest, atol=1e-5, rtol=0.0)
        height = keys[scene] @ TABLE[scene, :3] + TABLE[scene, 3]
        torch.testing.assert_close(found[scene, ..., 4], height.clamp(-MAX_DISTANCE, MAX_DISTANCE), atol=1e-5, rtol=0.0)


def test_where_the_world_is_turned_does_not_matter() -> None:
    """Heights follow from the table's normal, whichever way it lies in the hand frame."""
    quat = torch.nn.functional.normalize(torch.tensor([[0.9, 0.1, -0.3, 0.2]]), dim=1)
    normal = quat_rotate(quat, torch.tensor([[0.0, 0.0, 1.0]]))
    table = torch.cat([normal, torch.tensor([[0.05]])], dim=1)
    found = refiner().fingers(torch.zeros(1, 18), torch.zeros(1, 4, 3), table).unflatten(1, (20, 5))
    tips = HandKinematics(HAND).forward(HAND.denormalise(torch.zeros(1, 18))).fingertips
    expected = ((tips * normal).sum(dim=2) + 0.05).clamp(-MAX_DISTANCE, MAX_DISTANCE) / DISTANCE_SCALE
    torch.testing.assert_close(found[:, :5, 4], expected, atol=1e-4, rtol=0.0)


def test_an_untrained_second_look_changes_nothing_and_a_trained_one_does() -> None:
    module, batch = refining(), made_up_batch(2)
    scene = module.encode(batch.points_h, **on_table())
    state, t = torch.randn(2, 5, 18), torch.rand(2, 5).clamp_min(0.01)
    feature = module.feature(scene)
    assert feature.shape == (2, module.network.feature_dim)
    assert module.refiner is not None
    kept = sum(module.network.scene_sizes) + module.refiner.block.width  # worked out once, read at every joint position
    assert scene.shape[1] == kept + 4 + 3 * batch.points_h.shape[1]
    alone = module.network.score(state, feature, t, module.sde)
    torch.testing.assert_close(module.score_fn(scene)(state, t), alone, atol=1e-6, rtol=1e-4)
    torch.nn.init.ones_(module.refiner.out.bias)
    corrected = module.score_fn(scene)(state, t)
    torch.testing.assert_close(corrected, alone + 1.0 / module.sde.std(t)[..., None], atol=1e-4, rtol=1e-4)


def test_the_head_of_the_first_look_learns_from_its_own_loss_alone() -> None:
    module, batch = refining(), replace(made_up_batch(2), table_h=TABLE)
    assert module.refiner is not None
    losses, descended = module._losses(batch, 4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(descended, 2.0 * losses)  # both looks are alike before training
    losses.mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in module.network.output.parameters())
    assert module.refiner.out.weight.grad is not None
    assert module.refiner.out.weight.grad.any()


def test_a_primitive_that_looks_twice_acts_samples_and_denoises() -> None:
    primitive, batch = GraspPrimitive(refining().eval()), made_up_batch(2)
    scene = primitive.encode(batch.points_h, **on_table())
    assert primitive.act(torch.zeros(2, 18), scene, elapsed=torch.ones(2)).shape == (2, 18)
    assert primitive.sample(scene, 3, torch.Generator().manual_seed(0)).shape == (2, 3, 18)


def test_where_no_hand_moves_any_longer_nothing_is_wanted() -> None:
    primitive, batch = GraspPrimitive(refining().eval()), made_up_batch(2)
    scene = primitive.encode(batch.points_h, **on_table())[:0]
    assert primitive.act(torch.zeros(0, 18), scene, elapsed=torch.ones(0)).shape == (0, 18)


def test_mixed_precision_does_not_blur_where_things_are() -> None:
    module, batch = refining().eval(), made_up_batch(2, num_points=40)
    assert module.refiner is not None
    joint_pos = 2.0 * torch.rand((2, 8, 18), generator=torch.Generator().manual_seed(0)) - 1.0
    expected = module.refiner.fingers(joint_pos, batch.points_h, TABLE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module.refiner.fingers(joint_pos, batch.points_h, TABLE), expected)
        scene = module.encode(batch.points_h, **on_table())
        assert module.score_fn(scene)(torch.zeros(2, 18), torch.ones(2)).isfinite().all()
    known = torch.cat([on_table()["table_h"], batch.points_h.flatten(1)], dim=1)
    assert torch.equal(scene[:, -known.shape[1] :], known)


def test_a_second_look_needs_the_table() -> None:
    with pytest.raises(ValueError, match="refines is true and sees_table false"):
        tiny_module(refines=True)
