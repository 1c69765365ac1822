"""configs/wrist/recorded.yaml: the policy is trained and tested on recorded wrists, and goes on with the same ones."""

import json
from pathlib import Path

import pytest
import torch

from tests.assisting import checkpoints_alone, policy_command
from tests.envs.wrist.recording_examples import way, write_handover_sim
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")

ONE_EPISODE = (
    "    - class_path: callbacks.assist.evaluation.AssistEvaluation\n"
    "      init_args:\n"
    "        plan: {class_path: datamodules.rollouts.plans.PosesPlan, init_args: {poses: 1, max_objects: 1}}\n"
    "        policies: [ours]\n"
)


def test_recorded_wrists_are_trained_and_tested_on(tiny_path: Path, primitive: Path, tmp_path: Path) -> None:
    folder, root = tmp_path / "cache", tmp_path / "run"
    for number in range(4):
        write_handover_sim(folder, number, way(0.001, number))
    overlay = ROOT / "configs" / "wrist" / "recorded.yaml"
    few = checkpoints_alone(tmp_path / "few.yaml", ONE_EPISODE)
    given = [few, f"--data.init_args.patterns={folder}"]

    def line(subcommand: str, *more: str) -> list[str]:
        return policy_command(subcommand, tiny_path, primitive, root, *given, *more, overlays=[overlay])

    run(line("fit"))
    last = root / "checkpoints" / "last.ckpt"
    kept = torch.load(last, weights_only=True)
    assert kept["datamodule_hyper_parameters"]["patterns"] == str(folder)
    run(line("test", "--ckpt_path=last"))
    report = json.loads((root / "metrics.json").read_text())
    assert report["about"]["objects"] == {"unseen_instances": 1, "unseen_families": 1}
    assert len(report["about"]["weights"]) == 32
    assert len(report["about"]["grasps"]) == 32
    write_handover_sim(folder, 0, way(0.001, 9))
    with pytest.raises(ValueError, match=rf"trained on other wrist movements than {folder} holds now"):
        run(line("fit", "--ckpt_path=last", "--trainer.max_epochs=2"))
