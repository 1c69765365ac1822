"""A reproduction through the real command line, in miniature, with the method of docs/own_method.md beside ours."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from reports.reproduce.__main__ import selected_runs
from reports.reproduce.execute import Runs
from reports.reproduce.outcomes import read_outcomes
from reports.reproduce.plan import read_plan
from reports.reproduce.report import write_report
from reports.reproduce.runs import Run
from reports.reproduce.schedule import run_all
from reports.reproduce.selection import TABLES, select
from tests.assisting import RESIDUAL, RESIDUAL_SMOKE, save_primitive
from tests.learning import ROOT, run

pytestmark = pytest.mark.usefixtures("fast_objects")


def in_process(chosen: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
    """The command without a process of its own, which would import everything anew."""
    run(chosen.command(folder)[2:])


def write_example(folder: Path) -> Path:
    """The two files of docs/own_method.md; that of the configuration."""
    text = (ROOT / "docs" / "own_method.md").read_text(encoding="utf-8")
    [code], [config] = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("python", "yaml"))
    (folder / "my_method.py").write_text(code)
    (folder / "my_method.yaml").write_text(config)
    return folder / "my_method.yaml"


def small_plan(tiny_path: Path, tmp_path: Path, own: Path) -> dict[str, Any]:
    """A plan of tiny runs: ours, its primitive, and a method of one's own."""
    data = [f"--data.init_args.path={tiny_path}", "--data.init_args.split_file=small"]
    data += ["--data.init_args.reachable_only=false"]
    primitive = [f"--model.init_args.primitive={save_primitive(tmp_path / 'gf.ckpt')}"]
    seeds = ["--trainer.callbacks.init_args.seeds=[$seed]", "--trainer.callbacks.init_args.num_worlds=4"]
    protocol = ROOT / "configs" / "protocol"
    return {
        "folder": str(tmp_path / "reproduction"),
        "seeds": [0],
        "methods": {
            "ours": {
                "title": "Ours", "configs": [str(RESIDUAL), str(RESIDUAL_SMOKE)], "options": [*primitive, *data],
                "test_options": [*primitive, *data],
            },
            "mine": {"title": "Mine", "configs": [str(own)], "trains": False, "test_options": data},
            "a_p": {"title": "a_p", "of": "ours", "policy": "primitive", "evaluation": "modules", "group": "ablation"},
            "a_p_a_s": {
                "title": "a_p * a_s", "of": "ours", "policy": "without_residual", "evaluation": "modules",
                "group": "reference",
            },
        },
        "tasks": {"paper": [str(ROOT / "configs" / "task" / "paper.yaml")]},
        "evaluations": {
            "main": {"configs": [str(protocol / "tables_quick.yaml")], "options": seeds, "tasks": ["paper"]},
            "modules": {
                "configs": [str(protocol / "tables_modules_quick.yaml")], "options": seeds, "tasks": ["paper"],
                "methods": ["ours"],
            },
        },
        "tables": ["table1", "table2", "table3", "table5", "fig4", "fig5", "fig10", "fig12"],
    }  # fmt: skip


def test_a_plan_with_a_method_of_ones_own_comes_to_tables(
    tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own = write_example(tmp_path)
    plan_path, content = tmp_path / "plan.yaml", small_plan(tiny_path, tmp_path, own)
    plan_path.write_text(yaml.safe_dump(content, sort_keys=False))
    plan = read_plan(plan_path, tuple(TABLES))
    root, selection = Path(plan.folder), select(plan, [], [], [])
    runs = Runs(root, selected_runs(plan, root, selection))
    assert [each.name for each in runs.runs] == [
        "fit/ours/seed_0", "test/mine/seed_0/main_paper", "test/ours/seed_0/main_paper",
        "test/ours/seed_0/modules_paper",
    ]  # fmt: skip
    assert run_all(runs, in_process) == {}
    assert "random weights" not in caplog.text  # one that does not learn has none
    path = write_report(plan, runs, selection, {})
    text = path.read_text()
    for name in plan.tables:
        assert f"## {TABLES[name].title}" in text
    told = json.loads(path.with_suffix(".json").read_text())
    assert set(told["table1"]["numbers"]["paper/unseen_families"]["mine"]) >= {"success", "translation_m"}
    assert len(told["table1"]["claims"]) == 4 * 2  # four measures, two splits, one other method
    assert told["table2"]["numbers"]["paper/unseen_families"]["a_p_a_s"]["n"] > 0
    assert set(told["fig5"]["numbers"]["training"]) == {"ours"}  # a_p is no training of its own
    ms = told["table5"]["numbers"]["episodes_ms"]
    whole, primitive, residual = (np.concatenate(ms[part]) for part in ("policy", "primitive", "residual"))
    np.testing.assert_allclose(primitive + residual, whole)
    assert min(primitive.min(), residual.min()) > 0.0
    assert len(ms["policy"]) > 1
    assert {file.name for file in (root / "pictures").iterdir()} >= {
        "reproduction_fig10.png",
        "reproduction_fig12.png",
    }
    kept = [root / "figures" / f"fig10_paper.{end}" for end in ("png", "json")]
    assert sum(file.stat().st_size for file in kept) < 300_000
    poses = root / "pictures" / "reproduction_fig10.png"
    before = path.read_bytes(), poses.read_bytes()
    for gone in [poses, *root.rglob("*.ckpt")]:
        gone.unlink()
    for gone in [*root.rglob("episodes")]:
        shutil.rmtree(gone)
    read_outcomes.cache_clear()
    failed: dict[str, str] = {}
    write_report(plan, Runs(root, runs.runs), selection, failed)
    assert failed == {}
    assert (path.read_bytes(), poses.read_bytes()) == before
    stamp = root / "test/ours/seed_0/main_paper/stamp.json"
    of_this_code = stamp.read_text()
    stamp.write_text(json.dumps(json.loads(of_this_code) | {"code": {"code": "another"}}))
    write_report(plan, Runs(root, runs.runs, accept_code=True), selection, failed)
    assert "- Not measured: the checkpoint that " in path.read_text()  # the times were those of this code
    stamp.write_text(of_this_code)
    for gone in [root / "speed.json", *root.rglob("episode_curves.json")]:
        gone.unlink()
    write_report(plan, Runs(root, runs.runs), selection, failed)
    without = path.read_text()
    assert "- Not measured: the checkpoint that " in without
    assert "- Not shown: no finished training of ours has its curves of an episode here." in without
