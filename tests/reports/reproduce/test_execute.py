"""Runs that are made, gone on with, refused and put aside."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from envs.folder_lock import locked
from reports.reproduce.__main__ import main
from reports.reproduce.execute import RunFailedError, Runs, run_command, run_one
from reports.reproduce.runs import Run
from reports.reproduce.schedule import run_all
from reports.reproduce.stamps import State, minutes_of
from tests.learning import ROOT
from tests.reports.reproduce.plans import leave_output, made_up_runs, write_plan


def test_a_run_whose_needs_are_not_there_is_refused(tmp_path: Path) -> None:
    runs = made_up_runs(tmp_path)
    fit = next(run for run in runs.runs if run.name == "fit/ppo/seed_0")
    with pytest.raises(RunFailedError, match="fit/ppo/seed_0 needs step/encoder first"):
        run_one(runs, fit, leave_output)


def test_a_run_that_leaves_nothing_is_no_finished_run(tmp_path: Path) -> None:
    runs = made_up_runs(tmp_path)
    with pytest.raises(RunFailedError, match=r"ended without an error, but without .*last\.ckpt"):
        run_one(runs, runs.runs[0], lambda run, folder, lock, tick, cores: None)
    assert runs.state(runs.runs[0]) is State.BEGUN


def test_the_minutes_of_a_run_that_was_interrupted_are_not_known(tmp_path: Path) -> None:
    """Only its last part was timed, by which the estimate of what is left would be too short."""
    runs = made_up_runs(tmp_path)
    first, second = (run for run in runs.runs if run.name.startswith("fit/ours"))
    with pytest.raises(RunFailedError, match="ended without an error"):
        run_one(runs, first, lambda run, folder, lock, tick, cores: None)
    for run in (first, second):
        run_one(runs, run, leave_output)
        assert runs.state(run) is State.DONE
    assert minutes_of(runs.folder(first)) is None
    assert minutes_of(runs.folder(second)) is not None


def test_a_checkpoint_may_go_once_all_tests_of_it_are_done(tmp_path: Path) -> None:
    runs = made_up_runs(tmp_path)
    run_all(runs, leave_output)
    for run in runs.runs:
        if run.name.startswith(("fit/", "step/")):
            (runs.folder(run) / run.output).unlink()
    assert runs.missing() == []
    test = next(run for run in runs.runs if run.name == "test/ppo/seed_0/main_paper")
    (runs.folder(test) / test.output).unlink()  # what a test leaves is read, and may not go
    assert [run.name for run in runs.missing()] == ["step/encoder", "fit/ppo/seed_0", test.name]
    assert run_all(runs, leave_output) == {}
    assert (runs.folder(test) / test.output).is_file()
    assert not (runs.root / "fit" / "ours" / "seed_0" / "checkpoints" / "last.ckpt").exists()


def test_a_training_that_is_made_again_is_not_done_with_its_first_checkpoint(tmp_path: Path) -> None:
    runs = made_up_runs(tmp_path)
    run_all(runs, leave_output)
    fit = next(run for run in runs.runs if run.name == "fit/ours/seed_0")
    test = next(run for run in runs.runs if run.needs == (fit.name,))
    (runs.folder(fit) / fit.output).unlink()
    (runs.folder(test) / test.output).unlink()

    def killed(run: Run, folder: Path, lock: int, tick: Callable[[], None], cores: Sequence[int]) -> None:
        leave_output(run, folder, lock, tick, cores)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_one(runs, fit, killed)
    assert runs.state(fit) is State.BEGUN
    with pytest.raises(RunFailedError, match=f"{test.name} needs {fit.name} first"):
        run_one(runs, test, leave_output)


def test_runs_of_other_settings_are_refused_and_can_be_put_aside(tmp_path: Path) -> None:
    run_all(made_up_runs(tmp_path), leave_output)
    runs = made_up_runs(tmp_path, options=["--model.init_args.seed", "$seed", "--model.init_args.gamma", "0.5"])
    with pytest.raises(ValueError, match=r"seed_0 was made by something else .*gamma was 0\.99, is 0\.5.*--again"):
        runs.check()
    runs.put_aside()
    runs.check()
    kept = runs.root / "fit" / "ours" / "seed_0_before_1" / "checkpoints" / "last.ckpt"
    assert kept.read_text() == "fit/ours/seed_0"
    assert not (runs.root / "test" / "ours" / "seed_0" / "main_paper").exists()  # it was of the old weights
    assert runs.state(runs.runs[0]) is State.DONE  # the encoder is as it was


def test_a_run_that_another_process_makes_is_not_put_aside(tmp_path: Path) -> None:
    run_all(made_up_runs(tmp_path), leave_output)
    runs = made_up_runs(tmp_path, options=["--model.init_args.seed", "$seed", "--model.init_args.gamma", "0.5"])
    folder = runs.root / "fit" / "ours" / "seed_0"
    with locked(folder), pytest.raises(BlockingIOError, match=r"fit/ours/seed_0 is in use by process"):
        runs.put_aside()
    assert (folder / "checkpoints" / "last.ckpt").is_file()


def test_runs_of_another_code_are_refused_unless_accepted(tmp_path: Path) -> None:
    runs = made_up_runs(tmp_path)
    run_all(runs, leave_output)
    stamp = runs.root / "fit" / "ours" / "seed_0" / "stamp.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"code": {"code": "of before"}}))
    with pytest.raises(ValueError, match=r"code\.code was of before, is .*--accept_code"):
        runs.check()
    accepting = Runs(runs.root, runs.runs, accept_code=True)
    accepting.check()
    assert accepting.missing() == []


def test_a_folder_is_refused_while_another_process_has_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from envs.folder_lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError, match=f"in use by process {other.pid} on .*--folder"), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):  # the file of a killed process holds nobody up
        assert (tmp_path / "lock").read_text().startswith(str(os.getpid()))


def test_the_log_of_a_failed_command_is_told(tmp_path: Path) -> None:
    run = Run("fit/a", "no_such_module_at_all", "", (), (), (), "out", "", 0, 1.0)
    with locked(tmp_path) as lock, pytest.raises(RunFailedError, match=r"(?s)ended with 1; .*no_such_module_at_all"):
        run_command(run, tmp_path, lock.fileno(), lambda: None, [0])
    assert (tmp_path / "log.txt").read_text().startswith("$ ")


def test_jobs_are_one_line_a_missing_run_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_plan(tmp_path)
    runs = made_up_runs(tmp_path)
    run_one(runs, runs.runs[0], leave_output)
    assert main(["--config", str(path), "--jobs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" --run ")[2] for line in lines] == [run.name for run in runs.runs[1:]]
    assert all(f"-m reports.reproduce --config {path} --folder {runs.root}" in line for line in lines)
    assert runs.runs[1].name.startswith("fit/ours")
    assert main(["--config", str(path), "--jobs", "--methods", "ours", "--only", "table1,table3"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert " --only table1,table3 --methods ours --run " in line
        assert "/ours/" in line


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--run", "fit/nobody/seed_0"], "--run names fit/nobody/seed_0, which the plan does not have"),
        (["--again", "--run", "fit/ours/seed_0"], "--again puts runs aside and makes them anew: give it without --run"),
        (["--only", "table7"], "--only names table7; available: table1, table3"),
        (["--methods", "ibs"], "--methods names ibs; available: ours, ppo"),
    ],
)
def test_bad_arguments_are_told(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--config", str(write_plan(tmp_path)), *more])
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_lists_what_there_is_and_makes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert main(["--config", str(write_plan(tmp_path)), "--dry_run"]) == 0
    assert "7 of 7 runs to be made" in caplog.text
    assert not (tmp_path / "reproduction").exists()
