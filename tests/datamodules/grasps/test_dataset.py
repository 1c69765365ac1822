"""Grasps as the hand sees them, and streams that depend on seed, epoch and rank only."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from datamodules.grasps.dataset import EvaluationStream, GraspTable, TrainingStream
from datamodules.grasps.grasp_set import GraspSet
from datamodules.types import GraspBatch
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary
from tests.learning import uneven_set

HAND = shadow_hand()

pytestmark = pytest.mark.usefixtures("fast_objects")


def table(grasps: GraspSet, num_points: int = 64) -> GraspTable:
    return GraspTable(grasps, ObjectLibrary(), num_points)


def rows_of(stream: TrainingStream) -> list[list[int]]:
    return [batch.grasp_index.tolist() for batch in stream]


def stream(epoch: int = 0, rank: int = 0, seed: int = 0, batch_size: int = 4, batches: int = 3) -> TrainingStream:
    return TrainingStream(table(uneven_set((5, 20))), batch_size, batches, seed, lambda: (epoch, rank))


def test_clouds_are_seen_from_the_wrist() -> None:
    grasps = uneven_set()
    batch = table(grasps).batch(torch.arange(10))
    for row in (0, 1, 5, 9):
        wrist_o = grasps.wrist_pose_o[row].astype(np.float64)
        cloud_o = ObjectLibrary().get(grasps.object_names()[row]).cloud[:64].astype(np.float64)
        # p_h = R_oh^T (p_o - t_oh), wrist pose (t, R) of the hand in the object frame
        turn = Rotation.from_quat(wrist_o[3:], scalar_first=True).as_matrix()
        expected = (cloud_o - wrist_o[:3]) @ turn
        np.testing.assert_allclose(batch.points_h[row].numpy(), expected, atol=1e-6)  # float32, decimetres


def test_a_wrist_at_the_object_frame_sees_object_coordinates() -> None:
    grasps = uneven_set((1,))
    grasps = replace(grasps, wrist_pose_o=np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]], dtype=np.float32))
    batch = table(grasps).batch(torch.tensor([0]))
    np.testing.assert_array_equal(batch.points_h[0].numpy(), ObjectLibrary().get("box_00000").cloud[:64])


def test_joints_are_normalised_by_their_limits() -> None:
    grasps = uneven_set((3,))
    limits = HAND.limits
    beyond = limits.high + 5e-4  # within the tolerance of a grasp set
    joints = np.stack([limits.low, 0.5 * (limits.low + limits.high), beyond]).astype(np.float32)
    found = table(replace(grasps, joint_pos=joints)).batch(torch.arange(3)).joint_pos
    assert found.dtype == torch.float32
    expected = torch.tensor([-1.0, 0.0, 1.0])[:, None].expand(3, 18)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0.0)
    assert found.max() <= 1.0


def test_a_batch_names_objects_and_rows() -> None:
    grasps = uneven_set((2, 3))
    batch = table(grasps).batch(torch.tensor([4, 0, 2]))
    assert batch.objects is not None
    assert batch.objects.rows.tolist() == [1, 0, 1]
    assert batch.grasp_index.tolist() == [4, 0, 2]
    assert len(batch) == 3


def test_the_same_object_keeps_its_index_in_every_split_and_part() -> None:
    grasps = uneven_set((2, 3, 2))
    part = table(grasps.rows(np.array([6, 4])))
    assert part.object_index.tolist() == [2, 1]
    objects = part.batch(torch.tensor([0])).objects
    assert objects is not None
    assert objects.rows.tolist() == [2]


def test_fewer_points_are_the_first_of_the_farthest_point_order() -> None:
    grasps = uneven_set((2,))
    few, many = (table(grasps, count).batch(torch.arange(2)).points_h for count in (16, 64))
    assert few.shape == (2, 16, 3)
    # which point each is; some processors round the coordinates of fewer points otherwise, in the last bit
    assert torch.equal(torch.cdist(few, many).argmin(2), torch.arange(16).expand(2, 16))
    torch.testing.assert_close(few, many[:, :16], atol=2e-8, rtol=0.0)


def test_a_batch_moves_to_a_device_whole() -> None:
    moved = table(uneven_set((2,))).batch(torch.arange(2)).to("meta")
    assert isinstance(moved, GraspBatch)
    assert {value.device.type for value in vars(moved).values() if isinstance(value, Tensor)} == {"meta"}
    assert moved.objects is not None
    assert moved.objects.rows.device.type == "cpu"


def test_every_object_weighs_the_same() -> None:
    weights = table(uneven_set((2, 8, 5))).balanced_weights()
    torch.testing.assert_close(weights[:2], torch.full((2,), 1 / 6, dtype=torch.float64))
    torch.testing.assert_close(weights[2:10], torch.full((8,), 1 / 24, dtype=torch.float64))
    assert weights.sum().item() == pytest.approx(1.0)


def test_training_draws_objects_equally_often_however_many_grasps_they_have() -> None:
    drawn = torch.cat([batch.objects.rows for batch in stream(batch_size=100, batches=20) if batch.objects is not None])
    # 2,000 draws at p = 1/2: standard deviation 22; five of them
    assert abs(int((drawn == 0).sum()) - 1000) < 112
    assert set(drawn.tolist()) == {0, 1}


def test_batches_depend_on_seed_epoch_and_rank_only() -> None:
    torch.manual_seed(1)
    first = rows_of(stream(epoch=3, rank=1, seed=7))
    torch.manual_seed(2)
    assert rows_of(stream(epoch=3, rank=1, seed=7)) == first
    for other in (stream(3, 1, 8), stream(4, 1, 7), stream(3, 0, 7)):
        assert rows_of(other) != first


def test_a_part_weighs_objects_alike_whatever_else_the_set_holds() -> None:
    part = table(uneven_set((2, 8, 5)).rows(np.array([0, 10, 11])))  # one grasp of the first, two of the third
    torch.testing.assert_close(part.balanced_weights(), torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64))


def test_drawing_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(stream())
    assert torch.equal(torch.rand(3), expected)


def test_an_epoch_has_the_promised_batches() -> None:
    epoch = stream(batch_size=4, batches=3)
    assert len(epoch) == 3
    assert [len(batch) for batch in epoch] == [4, 4, 4]


def test_each_pass_asks_for_the_epoch_anew() -> None:
    epochs = iter([0, 1, 0])
    moving = TrainingStream(table(uneven_set((5, 20))), 4, 3, 0, lambda: (next(epochs), 0))
    first, second, third = rows_of(moving), rows_of(moving), rows_of(moving)
    assert first == third != second


def test_evaluation_takes_every_grasp_once_in_order() -> None:
    evaluation = EvaluationStream(table(uneven_set((2, 5))), batch_size=3)
    rows = [batch.grasp_index.tolist() for batch in evaluation]
    assert rows == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(evaluation) == 3


def test_no_grasps_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the split has no grasps; make a grasp set that covers it"):
        table(uneven_set().rows(np.zeros(0, dtype=int)))


def test_an_object_outside_the_split_file_is_named() -> None:
    grasps = replace(uneven_set((1, 1)), objects=("box_00000", "box_99999"))
    with pytest.raises(ValueError, match=r"object 'box_99999' of the grasp set is not in the split file"):
        table(grasps)


@pytest.mark.parametrize("num_points", [0, 1025])
def test_more_points_than_a_cloud_has_are_refused(num_points: int) -> None:
    with pytest.raises(ValueError, match=rf"num_points is {num_points}, allowed 1\.\.1024"):
        table(uneven_set((1,)), num_points)
