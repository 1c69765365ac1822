"""What a run is made of is held against what it goes on with: grasps, schedule, its folder, itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.folder_lock import locked
from envs.hand.identity import hand_identity
from lightning_modules.export import export_checkpoint
from lightning_modules.primitive import GraspPrimitive
from lightning_modules.schedule_guard import learning_rate_factor
from tests.learning import HAND, command, few_callbacks, run

pytestmark = pytest.mark.usefixtures("fast_objects")

WHOLE = "--trainer.max_epochs=4"


def checkpoint(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(root / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def learning_rate(content: dict[str, Any]) -> float:
    return float(content["optimizer_states"][0]["param_groups"][0]["lr"])


def test_training_does_not_go_on_with_other_grasps(tiny_run: Path, tiny_grasps: GraspSet, tmp_path: Path) -> None:
    """The file has the name of before, and other joints."""
    path, few = tmp_path / "tiny.npz", few_callbacks(tmp_path / "few.yaml")
    save_grasp_set(replace(tiny_grasps, joint_pos=tiny_grasps.joint_pos * 0.99), path)
    content = checkpoint(tiny_run)
    content["datamodule_hyper_parameters"]["path"] = str(path)
    torch.save(content, tmp_path / "of_before.ckpt")
    with pytest.raises(ValueError, match=rf"other training grasps than {path} holds now"):
        run(command("fit", path, tmp_path / "run", few, WHOLE, f"--ckpt_path={tmp_path / 'of_before.ckpt'}"))
    # a test on others is what tests are for
    run(command("test", path, tmp_path / "run", few, f"--ckpt_path={tmp_path / 'of_before.ckpt'}"))


def test_exported_checkpoints_tell_what_they_were_trained_on(tiny_run: Path, tmp_path: Path) -> None:
    told = checkpoint(tiny_run)["GraspDataModule"]["trained_on"]
    assert len(told["training grasps"]) == 32
    export_checkpoint(tiny_run / "checkpoints" / "last.ckpt", tmp_path / "small.ckpt")
    export_checkpoint(tmp_path / "small.ckpt", tmp_path / "again.ckpt")
    assert torch.load(tmp_path / "again.ckpt", weights_only=True)["trained_on"] == told


def test_a_primitive_is_not_used_with_a_hand_of_its_name_that_bends_otherwise(tiny_run: Path, tmp_path: Path) -> None:
    """Joints of a checkpoint are shares of their limits: with others they would silently be other angles."""
    small = export_checkpoint(tiny_run / "checkpoints" / "last.ckpt", tmp_path / "small.ckpt")
    GraspPrimitive.from_checkpoint(small)
    content = torch.load(small, weights_only=True)
    content["trained_on"]["joints of the hand"] = hand_identity(replace(HAND, closing=-HAND.closing))
    torch.save(content, small)
    with pytest.raises(ValueError, match=r"trained on other joints of the hand than shadow holds now"):
        GraspPrimitive.from_checkpoint(small)


def test_more_epochs_do_not_make_the_learning_rate_jump(tiny_run: Path, tiny_path: Path, tmp_path: Path) -> None:
    """A run of four steps out of a hundred is resumed to make eight: these are the fifth to eighth of a hundred."""
    content = checkpoint(tiny_run)
    assert content["planned_steps"] == 4
    assert learning_rate(content) == pytest.approx(1e-3 * learning_rate_factor(4, 100, 4, 0.02))
    content["planned_steps"] = 100
    content["optimizer_states"][0]["param_groups"][0]["lr"] = 1e-3 * learning_rate_factor(4, 100, 100, 0.02)
    torch.save(content, tmp_path / "begun.ckpt")
    few, begun = few_callbacks(tmp_path / "few.yaml"), f"--ckpt_path={tmp_path / 'begun.ckpt'}"
    run(command("fit", tiny_path, tmp_path, few, WHOLE, begun))
    longer = checkpoint(tmp_path)
    assert longer["global_step"] == 8
    assert longer["planned_steps"] == 100
    assert learning_rate(longer) == pytest.approx(1e-3 * learning_rate_factor(8, 100, 100, 0.02))


def test_a_schedule_that_nobody_kept_must_be_the_same(tiny_run: Path, tiny_path: Path, tmp_path: Path) -> None:
    content = checkpoint(tiny_run)
    del content["planned_steps"]
    torch.save(content, tmp_path / "old.ckpt")
    few, old = few_callbacks(tmp_path / "few.yaml"), f"--ckpt_path={tmp_path / 'old.ckpt'}"
    with pytest.raises(ValueError, match=r"has the learning rate .* at step 4, .* would jump; resume with as many"):
        run(command("fit", tiny_path, tmp_path / "a", few, WHOLE, old))


def test_two_trainings_do_not_share_a_folder(
    tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import sys; from pathlib import Path; from envs.folder_lock import locked\n"
        "with locked(Path(sys.argv[1]), 'fit.lock'): print('held', flush=True); sys.stdin.read()"
    )
    holding = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SystemExit):
            run(command("fit", tiny_path, tmp_path, few_callbacks(tmp_path / "few.yaml")))
        told = " ".join(capsys.readouterr().err.split())
        assert f"another fit is running there: {tmp_path} is in use by process {other.pid}" in told
        assert "give another --trainer.default_root_dir" in told
        assert not (tmp_path / "checkpoints").exists()
        with locked(tmp_path, "test.lock"):  # a test may run beside a training
            pass
        other.communicate("")


def test_an_export_is_not_written_over_what_training_resumes_from(tiny_run: Path, tmp_path: Path) -> None:
    last = tiny_run / "checkpoints" / "last.ckpt"
    link = tmp_path / "link.ckpt"
    link.symlink_to(last)
    before = last.read_bytes()
    for output in (last, link):
        with pytest.raises(
            ValueError, match=r"last\.ckpt, which is read: training resumes from it; give the output another name"
        ):
            export_checkpoint(last, output)
    assert last.read_bytes() == before
