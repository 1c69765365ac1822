"""What a reproduction consists of, read from YAML: steps, methods, tasks, evaluations, tables."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from envs.field_files import read_yaml

_REMEDY = "give a plan such as configs/reproduce/quick.yaml"

Group = Literal["method", "ablation", "reference"]
"""A method is beside ours in every table; an ablation in those of ablations; a reference where a table names it."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Step:
    """What has to be made before methods are trained, such as a pre-trained encoder or demonstrations.

    Attributes:
        output: file that it makes, relative to its folder; ``$NAME`` in options stands for its path.
        configs: of ``fit``; empty when ``module`` makes it.
        options: of the command, in which ``$output`` stands for the file.
        module: a command of the project in place of ``fit``.
        minutes: how long it takes, for the estimate.
    """

    output: str = "checkpoints/last.ckpt"
    configs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    module: str = ""
    minutes: float = 10.0


@dataclass(frozen=True)
class Method:
    """A row of the tables.

    Attributes:
        title: as the paper calls it.
        configs: of ``fit`` and ``test``, the base first; overlays of training come after them.
        training: overlays of ``fit`` alone.
        options: of ``fit``; ``$seed`` and ``$NAME`` of a step are filled in.
        test_options: of ``test``.
        needs: steps that come first.
        seeds: seeds of training, those of the plan when None.
        group: which tables it is in.
        added: the paper has no such row; what is claimed of it is counted apart.
        less_of: method that an ablation is a part less of, ours when empty.
        checkpoint: tested as it is in place of training.
        trains: False for what has nothing to learn.
        of: its episodes are those of ``policy`` in ``evaluation`` of this other method.
        policy: name of the policy in the evaluation.
        evaluation: see ``of``.
        evaluations: the only ones that it takes part in; all that want it when None.
        minutes: of its training, for the estimate and the order of runs.
        test_minutes: of each of its tests; those of the evaluation when None.
    """

    title: str
    configs: tuple[str, ...] = ()
    training: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    test_options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    seeds: tuple[int, ...] | None = None
    group: Group = "method"
    added: bool = False
    less_of: str = ""
    checkpoint: str = ""
    trains: bool = True
    of: str = ""
    policy: str = "ours"
    evaluation: str = "main"
    evaluations: tuple[str, ...] | None = None
    minutes: float = 10.0
    test_minutes: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """A ``test`` of methods.

    Attributes:
        configs: overlays of ``test``, the one with the episodes among them.
        options: of ``test``; ``$seed`` is filled in.
        tasks: names of tasks; without any it is run once, on the task of its configurations.
        methods: who is tested; all methods that do not say otherwise when None.
        seeds: only the first so many seeds of training; all when None.
        minutes: of one test, for the estimate.
    """

    configs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] | None = None
    seeds: int | None = None
    minutes: float = 2.0


@dataclass(frozen=True)
class Plan:
    """A whole reproduction.

    Attributes:
        folder: where everything goes.
        ours: name of the method that claims are about.
        seeds: seeds of training.
        training: overlays of every ``fit`` of a method.
        options: of every ``fit`` of a method.
        test_options: of every ``test`` of a method.
        steps, methods, tasks, evaluations: by name; a task is a list of overlays of ``test``.
        tables: names of tables and figures, in the order of the report.
        differences: what differs from the paper's setting, told once above the tables.
    """

    folder: str
    seeds: tuple[int, ...]
    methods: Mapping[str, Method]
    tasks: Mapping[str, tuple[str, ...]]
    evaluations: Mapping[str, Evaluation]
    tables: tuple[str, ...]
    ours: str = "ours"
    training: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    test_options: tuple[str, ...] = ()
    steps: Mapping[str, Step] = field(default_factory=dict)
    differences: tuple[str, ...] = ()

    @property
    def added(self) -> frozenset[str]:
        """Names of the methods that the paper has no row of."""
        return frozenset(name for name, method in self.methods.items() if method.added)

    def seeds_of(self, method: str) -> tuple[int, ...]:
        """Seeds of training of a method; of what is not trained the first one alone."""
        chosen = self.methods[method]
        seeds = self.seeds if chosen.seeds is None else chosen.seeds
        return seeds if chosen.trains and not chosen.checkpoint else seeds[:1]

    def takes_part(self, method: str, evaluation: str) -> bool:
        """Whether a method is tested in an evaluation."""
        chosen, wanted = self.methods[method], self.evaluations[evaluation].methods
        return (
            not chosen.of
            and (chosen.evaluations is None or evaluation in chosen.evaluations)
            and (wanted is None or method in wanted)
        )


def read_plan(path: Path, tables: Sequence[str]) -> Plan:
    """The plan in a file.

    Args:
        path: YAML; its fields are those of `Plan`, over those of the plan that ``base`` names, if it names one.
        tables: names that there are.

    Raises:
        FileNotFoundError: the file, or configurations that it names, which are all listed.
        ValueError: no YAML, or fields, names or values that do not exist or do not go together; names the file.
    """
    content = _read_content(path)
    try:
        plan = _plan(content)
        _check_names(plan, tables)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    _check_files(plan, path)
    return plan


def _plan(content: dict[str, Any]) -> Plan:
    kinds: dict[str, type[Any]] = {"steps": Step, "methods": Method, "evaluations": Evaluation}
    for section, kind in kinds.items():
        if section in content:
            items = _mapping(content[section], section)
            content[section] = {name: _made(kind, each, f"{section}.{name}") for name, each in items.items()}
    if "tasks" in content:
        tasks = _mapping(content["tasks"], "tasks")
        content["tasks"] = {name: _value(each, "tuple[str]", f"tasks.{name}") for name, each in tasks.items()}
    return _made(Plan, content)


def _read_content(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The fields in a file over those of the plan that its ``base`` names, relative to it; lists are replaced."""
    try:
        content = read_yaml(path, _REMEDY)
    except FileNotFoundError as error:
        named = f", which {above[-1]} names as its base, does not exist" if above else " does not exist"
        raise FileNotFoundError(f"{path}{named}; {_REMEDY}") from error
    base = content.pop("base", None)
    if base is None:
        return content
    made_of = [each.resolve() for each in (*above, path)]
    if not isinstance(base, str) or (below := path.parent / base).resolve() in made_of:
        raise ValueError(f"{path}: base is {base!r}; expected the file of a plan that is not made of this one")
    return _over(_read_content(below, (*above, path)), content)


def _over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: _over(below[name], item) if name in below else item for name, item in above.items()}


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {value!r}; expected names with what belongs to each")
    return {str(name): item for name, item in value.items()}


def _made(kind: type[Item], content: Any, where: str = "") -> Item:
    """A dataclass from a mapping; ``where`` it stands in the plan, nowhere in particular when empty."""
    known = {item.name: str(item.type) for item in fields(kind)}  # type: ignore[arg-type]
    given = _mapping(content, where)
    unknown = [name for name in given if name not in known]
    missing = [
        item.name for item in fields(kind)  # type: ignore[arg-type]
        if item.default is MISSING and item.default_factory is MISSING and item.name not in given
    ]  # fmt: skip
    if unknown or missing:
        raise ValueError(
            f"{where or 'plan'}: unknown {', '.join(unknown) or '-'}, missing {', '.join(missing) or '-'}; fields are "
            f"{', '.join(known)}"
        )
    values = {name: _value(value, known[name], f"{where}.{name}".lstrip(".")) for name, value in given.items()}
    return kind(**values)


def _value(value: Any, wanted: str, where: str) -> Any:
    """Of the type that a field wants: lists become tuples, numbers where text is wanted become text."""
    if value is None and "None" in wanted:
        return None
    if wanted.startswith("tuple"):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {value!r}; expected a list")
        if "int" in wanted and not all(type(item) is int for item in value):
            raise ValueError(f"{where} is {value!r}; expected a list of whole numbers")
        return tuple(str(item) if "str" in wanted else item for item in value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if wanted in (str(float), "float | None") and not is_number:
        raise ValueError(f"{where} is {value!r}; expected a number")
    if wanted == "int | None" and type(value) is not int:
        raise ValueError(f"{where} is {value!r}; expected a whole number")
    if wanted == str(str) and not is_number and not isinstance(value, str):
        raise ValueError(f"{where} is {value!r}; expected text")
    return str(value) if wanted == str(str) else value


def _check_names(plan: Plan, tables: Sequence[str]) -> None:
    """Every name that is used is that of something; a ValueError names what there is."""
    _known("ours", [plan.ours], plan.methods)
    _known("tables", plan.tables, tables)
    if not plan.seeds or not plan.tasks:
        raise ValueError(f"seeds are {list(plan.seeds)} and tasks {list(plan.tasks)}; give at least one of each")
    for name, method in plan.methods.items():
        where = f"methods.{name}"
        _known(f"{where}.needs", method.needs, plan.steps)
        _known(f"{where}.group", [method.group], get_args(Group))
        _known(f"{where}.evaluations", method.evaluations or (), plan.evaluations)
        others = [each for each in plan.methods if each != name]
        _known(f"{where}.less_of", [method.less_of] if method.less_of else [], others)
        if method.of:
            _known(f"{where}.of", [method.of], [name for name, each in plan.methods.items() if not each.of])
            _known(f"{where}.evaluation", [method.evaluation], plan.evaluations)
        elif not method.configs:
            raise ValueError(f"{where} has no configs; name the base and its overlays, or the method that it is `of`")
    for name, evaluation in plan.evaluations.items():
        _known(f"evaluations.{name}.tasks", evaluation.tasks, plan.tasks)
        _known(f"evaluations.{name}.methods", evaluation.methods or (), plan.methods)
    for name, step in plan.steps.items():
        if bool(step.module) == bool(step.configs):
            raise ValueError(f"steps.{name} has module {step.module!r} and configs {step.configs}; give one of both")


def _known(where: str, names: Sequence[str], known: Sequence[str] | Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{where} names {', '.join(unknown)}; available: {', '.join(known) or 'none'}")


def _check_files(plan: Plan, path: Path) -> None:
    parts: list[Step | Method | Evaluation] = [
        *plan.steps.values(), *plan.methods.values(), *plan.evaluations.values(),
    ]  # fmt: skip
    named = [*plan.training, *(config for overlays in plan.tasks.values() for config in overlays)]
    named += [config for part in parts for config in part.configs]
    named += [config for method in plan.methods.values() for config in (*method.training, method.checkpoint)]
    missing = sorted({name for name in named if name and not Path(name).is_file()})
    if missing:
        raise FileNotFoundError(
            f"{path} names files that are not there: {', '.join(missing)}. Run it from the project's folder; write "
            "what is missing, or take it out of the plan"
        )
