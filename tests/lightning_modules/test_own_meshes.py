"""Meshes of one's own: imported, trained on and evaluated by the real commands with their split file."""

import json
from pathlib import Path

import pytest
import trimesh

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import concatenate
from envs.objects.meshes.import_meshes import main as import_meshes
from tests.assisting import checkpoints_alone, policy_command
from tests.datamodules.grasps.examples import made_up_set
from tests.envs.objects.mesh_examples import block
from tests.learning import command, few_callbacks, run

ROOT = Path(__file__).resolve().parents[2]
ONE_EPISODE = (
    "    - class_path: callbacks.assist.evaluation.AssistEvaluation\n"
    "      init_args:\n"
    "        plan: {class_path: datamodules.rollouts.plans.PosesPlan, init_args: {poses: 1}}\n"
    "        policies: [ours, scripted_close]\n"
    "        num_choice_episodes: 1\n"
    "        steps: [26]\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cube to train on and a cylinder of an unseen family: split.json, and grasps.npz with made-up grasps."""
    root = tmp_path_factory.mktemp("own")
    for family, mesh in (("crate", block(50)), ("tin", trimesh.creation.cylinder(radius=22, height=90, sections=12))):
        (root / "meshes" / family).mkdir(parents=True)
        mesh.export(root / "meshes" / family / "one.stl")
    shares = ["--fractions", "train=0.5", "unseen_families=0.5", "--num_workers", "1"]
    import_meshes([str(root / "meshes"), "--unit", "mm", "--output", str(root / "split.json"), *shares])
    splits = json.loads((root / "split.json").read_text())["splits"]
    of_each = [made_up_set(splits[split][0], split, count=4) for split in ("train", "unseen_families")]
    grasps = concatenate(of_each, {})
    grasps.object_pose_w[:] = [0.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0]
    grasps.wrist_pose_o[:, 2] += 0.3  # all hands above the table
    save_grasp_set(grasps, root / "grasps.npz")
    return root


def test_the_primitive_is_trained_on_meshes(folder: Path, tmp_path: Path) -> None:
    split_file = f"--data.init_args.split_file={folder / 'split.json'}"
    run(command("fit", folder / "grasps.npz", tmp_path, few_callbacks(tmp_path / "few.yaml"), split_file))
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_the_policy_is_evaluated_on_meshes(folder: Path, primitive: Path, tmp_path: Path) -> None:
    split_file = f"--data.init_args.split_file={folder / 'split.json'}"
    few = checkpoints_alone(tmp_path / "few.yaml", ONE_EPISODE)
    protocol = ROOT / "configs" / "protocol" / "policy_other_objects.yaml"
    run(policy_command("test", folder / "grasps.npz", primitive, tmp_path, few, split_file, overlays=[protocol]))
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert set(report["splits"]) == {"unseen_families"}
    assert report["about"]["objects"] == {"unseen_families": 1}


def test_another_split_file_is_told_before_any_episode(folder: Path, primitive: Path, tmp_path: Path) -> None:
    few = checkpoints_alone(tmp_path / "few.yaml", ONE_EPISODE + "        training_path: none.npz\n")
    with pytest.raises(ValueError, match=r"_one' of the grasp set is not in the split file; .*init_args\.split_file"):
        run(policy_command("test", folder / "grasps.npz", primitive, tmp_path, few))
