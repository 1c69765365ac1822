"""The plans that come with the project."""

from pathlib import Path

import pytest
import yaml

from reports.reproduce.__main__ import selected_runs
from reports.reproduce.execute import Runs
from reports.reproduce.plan import read_plan
from reports.reproduce.selection import TABLES, select
from tests.learning import ROOT


@pytest.mark.parametrize("name", ["quick", "full"])
def test_every_run_of_a_shipped_plan_can_be_stamped(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    content = yaml.safe_load(Path(f"configs/reproduce/{name}.yaml").read_text())
    methods = content["methods"]
    # a plan may be ahead of the project: the command then says which configurations are missing
    content["methods"] = {
        key: each for key, each in methods.items() if all(Path(path).is_file() for path in each.get("configs", []))
    }
    assert set(methods) - set(content["methods"]) <= {"ppo", "ppo_goal", "ppo_independent", "ilad", "ibs"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    plan = read_plan(tmp_path / "plan.yaml", tuple(TABLES))
    assert set(plan.tables) == set(TABLES)
    root = tmp_path / "reproduction"
    found = Runs(root, selected_runs(plan, root, select(plan, [], [], [])))
    assert len(found.stamps) == len(found.runs) >= 20
    assert all("data/grasps.npz" in stamp.files for stamp in found.stamps.values())
    if name == "quick":
        whole = sum(method.get("minutes", 10) for method in methods.values() if "configs" in method)
        assert whole + sum(run.minutes for run in found.runs if run.name.startswith("test/")) <= 135
