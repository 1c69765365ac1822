"""The quick test of a policy stays quick, on either task."""

from typing import Any

import pytest
import yaml

from callbacks.assist.policies import num_choices
from callbacks.assist.trigger_choice import TriggerGrid
from datamodules.grasps.grasp_file import load_grasp_set
from envs.conventions import UNSEEN_SPLITS
from lightning_modules.settings_guard import class_of
from tests.assisting import RESIDUAL
from tests.learning import ROOT, run

GLANCE = ROOT / "configs" / "protocol" / "policy_glance.yaml"


def merged(capsys: pytest.CaptureFixture[str], task: str) -> dict[str, Any]:
    """The configuration of a glance at a task, as the command line reads it."""
    overlays = [GLANCE, ROOT / "configs" / "task" / task]
    with pytest.raises(SystemExit) as ended:
        run(["test", *(f"--config={path}" for path in (RESIDUAL, *overlays)), "--print_config"])
    assert ended.value.code == 0
    found: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("task", ["paper.yaml", "user.yaml"])
def test_a_glance_builds_few_objects_runs_few_episodes_and_chooses_nothing(
    task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = merged(capsys, task)
    [evaluation] = [item for item in content["trainer"]["callbacks"] if item["class_path"].endswith("AssistEvaluation")]
    given = evaluation["init_args"]
    grasps = load_grasp_set(ROOT / content["data"]["init_args"]["path"])
    assert sum(len(set(grasps.split(split).object_names())) for split in UNSEEN_SPLITS) < 200
    plan = class_of(given["plan"]["class_path"])(**given["plan"]["init_args"])
    episodes = len(given["policies"]) * len(given["seeds"]) * len(UNSEEN_SPLITS) * plan.poses * plan.max_objects
    assert episodes <= 150
    assert set(given["policies"]) >= {"ours", "oracle"}
    grid = TriggerGrid(**given["triggers"])
    assert num_choices(given["policies"], [0, 1], given["fixed_steps"] or {}, grid) == 0
