"""Tables out of made-up results, and what a failing disk leaves."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from envs import files
from reports.reproduce.__main__ import main, selected_runs
from reports.reproduce.execute import Runs
from reports.reproduce.outcomes import read_outcomes
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.report import MAKERS, write_report
from reports.reproduce.results import Results
from reports.reproduce.runs import Run
from reports.reproduce.schedule import run_all
from reports.reproduce.selection import TABLES, Selection, select
from tests.reports.boards import write_log
from tests.reports.reproduce.kept import keep
from tests.reports.reproduce.plans import made_up_plan

LIFTED: dict[str, Sequence[int]] = {"ours": [5, 5, 4, 5, 4, 5], "ppo": [1, 0, 2, 1, 0, 1]}


def made_up(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
    """Stands in for training and testing: ours lifts, PPO does not."""
    kind, method, *_ = run.name.split("/")
    if kind == "test":
        for split in ("unseen_instances", "unseen_families"):
            keep(folder, split, LIFTED[method], moved=0.01 if method == "ours" else 0.03)
        return
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    if kind == "fit":
        rollouts = range(20)
        success = {step: (0.02 if method == "ours" else 0.0) * step + 0.01 * (step % 2) for step in rollouts}
        write_log(folder, {"train/agent_steps": {step: 1e3 * step + 1e3 for step in rollouts},
                           "train/episode/success": success})  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_files() -> None:
    read_outcomes.cache_clear()


def reproduced(folder: Path, **changed: Any) -> tuple[Plan, Runs, Selection]:
    content = made_up_plan(folder, tables=["table1", "table3", "table6", "fig4"], **changed)
    noisy = {**content["evaluations"]["main"], "methods": ["ours"]}
    content["evaluations"] |= {"noise_2": noisy, "noise_5": noisy}
    (folder / "plan.yaml").write_text(yaml.safe_dump(content))
    plan = read_plan(folder / "plan.yaml", tuple(TABLES))
    root, selection = Path(plan.folder), select(plan, [], [], [])
    runs = Runs(root, selected_runs(plan, root, selection))
    assert run_all(runs, made_up) == {}
    return plan, runs, selection


def test_every_table_has_a_maker() -> None:
    assert list(MAKERS) == list(TABLES)


def test_tables_have_ours_beside_the_papers_and_verdicts(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path, differences=["Another simulator."])
    path = write_report(plan, runs, selection, {})
    told = json.loads(path.with_suffix(".json").read_text())
    text = path.read_text()
    # 28 of 30 poses of each of two training seeds
    assert told["table1"]["numbers"]["paper/unseen_instances"]["ours"]["success"]["mean"] == pytest.approx(28 / 30)
    assert "| Ours | 93.3 [" in text
    assert "2.131±0.138 | 0.449±0.020 |" in text
    claims = {(each["claim"]["measure"], each["split"]): each["verdict"] for each in told["table1"]["claims"]}
    assert claims["success", "unseen_instances"] == "holds"
    assert claims["success", "unseen_families"] == "not decided"  # of two families
    assert claims["translation_m", "unseen_instances"] == "holds"
    assert claims["posture_rad", "unseen_instances"] == "not decided"  # both are the same
    # 2 cm less in every episode
    # PPO has one training seed, ours two
    moves = "| Ours moves the object less than PPO (Sec. 5.1) | **holds**: "
    assert f"{moves}-2.00 [-2.00, -2.00] cm; of training seed 0 alone | **holds**: " in text
    # both seeds of ours ended alike; PPO has no interval over one
    assert "| 1.00 [1.00, 1.00], over seeds [1.00, 1.00] | 0.000 [0.000, 0.000], over seeds [0.000, 0.000] |" in text
    assert "| 3.00 [3.00, 3.00] | 0.000 [0.000, 0.000] | 30 (1) |" in text
    # of six objects four are grasped at all five poses, two at four
    assert told["table3"]["numbers"]["paper/unseen_families"]["ours"]["5/5"]["mean"] == pytest.approx(4 / 6)
    assert "| *paper: PPO* | 48.20 | 35.49 | 13.10 | 3.01 | 0.20 | - |" in text
    assert "| 12 of 12 |" in text  # objects of ours, six in each of two trainings
    assert [each["verdict"] for each in told["table6"]["claims"]] == ["holds", "holds"]  # no noise at all
    assert told["fig4"]["numbers"]["training"]["ours"]["rise"]["low"] > 0.2
    assert (runs.root / "pictures" / "reproduction_fig4.png").stat().st_size > 1000
    assert text.count("- Another simulator.") == 1
    assert text.index("- Another simulator.") < text.index("## Table 1")


def test_the_same_results_give_the_same_report(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    first = write_report(plan, runs, selection, {}).read_bytes()
    read_outcomes.cache_clear()
    assert write_report(plan, runs, selection, {}).read_bytes() == first


def test_without_logs_checkpoints_and_episodes_the_report_is_the_same(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    first = write_report(plan, runs, selection, {}).read_bytes()
    gone = [*runs.root.rglob("events.out.tfevents.*"), *runs.root.rglob("*.ckpt")]
    assert len(gone) >= 6
    for path in gone:
        path.unlink()
    of_tests = [*runs.root.rglob("episodes")]
    assert len(of_tests) >= 3
    for folder in of_tests:
        shutil.rmtree(folder)
    read_outcomes.cache_clear()
    assert runs.missing() == []
    assert write_report(plan, runs, selection, {}).read_bytes() == first


def test_what_is_kept_of_episodes_is_made_anew_with_them_and_named_when_damaged(tmp_path: Path) -> None:
    keep(tmp_path, "unseen_families", [1, 2])
    first = read_outcomes(tmp_path, "unseen_families", "ours")
    read_outcomes.cache_clear()
    keep(tmp_path, "unseen_families", [3, 4])
    second = read_outcomes(tmp_path, "unseen_families", "ours")
    shutil.rmtree(tmp_path / "episodes")
    read_outcomes.cache_clear()
    again = read_outcomes(tmp_path, "unseen_families", "ours")
    assert first is not None
    assert second is not None
    assert again is not None
    assert (first.values["success"].sum(), again.values["success"].sum()) == (3, 7)
    assert again.episodes == second.episodes
    assert again.families.tolist() == second.families.tolist()
    [kept] = (tmp_path / "outcomes").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    read_outcomes.cache_clear()
    with pytest.raises(ValueError, match=r"unseen_families_ours\.npz is damaged .*run the test again"):
        read_outcomes(tmp_path, "unseen_families", "ours")


def test_a_test_whose_checkpoint_is_gone_cannot_be_run_again(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    results, folder = Results(plan, runs, selection), runs.root / "test/ours/seed_0/main_paper"
    assert results.has_weights(folder)
    (runs.root / "fit/ours/seed_0/checkpoints/last.ckpt").unlink()
    assert not results.has_weights(folder)


def test_a_document_is_the_report_with_its_pictures_beside_it(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    document = tmp_path / "docs" / "tables.md"
    path = write_report(plan, runs, selection, {}, document)
    assert document.read_bytes() == path.read_bytes()
    assert (document.parent / "pictures" / "reproduction_fig4.png").is_file()


def test_parts_leave_the_other_tables_as_they_were(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    first = write_report(plan, runs, selection, {}).read_text()
    path = write_report(plan, runs, select(plan, ["table3"], [], []), {})
    kept = "".join(f"- {TABLES[name].title}\n" for name in ("table1", "table6", "fig4"))
    told = f"As they were before, not made again with the other tables:\n\n{kept}\n"
    assert told in path.read_text()
    assert path.read_text().replace(told, "") == first


def test_table_6_is_of_the_seeds_that_all_levels_have(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    (runs.root / "test/ours/seed_1/noise_5_paper/done.json").unlink()
    told = json.loads(write_report(plan, runs, selection, {}).with_suffix(".json").read_text())["table6"]
    assert {level: row["seeds"] for level, row in told["numbers"]["paper/unseen_families"].items()} == {
        level: [pytest.approx(28 / 30)] for level in ("main", "noise_2", "noise_5")
    }
    assert "**holds**: 0.0 [0.0, 0.0], over families [0.0, 0.0] points; over seeds" in told["text"]  # both have two
    assert "points; of training seed 0 alone" in told["text"]


def test_what_is_missing_is_a_dash_and_what_failed_is_told(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    (runs.root / "test/ppo/seed_0/main_paper/done.json").unlink()
    failed = {"test/ppo/seed_0/main_paper": "it ended with 1:\n...\nkilled"}
    text = write_report(plan, runs, selection, failed).read_text()
    assert "| PPO | - | - | - | - | - | 2.745±0.168 | 0.594±0.045 |" in text
    assert "Not made:\n\n- it ended with 1: killed\n" in text


def test_a_table_that_cannot_be_made_holds_up_no_other(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    other = runs.root / "test/ppo/seed_0/main_paper/episodes/labels/unseen_instances.json"
    other.write_text('{"episodes": ["other objects"]}')
    failed: dict[str, str] = {}
    text = write_report(plan, runs, selection, failed).read_text()
    assert set(failed) == {"table1", "table3"}
    assert "two methods ran other episodes" in failed["table1"]
    assert "Not made: seed 0: two methods ran other episodes" in text
    assert "![Curves](pictures/reproduction_fig4.png)" in text


def test_a_table_that_can_no_longer_be_made_stays_as_it_was(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    first = write_report(plan, runs, selection, {}).read_text()
    shutil.rmtree(runs.root / "test/ppo/seed_0/main_paper/outcomes")
    damaged = runs.root / "test/ppo/seed_0/main_paper/episodes/unseen_instances/ours_0.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    read_outcomes.cache_clear()
    failed: dict[str, str] = {}
    text = write_report(plan, runs, selection, failed).read_text()
    assert "ours_0.npz is damaged (" in failed["table1"]
    assert first[first.index("## Table 1") :] == text[text.index("## Table 1") :]
    kept = "".join(f"- {TABLES[name].title}\n" for name in ("table1", "table3"))
    assert f"As they were before, not made again with the other tables:\n\n{kept}" in text


def test_a_damaged_report_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan, runs, selection = reproduced(tmp_path)
    path = write_report(plan, runs, selection, {}).with_suffix(".json")
    path.write_text('{"table1": ')
    write_report(plan, runs, select(plan, ["table3"], [], []), {})
    assert list(json.loads(path.read_text())) == ["table3"]
    assert (path.parent / "reproduction_damaged.json").read_text() == '{"table1": '
    assert "Tables that were not asked for are left out" in caplog.text


def test_a_full_disk_leaves_the_old_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, runs, selection = reproduced(tmp_path)
    path = write_report(plan, runs, selection, {})
    before = {
        file: file.read_bytes()
        for file in (path, path.with_suffix(".json"), runs.root / "pictures/reproduction_fig4.png")
    }
    (runs.root / "test/ppo/seed_0/main_paper/done.json").unlink()  # the new report would be another

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot be written .*No space left.* no run is lost"):
        write_report(plan, runs, selection, {})
    assert {file: file.read_bytes() for file in before} == before
    assert not list(runs.root.rglob("*.tmp"))


def test_versions_of_the_code_that_were_accepted_are_told(tmp_path: Path) -> None:
    plan, runs, selection = reproduced(tmp_path)
    stamp = runs.root / "fit/ours/seed_0/stamp.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"code": {"code": "of before"}}))
    text = write_report(plan, Runs(runs.root, runs.runs, accept_code=True), selection, {}).read_text()
    assert "The runs were made by 2 versions of the code." in text


def test_the_command_writes_what_is_there_and_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    content = made_up_plan(tmp_path)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))

    def no_ppo(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        if "ppo" not in run.name:
            made_up(run, folder, lock, tick, cores)

    monkeypatch.setattr("reports.reproduce.__main__.run_all", lambda runs, at_once: run_all(runs, no_ppo))
    assert main(["--config", str(tmp_path / "plan.yaml")]) == 1
    assert f"wrote {tmp_path}/reproduction/reproduction.md" in caplog.text
    assert "fit/ppo/seed_0 ended without an error, but without" in caplog.text
