"""The field in the world: a primitive that knows the answer scores as the stored grasps do."""

from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from callbacks.field.trials import SplitTrials, field_controller, with_follower
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from envs.conventions import MAX_JOINT_STEP
from envs.geometry.object_clouds import KnownObjects
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from lightning_modules.followers import Denoiser
from lightning_modules.primitive import GraspPrimitive
from tests.assisting import EPISODE_STEPS
from tests.learning import tiny_module

HAND = shadow_hand()

pytestmark = pytest.mark.usefixtures("fast_objects")


class Oracle:
    """Stands in for a primitive; the feature of a cloud is the stored joints of its grasp."""

    def __init__(self, goal: np.ndarray) -> None:
        self.goal = torch.tensor(goal)
        self.module = tiny_module()
        self.elapsed: list[float] = []

    def encode(self, points_h: Tensor, objects: KnownObjects | None, table_h: Tensor | None) -> Tensor:
        return self.goal

    def act(self, joint_pos: Tensor, feature: Tensor, *, elapsed: Tensor) -> Tensor:
        self.elapsed.append(elapsed[0].item())
        return (feature - joint_pos) / MAX_JOINT_STEP


@pytest.fixture
def trials(tiny_grasps: GraspSet) -> SplitTrials:
    library = ObjectLibrary()
    grasps = tiny_grasps.split("unseen_families")
    return SplitTrials(GraspTable(grasps.rows(np.arange(0, len(grasps), 2)), library, 64), library)


def oracle(trials: SplitTrials) -> tuple[Oracle, GraspPrimitive, Tensor]:
    knows = Oracle(trials.goal)
    primitive = cast(GraspPrimitive, knows)
    return knows, primitive, trials.encode(primitive)


def test_a_primitive_that_knows_the_grasp_does_as_well_as_the_grasp(trials: SplitTrials) -> None:
    _, primitive, feature = oracle(trials)
    values, stored = trials.field("field_success", primitive, feature), trials.stored()
    assert set(values) == {"field_success_collisions_off", "field_success_collisions_on", "posture_rad"}
    assert (
        values["field_success_collisions_off"].tolist() == stored["grasp_success"].tolist() == [1.0] * len(trials.goal)
    )
    np.testing.assert_array_equal(values["field_success_collisions_on"], stored["grasp_success_collisions_on"])
    np.testing.assert_allclose(values["posture_rad"], 0.0, atol=1e-9)


def test_a_primitive_that_does_nothing_stays_open(trials: SplitTrials) -> None:
    _, primitive, _ = oracle(trials)
    idle = torch.tensor(np.tile(HAND.open_pose.copy(), (len(trials.goal), 1)))
    values = trials.field("paper_field_success", primitive, idle, with_collisions=False)
    assert set(values) == {"paper_field_success_collisions_off", "paper_posture_rad"}
    assert not values["paper_field_success_collisions_off"].any()
    np.testing.assert_allclose(values["paper_posture_rad"], np.linalg.norm(HAND.open_pose.copy() - trials.goal, axis=1))


def test_the_clock_ends_at_one(trials: SplitTrials) -> None:
    knows, primitive, feature = oracle(trials)
    trials.field("field_success", primitive, feature, with_collisions=False)
    np.testing.assert_allclose(knows.elapsed, np.arange(1, 51) / 50)


def test_a_controller_gives_each_row_its_own_cloud(trials: SplitTrials) -> None:
    _, primitive, feature = oracle(trials)
    rows, joints = np.array([len(trials.goal) - 1, 0]), np.zeros((2, 18))
    action = field_controller(primitive, feature, 50)(rows, joints, 0)
    assert action.dtype == np.float64
    np.testing.assert_allclose(action, trials.goal[rows] / MAX_JOINT_STEP)


def test_features_come_in_the_order_of_grasps(trials: SplitTrials, monkeypatch: pytest.MonkeyPatch) -> None:
    primitive = GraspPrimitive(tiny_module().eval())
    whole = trials.encode(primitive)
    batch = trials.table.batch(torch.arange(len(trials.table)))
    torch.testing.assert_close(whole, primitive.encode(batch.points_h, batch.objects, None), atol=0.0, rtol=0.0)
    monkeypatch.setattr("callbacks.field.trials._CHUNK", 3)
    torch.testing.assert_close(trials.encode(primitive), whole, atol=1e-6, rtol=0.0)  # other batch sizes, other sums


def test_samples_are_lifted_as_they_are(trials: SplitTrials, monkeypatch: pytest.MonkeyPatch) -> None:
    goal = torch.tensor(trials.goal, dtype=torch.float32)
    other = torch.tensor(HAND.open_pose.copy(), dtype=torch.float32).expand_as(goal)

    def sample(self: Any, feature: Tensor, num_samples: int, generator: torch.Generator, sampler: Any = None) -> Tensor:
        return torch.stack([goal] + [other] * (num_samples - 1), dim=1)

    monkeypatch.setattr(GraspPrimitive, "sample", sample)
    primitive = GraspPrimitive(tiny_module().eval())
    values = trials.samples(primitive, trials.encode(primitive), num_samples=2)
    assert values["sample_success"].tolist() == [1.0] * len(goal)  # the first of each cloud
    expected = np.linalg.norm(HAND.open_pose.copy() - trials.goal, axis=1)
    np.testing.assert_allclose(values["sample_diversity_rad"], expected, atol=1e-3)  # cdist in float32


def test_losses_are_those_of_the_module(trials: SplitTrials) -> None:
    module = tiny_module().eval()
    batch = trials.table.batch(torch.arange(len(trials.table)))
    with torch.no_grad():
        expected = module.held_out_losses(batch).double().numpy()
    np.testing.assert_array_equal(trials.losses(GraspPrimitive(module))["dsm_loss"], expected)


def test_another_way_of_following_keeps_the_network() -> None:
    primitive = GraspPrimitive(tiny_module())
    follower = Denoiser()
    other = with_follower(primitive, follower)
    assert other.module is primitive.module
    assert other.follower is follower
    assert primitive.follower is not follower


class Elsewhere:
    """Stands in for a primitive on another device, which refuses tensors from here."""

    def __init__(self) -> None:
        self.module = tiny_module().to("meta")
        self.asked: list[str] = []

    def _refuse_others(self, name: str, *tensors: Tensor) -> None:
        assert {tensor.device.type for tensor in tensors} == {"meta"}
        self.asked.append(name)

    def encode(self, points_h: Tensor, objects: Any, table_h: Any) -> Tensor:
        self._refuse_others("encode", points_h)
        return points_h.mean(dim=1)

    def act(self, joint_pos: Tensor, feature: Tensor, *, elapsed: Tensor) -> Tensor:
        self._refuse_others("act", joint_pos, feature, elapsed)
        return torch.zeros(joint_pos.shape)

    def sample(self, feature: Tensor, count: int, *_: Any) -> Tensor:
        self._refuse_others("sample", feature)
        return torch.zeros(len(feature), count, 18)


def test_everything_reaches_the_primitive_on_its_device(trials: SplitTrials) -> None:
    elsewhere = Elsewhere()
    primitive = cast(GraspPrimitive, elsewhere)
    feature = trials.encode(primitive)
    trials.field("field_success", primitive, feature, with_collisions=False)
    trials.samples(primitive, feature)
    assert elsewhere.asked == ["encode", *["act"] * EPISODE_STEPS, "sample"]
