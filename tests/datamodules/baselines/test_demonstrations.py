"""Demonstrations: joints interpolated along wrist trajectories, and their file."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.baselines.demonstration_file import load_demonstrations, save_demonstrations
from datamodules.baselines.demonstrations import (
    Demonstrations,
    Origin,
    closing_path,
    demonstrate,
    demonstrated_steps,
)
from datamodules.demonstrations import main, origin_of
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.module import RolloutDataModule
from envs.geometry.transforms import transform_points
from tests.assisting import HAND, made_up_targets, sampler

ORIGIN = Origin("0" * 32, "to and fro", 0.025)

TUPLES = 230  # four episodes and a part of a fifth


@pytest.fixture(scope="module")
def shown() -> Demonstrations:
    return demonstrate(sampler(), ORIGIN, num_tuples=TUPLES)


def bent(radians: float) -> np.ndarray:
    goal = HAND.open_pose.copy()
    goal[1] += radians
    return goal[None]


def test_joints_go_evenly_from_open_to_the_grasp() -> None:
    path = closing_path(HAND, bent(0.4), np.array([20]), 25, 0.0)[0]
    expected = HAND.open_pose[1] + np.minimum(np.arange(26) * 0.02, 0.4)  # 0.4 rad in 20 steps
    np.testing.assert_allclose(path[:, 1], expected)
    np.testing.assert_allclose(np.delete(path, 1, axis=1), np.delete(HAND.open_pose, 1)[None].repeat(26, axis=0))


def test_the_hand_stays_open_for_its_share_of_the_way() -> None:
    path = closing_path(HAND, bent(0.4), np.array([20]), 20, 0.5)[0, :, 1] - HAND.open_pose[1]
    np.testing.assert_allclose(path[[10, 11, 15, 20]], [0.0, 0.04, 0.2, 0.4])


def test_no_joint_goes_faster_than_an_action_can_move_it() -> None:
    path = closing_path(HAND, bent(1.0), np.array([10]), 10, 0.0)[0, :, 1] - HAND.open_pose[1]
    np.testing.assert_allclose(path, 0.05 * np.arange(11))  # 0.1 rad a step were wanted


def test_there_are_as_many_tuples_as_were_asked_for(shown: Demonstrations) -> None:
    assert len(shown) == TUPLES
    assert shown.num_steps.tolist() == [50, 50, 50, 50, 30]
    assert set(shown.objects) == {"box_00000", "can_00000"}
    steps = list(demonstrated_steps(shown, things(shown)))
    assert sum(len(step.action) for step in steps) == TUPLES
    assert torch.cat([step.episode for step in steps]).bincount().tolist() == [50, 50, 50, 50, 30]


def things(shown: Demonstrations) -> list:
    by_name = {thing.name: thing for thing in made_up_targets().grasp_objects}
    return [by_name[name] for name in shown.objects]


def test_actions_lead_to_the_grasp_and_observations_are_of_the_step(shown: Demonstrations) -> None:
    steps = list(demonstrated_steps(shown, things(shown)))
    first = torch.stack([step.action[0] for step in steps])
    closed = HAND.open_pose + 0.05 * first.double().sum(dim=0).numpy()
    np.testing.assert_allclose(closed, shown.goal_joint_pos[0], atol=1e-5)
    seen = steps[10].observation
    commanded = HAND.open_pose + 0.05 * first[:10].double().sum(dim=0).numpy()
    np.testing.assert_allclose(HAND.denormalise(seen["command"][0].double()), commanded, atol=1e-5)
    np.testing.assert_allclose(seen["wrist_history"][0], shown.wrist_pose_w[0, 6:11], atol=1e-6)
    cloud = torch.as_tensor(things(shown)[shown.object_index[0]].cloud)
    torch.testing.assert_close(
        seen["points_h"][0], transform_points(steps[10].cloud_pose_h[0], cloud), atol=1e-5, rtol=0
    )


def test_a_file_gives_back_what_was_saved(shown: Demonstrations, tmp_path: Path) -> None:
    save_demonstrations(shown, tmp_path / "shown.npz", {"command": "tests"})
    again = load_demonstrations(tmp_path / "shown.npz", HAND, ORIGIN)
    for item in fields(Demonstrations):
        np.testing.assert_array_equal(getattr(again, item.name), getattr(shown, item.name), err_msg=item.name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"origin": replace(ORIGIN, grasp_set="1" * 32)},
            "are of the grasp set 1111.*, expected 0000.*make them with: python -m datamodules",
        ),
        ({"origin": replace(ORIGIN, task="by bus")}, "are of the task by bus, expected to and fro; .*--task"),
        ({"origin": replace(ORIGIN, period_s=0.05)}, "are of the control period in seconds 0.05, expected 0.025"),
        ({"hand": replace(HAND, name="other")}, "are of the hand other, expected shadow"),
        (
            {"hand": replace(HAND, open_pose=0.9 * HAND.open_pose + 0.05 * (HAND.limits.low + HAND.limits.high))},
            "are of the hand, by its limits, couplings and open pose, [0-9a-f]{32}, expected",
        ),
    ],
)
def test_demonstrations_of_others_are_refused(
    change: dict[str, object], message: str, shown: Demonstrations, tmp_path: Path
) -> None:
    save_demonstrations(replace(shown, **change), tmp_path / "shown.npz", {})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        load_demonstrations(tmp_path / "shown.npz", HAND, ORIGIN)


def test_a_cut_file_and_a_missing_one_are_named(shown: Demonstrations, tmp_path: Path) -> None:
    path = tmp_path / "shown.npz"
    save_demonstrations(shown, path, {})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"shown\.npz holds no demonstrations \(.*\), or is damaged; make them with"):
        load_demonstrations(path, HAND, ORIGIN)
    with pytest.raises(FileNotFoundError, match="do not exist; make them with: python -m datamodules"):
        load_demonstrations(tmp_path / "none.npz", HAND, ORIGIN)


def test_columns_that_do_not_fit_are_named(shown: Demonstrations, tmp_path: Path) -> None:
    save_demonstrations(replace(shown, num_steps=shown.num_steps + 100), tmp_path / "shown.npz", {})
    with pytest.raises(ValueError, match=r"num_steps of .* spans 130\.\.150, expected 1\.\.50"):
        load_demonstrations(tmp_path / "shown.npz", HAND, ORIGIN)


@pytest.mark.usefixtures("fast_objects")
def test_the_command_demonstrates_training_grasps(tiny_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "shown.npz"
    main([f"--output={output}", f"--path={tiny_path}", "--num_tuples=60", "--reachable_only=false"])
    grasps = load_grasp_set(tiny_path)
    found = load_demonstrations(output, HAND, origin_of(RolloutDataModule(str(tiny_path))))
    assert len(found) == 60
    assert set(found.objects) <= set(grasps.split("train").object_names())
