"""What Gymnasium makes of a grasp set by the environment's name."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401  (makes the environment known)
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.rollouts.gym_envs import AssistOptions, make_env, make_vector_env
from envs.task.settings import TaskSettings
from tests.gym import STEPS

ID = "GraspGF/HumanAssist-v0"
SHORT = TaskSettings(episode_steps=STEPS)

pytestmark = pytest.mark.usefixtures("fast_objects")


def test_the_registered_environment_passes_the_checker_with_every_render_mode(tiny_path: Path) -> None:
    made = gymnasium.make(ID, path=str(tiny_path), reachable_only=False, max_objects=1, task=SHORT, picture_size=32)
    check_env(made.unwrapped)


def test_a_vector_is_stepped_as_one_and_its_episodes_follow_from_the_seed(tiny_path: Path) -> None:
    named = {"path": str(tiny_path), "reachable_only": False, "split": "unseen_families", "task": "user"}
    env = gymnasium.make_vec(ID, num_envs=3, num_threads=0, **named)
    assert type(env).__name__ == "AssistVectorEnv"
    first, _ = env.reset(seed=5)
    again, _ = env.reset(seed=5)
    other, _ = env.reset(seed=6)
    assert (first["wrist_history"] == again["wrist_history"]).all()
    assert (first["wrist_history"] != other["wrist_history"]).any()


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"task": "papr"}, "task 'papr' is unknown; available: paper, user"),
        ({"reward": "papr"}, "reward preset 'papr' is unknown; available: default"),
        ({"max_objects": 0}, "max_objects is 0, expected at least 1"),
        ({"task": TaskSettings(max_joint_step=0.1)}, "max_joint_step of the task is 0.1; policies"),
    ],
)
def test_what_cannot_be_is_named(tiny_path: Path, named: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_env(path=str(tiny_path), reachable_only=False, **named)


def test_a_grasp_set_that_was_written_anew_is_read_anew(tiny_grasps: GraspSet, tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    options = AssistOptions(path=str(path), reachable_only=False)
    of_training = tiny_grasps.split("train")
    save_grasp_set(of_training, path)
    before = options.targets()
    assert options.targets() is before
    save_grasp_set(of_training.rows(np.arange(1, len(of_training))), path)
    assert len(options.targets()) == len(before) - 1


def test_an_option_that_does_not_exist_is_named() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'worlds'"):
        make_vector_env(2, worlds=3)
