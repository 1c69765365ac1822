"""Plans, and the runs that they take."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from reports.reproduce.__main__ import selected_runs
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.runs import Run, stages
from reports.reproduce.selection import TABLES, select
from tests.reports.reproduce.plans import made_up_plan, write_plan


def planned(path: Path, only: list[str] | None = None, methods: list[str] | None = None) -> list[Run]:
    plan = read_plan(path, tuple(TABLES))
    return selected_runs(plan, Path(plan.folder), select(plan, only or [], methods or [], []))


def test_what_is_needed_comes_first(tmp_path: Path) -> None:
    names = [run.name for run in planned(write_plan(tmp_path))]
    assert set(names) == {
        "step/encoder", "fit/ours/seed_0", "fit/ours/seed_1", "fit/ppo/seed_0",
        "test/ours/seed_0/main_paper", "test/ours/seed_1/main_paper", "test/ppo/seed_0/main_paper",
    }  # fmt: skip
    for number, run in enumerate(planned(write_plan(tmp_path))):
        assert set(run.needs) <= set(names[:number])
    assert len(names) == 7


def test_a_stage_needs_only_those_before(tmp_path: Path) -> None:
    found = [[run.name for run in stage] for stage in stages(planned(write_plan(tmp_path)))]
    assert found[0] == ["step/encoder", "fit/ours/seed_0", "fit/ours/seed_1"]
    assert "fit/ppo/seed_0" in found[1]
    assert found[2] == ["test/ppo/seed_0/main_paper"]


def test_commands_name_configurations_seeds_and_checkpoints(tmp_path: Path) -> None:
    runs = {run.name: run for run in planned(write_plan(tmp_path))}
    root = tmp_path / "reproduction"
    fit = runs["fit/ppo/seed_0"].command(root / "fit/ppo/seed_0")
    encoder = root / "step/encoder/checkpoints/last.ckpt"
    assert fit == [
        "-m", "lightning_modules.cli", "fit", "--config", f"{tmp_path}/ppo.yaml", "--model.init_args.seed", "0",
        "--model.init_args.encoder", str(encoder), "--trainer.default_root_dir", f"{root}/fit/ppo/seed_0",
    ]  # fmt: skip
    test = runs["test/ours/seed_1/main_paper"].command(root)
    assert test[-2:] == ["--ckpt_path", f"{root}/fit/ours/seed_1/checkpoints/last.ckpt"]
    assert test[test.index("--trainer.callbacks.init_args.seeds") + 1] == "[1]"


def test_a_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    fit = next(run for run in planned(write_plan(tmp_path)) if run.name == "fit/ours/seed_0")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert fit.command(tmp_path)[-2:] == ["--ckpt_path", "last"]
    assert "--ckpt_path" not in fit.command(tmp_path / "elsewhere")


def test_parts_take_their_own_runs_alone(tmp_path: Path) -> None:
    path = write_plan(tmp_path)
    assert {run.name.split("/")[1] for run in planned(path, methods=["ours"])} == {"ours"}
    content = made_up_plan(tmp_path, tables=["table1", "fig12"])
    path.write_text(yaml.safe_dump(content))
    assert [run.name for run in planned(path, only=["fig12"])] == ["fit/ours/seed_0", "fit/ours/seed_1"]


def test_a_method_of_another_takes_its_runs(tmp_path: Path) -> None:
    content = made_up_plan(tmp_path)
    content["methods"]["alone"] = {"title": "w/o RL", "of": "ours", "policy": "primitive"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    assert {run.name.split("/")[1] for run in planned(tmp_path / "plan.yaml", methods=["alone"])} == {"ours"}


def test_a_plan_may_be_another_one_with_some_fields_changed(tmp_path: Path) -> None:
    write_plan(tmp_path)
    (tmp_path / "longer.yaml").write_text(
        yaml.safe_dump({"base": "plan.yaml", "seeds": [0, 1, 2], "methods": {"ours": {"minutes": 9}}})
    )
    below, plan = (read_plan(tmp_path / name, tuple(TABLES)) for name in ("plan.yaml", "longer.yaml"))
    assert plan.seeds == (0, 1, 2)
    assert plan.methods["ours"] == replace(below.methods["ours"], minutes=9)
    assert (plan.methods["ppo"], plan.evaluations, plan.folder) == (
        below.methods["ppo"], below.evaluations, below.folder,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "error", "message"),
    [
        ("longer.yaml", ValueError, "base is 'longer.yaml'; expected the file of a plan that is not made of this one"),
        (3, ValueError, "base is 3; expected the file of a plan"),
        ("none.yaml", FileNotFoundError, r"none\.yaml, which .*longer\.yaml names as its base, does not exist"),
    ],
)
def test_a_base_that_is_no_plan_is_refused(base: object, error: type[Exception], message: str, tmp_path: Path) -> None:
    (tmp_path / "longer.yaml").write_text(yaml.safe_dump({"base": base}))
    with pytest.raises(error, match=message):
        read_plan(tmp_path / "longer.yaml", tuple(TABLES))


def test_a_method_of_one_that_is_of_another_is_refused(tmp_path: Path) -> None:
    content = made_up_plan(tmp_path)
    content["methods"]["alone"] = {"title": "w/o RL", "of": "ours", "policy": "primitive"}
    content["methods"]["again"] = {"title": "once more", "of": "alone"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"methods.again.of names alone; available: ours, ppo"):
        planned(tmp_path / "plan.yaml")


def test_what_is_shipped_or_learns_nothing_is_tested_alone(tmp_path: Path) -> None:
    content = made_up_plan(tmp_path)
    (tmp_path / "shipped.ckpt").touch()
    content["methods"]["ours"]["checkpoint"] = str(tmp_path / "shipped.ckpt")
    content["methods"]["ppo"] = {"title": "script", "configs": content["methods"]["ppo"]["configs"], "trains": False}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    runs = planned(tmp_path / "plan.yaml")
    assert [run.name for run in runs] == ["test/ours/seed_0/main_paper", "test/ppo/seed_0/main_paper"]
    assert runs[0].command(tmp_path)[-1] == str(tmp_path / "shipped.ckpt")
    assert "--ckpt_path" not in runs[1].command(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tables": ["table9"]}, r"tables names table9; available: table1"),
        ({"ours": "theirs"}, r"ours names theirs; available: ours, ppo"),
        ({"methods": {"ours": {"title": "Ours"}}}, r"methods.ours has no configs"),
        ({"methods": {"ours": {"name": "Ours"}}}, r"methods.ours: unknown name, missing title; fields are title"),
        ({"seeds": 3}, r"seeds is 3; expected a list"),
        (
            {"steps": {"encoder": {"module": "m", "minutes": "long"}}},
            r"steps.encoder.minutes is 'long'; expected a num",
        ),
        (
            {"evaluations": {"main": {"configs": [], "seeds": "all"}}},
            r"evaluations.main.seeds is 'all'; expected a whole number",
        ),
        ({"seeds": ["one"]}, r"seeds is \['one'\]; expected a list of whole numbers"),
        ({"options": None}, r"options is None; expected a list"),
        ({"ours": ["a"]}, r"ours is \['a'\]; expected text"),
        ({"methods": [1]}, r"plan\.yaml: methods is \[1\]; expected names with what belongs to each"),
        ({"tasks": {"paper": "a.yaml"}}, r"tasks.paper is 'a.yaml'; expected a list"),
        ({"seeds": []}, r"seeds are \[\] and tasks \['paper'\]; give at least one of each"),
        ({"evaluations": {"main": {"tasks": ["usr"]}}}, r"evaluations.main.tasks names usr; available: paper"),
        ({"steps": {"encoder": {}}}, r"steps.encoder has module '' and configs \(\)"),
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_plan(write_plan(tmp_path, **changed), tuple(TABLES))


def test_all_missing_configurations_are_listed(tmp_path: Path) -> None:
    content = made_up_plan(tmp_path, training=["nowhere/a.yaml"])
    content["methods"]["ppo"]["configs"] = ["nowhere/ppo.yaml"]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(FileNotFoundError, match=r"not there: nowhere/a\.yaml, nowhere/ppo\.yaml\. .* take it out"):
        read_plan(tmp_path / "plan.yaml", tuple(TABLES))


@pytest.mark.parametrize(
    ("option", "message"),
    [("--only", "--only names x; available: table1, table3"), ("--methods", "names x; available: ours, ppo")],
)
def test_unknown_parts_are_refused(option: str, message: str, tmp_path: Path) -> None:
    plan: Plan = read_plan(write_plan(tmp_path), tuple(TABLES))
    with pytest.raises(ValueError, match=message):
        select(plan, ["x"] if option == "--only" else [], ["x"] if option == "--methods" else [], [])


def test_an_unknown_name_in_options_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name 'encodr'; \$-names are encoder, seed"):
        planned(write_plan(tmp_path, options=["--model.encoder", "$encodr"]))


def test_files_that_are_no_plan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"give a plan such as configs/reproduce/quick\.yaml"):
        read_plan(tmp_path / "none.yaml", tuple(TABLES))
    (tmp_path / "text.yaml").write_text("a: [")
    with pytest.raises(ValueError, match="is no YAML"):
        read_plan(tmp_path / "text.yaml", tuple(TABLES))
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(ValueError, match=r"list\.yaml holds a list, expected fields by name; give a plan such as"):
        read_plan(tmp_path / "list.yaml", tuple(TABLES))
    (tmp_path / "number.yaml").write_text("1: 2")
    with pytest.raises(
        ValueError, match=r"number\.yaml: plan: unknown 1, missing folder, .*; fields are folder, seeds"
    ):
        read_plan(tmp_path / "number.yaml", tuple(TABLES))
    (tmp_path / "twice.yaml").write_text("seeds: [0]\nours: a\nseeds: [1]\n")
    with pytest.raises(ValueError, match=r"twice\.yaml: key 'seeds' stands in line 1 and again in line 3"):
        read_plan(tmp_path / "twice.yaml", tuple(TABLES))
