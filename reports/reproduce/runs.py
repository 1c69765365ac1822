"""The runs of a plan: which commands, in which order, in which folders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from reports.reproduce.plan import Evaluation, Method, Plan

CHECKPOINT = "checkpoints/last.ckpt"
"""Of a training, below its folder."""

METRICS = "metrics.json"
"""Of a test, below its folder."""


@dataclass(frozen=True)
class Run:
    """One command of the project, in a folder of its own.

    Attributes:
        name: also its folder, relative to that of the reproduction, such as ``fit/ours/seed_0``.
        module: what is run, ``python -m module``.
        subcommand: ``fit`` or ``test`` of `lightning_modules.cli`; empty for other commands.
        configs: its configurations, in their order.
        options: of the command, without folder and checkpoint.
        needs: names of runs that come first.
        output: what it leaves when it is done, below its folder.
        checkpoint: what a test is of; empty for random weights.
        seed: of the training.
        minutes: how long it takes, expected.
    """

    name: str
    module: str
    subcommand: str
    configs: tuple[str, ...]
    options: tuple[str, ...]
    needs: tuple[str, ...]
    output: str
    checkpoint: str
    seed: int
    minutes: float

    def command(self, folder: Path) -> list[str]:
        """Arguments after ``python``, for a run in ``folder``; a training goes on from its last checkpoint."""
        arguments = ["-m", self.module]
        if not self.subcommand:
            return [*arguments, *self.options]
        arguments += [self.subcommand, *(part for config in self.configs for part in ("--config", config))]
        arguments += [*self.options, "--trainer.default_root_dir", str(folder)]
        if self.subcommand == "fit":
            return [*arguments, *(("--ckpt_path", "last") if (folder / CHECKPOINT).is_file() else ())]
        return [*arguments, *(("--ckpt_path", self.checkpoint) if self.checkpoint else ())]


def name_of_fit(method: str, seed: int) -> str:
    """Name of a training."""
    return f"fit/{method}/seed_{seed}"


def name_of_test(method: str, seed: int, evaluation: str, task: str) -> str:
    """Name of a test; an empty task stands for that of the evaluation's own configurations."""
    return f"test/{method}/seed_{seed}/{evaluation}{task and '_' + task}"


def plan_runs(
    plan: Plan, root: Path, *, methods: Collection[str], evaluations: Collection[str], tasks: Collection[str]
) -> list[Run]:
    """The runs that some methods, evaluations and tasks take, each after what it needs; steps, trainings, tests.

    Args:
        plan: what there is.
        root: folder of the reproduction.
        methods: names of methods; one that is `of` another stands for that one.
        evaluations: names of evaluations; without any the methods are trained alone.
        tasks: names of tasks.
    """
    names = [name for name in plan.methods if name in {plan.methods[each].of or each for each in methods}]
    steps = [name for name in plan.steps if any(name in plan.methods[each].needs for each in names)]
    outputs = {name: str(root / "step" / name / plan.steps[name].output) for name in plan.steps}
    runs = [_step_run(plan, name, outputs) for name in steps]
    tests = []
    for name in names:
        method = plan.methods[name]
        for number, seed in enumerate(plan.seeds_of(name)):
            if method.trains and not method.checkpoint:
                runs.append(_fit_run(plan, name, seed, outputs))
            for each in evaluations:
                evaluation = plan.evaluations[each]
                if not plan.takes_part(name, each) or (evaluation.seeds is not None and number >= evaluation.seeds):
                    continue
                chosen = [task for task in evaluation.tasks if task in tasks] if evaluation.tasks else [""]
                tests += [_test_run(plan, root, name, seed, each, task, outputs) for task in chosen]
    return runs + tests


def _step_run(plan: Plan, name: str, outputs: Mapping[str, str]) -> Run:
    step = plan.steps[name]
    options = _filled(step.options, {**outputs, "output": outputs[name]})
    module, subcommand = (step.module, "") if step.module else ("lightning_modules.cli", "fit")
    return Run(
        f"step/{name}", module, subcommand, step.configs, options, (), step.output, "", plan.seeds[0], step.minutes
    )


def _fit_run(plan: Plan, name: str, seed: int, outputs: Mapping[str, str]) -> Run:
    method = plan.methods[name]
    return Run(
        name=name_of_fit(name, seed),
        module="lightning_modules.cli",
        subcommand="fit",
        configs=(*method.configs, *plan.training, *method.training),
        options=_filled((*plan.options, *method.options), {**outputs, "seed": seed}),
        needs=tuple(f"step/{each}" for each in method.needs),
        output=CHECKPOINT,
        checkpoint="",
        seed=seed,
        minutes=method.minutes,
    )


def _test_run(
    plan: Plan, root: Path, name: str, seed: int, evaluation: str, task: str, outputs: Mapping[str, str]
) -> Run:
    method, chosen = plan.methods[name], plan.evaluations[evaluation]
    checkpoint, needs = _tested(method, root, name, seed)
    options = (*plan.test_options, *method.test_options, *chosen.options)
    return Run(
        name=name_of_test(name, seed, evaluation, task),
        module="lightning_modules.cli",
        subcommand="test",
        configs=_test_configs(plan, method, chosen, task),
        options=_filled(options, {**outputs, "seed": seed}),
        needs=(*needs, *(f"step/{each}" for each in method.needs)),
        output=METRICS,
        checkpoint=checkpoint,
        seed=seed,
        minutes=chosen.minutes if method.test_minutes is None else method.test_minutes,
    )


def _tested(method: Method, root: Path, name: str, seed: int) -> tuple[str, tuple[str, ...]]:
    """Checkpoint of a test, and the training that makes it."""
    if method.checkpoint or not method.trains:
        return method.checkpoint, ()
    return str(root / name_of_fit(name, seed) / CHECKPOINT), (name_of_fit(name, seed),)


def _test_configs(plan: Plan, method: Method, evaluation: Evaluation, task: str) -> tuple[str, ...]:
    return (*method.configs, *evaluation.configs, *(plan.tasks[task] if task else ()))


def _filled(options: Sequence[str], values: Mapping[str, object]) -> tuple[str, ...]:
    """Options with ``$NAME`` filled in.

    Raises:
        ValueError: a name that nothing stands behind.
    """
    try:
        return tuple(Template(option).substitute(values) for option in options)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"options {' '.join(options)} name {error}; $-names are {', '.join(values)}, and $$ is a dollar"
        ) from error


def stages(runs: Sequence[Run]) -> list[list[Run]]:
    """The same runs, those together that need nothing of one another, each stage after the one before."""
    depth: dict[str, int] = {}
    for run in runs:  # what is needed stands before
        depth[run.name] = max((depth[each] + 1 for each in run.needs if each in depth), default=0)
    return [[run for run in runs if depth[run.name] == level] for level in sorted(set(depth.values()))]
