"""The paper's tables and figures by one command.

python -m reports.reproduce --config configs/reproduce/quick.yaml
python -m reports.reproduce --config configs/reproduce/full.yaml --only table1,fig4 --methods ours,ppo
python -m reports.reproduce --config configs/reproduce/full.yaml --jobs > jobs.txt
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from envs.files import check_output
from envs.folder_lock import locked
from reports.reproduce.execute import RunFailedError, Runs, run_one
from reports.reproduce.plan import Plan, read_plan
from reports.reproduce.report import write_report
from reports.reproduce.runs import Run, plan_runs, stages
from reports.reproduce.schedule import default_at_once, listing, run_all
from reports.reproduce.selection import TABLES, Selection, select

_LOG = logging.getLogger("reproduce")


def selected_runs(plan: Plan, root: Path, selection: Selection) -> list[Run]:
    """The runs of all tables together, each once, steps first, then trainings, then tests."""
    found: dict[str, Run] = {}
    for methods, evaluations in selection.parts(plan):
        for run in plan_runs(plan, root, methods=methods, evaluations=evaluations, tasks=selection.tasks):
            found.setdefault(run.name, run)
    return [run for stage in stages([*_of_kind(found, "step"), *_of_kind(found, "fit"), *_of_kind(found, "test")])
            for run in stage]  # fmt: skip


def _of_kind(runs: dict[str, Run], kind: str) -> list[Run]:
    return [run for name, run in runs.items() if name.startswith(f"{kind}/")]


def job_lines(runs: Runs, given: argparse.Namespace) -> list[str]:
    """Commands of the missing runs, one line each, what is needed first; tells how many lines make a stage."""
    missing = runs.missing()
    begin, told = 1, []
    for stage in stages(missing):
        told.append(f"{begin}-{begin + len(stage) - 1}")
        begin += len(stage)
    _LOG.info("%d runs; lines of one stage need only those of the stages before: %s", len(missing), ", ".join(told))
    start = [sys.executable, "-m", "reports.reproduce", "--config", str(given.config), "--folder", str(runs.root)]
    start += ["--accept_code"] if runs.accept_code else []
    # a line looks only at the runs that were asked for
    chosen = (("--only", given.only), ("--methods", given.methods), ("--tasks", given.tasks))
    start += [part for option, names in chosen if names for part in (option, ",".join(names))]
    return [shlex.join([*start, "--run", run.name]) for stage in stages(missing) for run in stage]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    found = argparse.ArgumentParser(
        "reproduce",
        description="Train and test what is missing of a plan, and write its tables beside the paper's numbers.",
        epilog="Killed at any moment, the same command goes on where it stood. Run it from the project's folder.",
        allow_abbrev=False,
    )
    found.add_argument("--config", type=Path, required=True, help="plan, such as configs/reproduce/quick.yaml")
    found.add_argument("--folder", type=Path, help="where everything goes; that of the plan when left out")
    found.add_argument("--document", type=Path, help="Markdown that is written too, its pictures beside it")
    found.add_argument("--only", type=_names, default=[], metavar="TABLE,...", help=f"among {', '.join(TABLES)}")
    found.add_argument("--methods", type=_names, default=[], metavar="NAME,...", help="methods of the plan")
    found.add_argument("--tasks", type=_names, default=[], metavar="NAME,...", help="tasks of the plan")
    found.add_argument(
        "--at_once",
        type=int,
        metavar="N",
        help="runs at the same time, which share the cores; one a core, as memory allows",
    )
    found.add_argument("--dry_run", action="store_true", help="list what there is and what is missing")
    found.add_argument("--jobs", action="store_true", help="print a command a line for every missing run")
    found.add_argument("--run", metavar="NAME", help="make this run alone: a line of --jobs")
    found.add_argument("--again", action="store_true", help="put aside runs made by something else, make them anew")
    found.add_argument("--accept_code", action="store_true", help="take runs of other versions of the code; told")
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Command line; ``args`` stands in for the process's arguments. 0 where everything was made."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments = parser()
    given = arguments.parse_args(args)
    if given.again and (given.run or given.jobs or given.dry_run):
        arguments.error("--again puts runs aside and makes them anew: give it without --run, --jobs and --dry_run")
    try:
        plan = read_plan(given.config, tuple(TABLES))
        root = given.folder or Path(plan.folder)
        selection = select(plan, given.only, given.methods, given.tasks)
        runs = Runs(root, selected_runs(plan, root, selection), given.accept_code)
        at_once = default_at_once() if given.at_once is None else given.at_once
        if given.dry_run:
            _LOG.info("%s", listing(runs, at_once))
            return 0
        if given.again:
            with locked(root):
                runs.put_aside()
        runs.check()
        if given.jobs:
            sys.stdout.write("".join(f"{line}\n" for line in job_lines(runs, given)))
            return 0
        if given.run:
            return _run_alone(runs, given.run)
        if given.document is not None:
            check_output(given.document, given.config)
        with locked(root):
            failed = run_all(runs, at_once=at_once)
            path = write_report(plan, runs, selection, failed, given.document)
    except (ValueError, OSError) as error:
        arguments.error(str(error))
    except KeyboardInterrupt:
        _LOG.error("interrupted; the same command goes on where it stood")
        return 130
    _LOG.info("wrote %s", path)
    for message in failed.values():
        _LOG.error("%s", message)
    return 1 if failed else 0


def _run_alone(runs: Runs, name: str) -> int:
    chosen = [run for run in runs.runs if run.name == name]
    if not chosen:
        raise ValueError(f"--run names {name}, which the plan does not have; --dry_run lists its runs")
    try:
        run_one(runs, chosen[0])
    except RunFailedError as error:
        _LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
