"""Plans of tests: their runs are a Python module of a few lines in place of the command line of learning."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from reports.reproduce.__main__ import selected_runs
from reports.reproduce.execute import Runs
from reports.reproduce.plan import read_plan
from reports.reproduce.runs import Run
from reports.reproduce.selection import TABLES, select


def made_up_plan(folder: Path, **changed: Any) -> dict[str, Any]:
    """A plan of two methods, an encoder before the second, one task; its configurations are written into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    configs = {
        "ours": {"model": {"class_path": "mine.Ours", "init_args": {"gamma": 0.99, "seed": 0}}},
        "ppo": {"model": {"class_path": "mine.PPO", "init_args": {"gamma": 0.99, "encoder": None}}},
        "encoder": {"model": {"class_path": "mine.Encoder"}},
        "task": {"data": {"init_args": {"task": "paper"}}},
        "test": {"trainer": {"callbacks": [{"class_path": "Bar"}, {"class_path": "Test", "init_args": {}}]}},
    }
    for name, content in configs.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    paths = {name: str(folder / f"{name}.yaml") for name in configs}
    return {
        "folder": str(folder / "reproduction"),
        "seeds": [0, 1],
        "options": ["--model.init_args.seed", "$seed"],
        "steps": {"encoder": {"configs": [paths["encoder"]], "minutes": 2}},
        "methods": {
            "ours": {"title": "Ours", "configs": [paths["ours"]], "minutes": 3},
            "ppo": {
                "title": "PPO", "configs": [paths["ppo"]], "needs": ["encoder"], "seeds": [0],
                "options": ["--model.init_args.encoder", "$encoder"],
            },
        },
        "tasks": {"paper": [paths["task"]]},
        "evaluations": {
            "main": {
                "configs": [paths["test"]], "tasks": ["paper"],
                "options": ["--trainer.callbacks.init_args.seeds", "[$seed]"],
            },
        },
        "tables": ["table1", "table3"],
        **changed,
    }  # fmt: skip


def write_plan(folder: Path, **changed: Any) -> Path:
    """The file of `made_up_plan`."""
    path = folder / "plan.yaml"
    content = made_up_plan(folder, **changed)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def made_up_runs(folder: Path, **changed: object) -> Runs:
    """The runs of `made_up_plan`."""
    plan = read_plan(write_plan(folder, **changed), tuple(TABLES))
    root = Path(plan.folder)
    return Runs(root, selected_runs(plan, root, select(plan, [], [], [])))


def leave_output(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
    """Stands in for a command."""
    tick()
    (folder / run.output).parent.mkdir(parents=True, exist_ok=True)
    (folder / run.output).write_text(run.name)
