"""What a reader wants to know first: ours against the best baseline on unseen families."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.reproduce.blocks import UNITS
from reports.reproduce.claims import FAILS, HOLDS, OPEN, TRAINING
from reports.reproduce.paper import TASK
from reports.reproduce.plan import Plan

_SPLIT = "unseen_families"

_OF_PAPER, _OF_ADDED = "Claims of the paper", "About rows that are added here, on all tasks"
_OF_OTHER_TASKS = "The same claims on tasks that the paper does not have"
_OF_TRAINING = "On learning and the course of an episode, of all tasks together"
_KINDS = (_OF_PAPER, _OF_TRAINING, _OF_OTHER_TASKS, _OF_ADDED)
"""Claims that are counted apart, in the order in which they are told."""

_MOVEMENTS = ("translation_m", "rotation_cos")

_HARDLY_EVER = 0.1
"""Success of a method below which it says little how far it moves objects."""

_SUCCEEDS = {
    HOLDS: "succeeds more often than",
    FAILS: "**succeeds less often than**",
    OPEN: "**does not surely succeed more often than**",
}


def verdicts_told(sections: Mapping[str, Any], plan: Plan) -> str:
    """How many claims of all sections hold, do not, and are not decided: sentences.

    What several sections find alike of the same two rows counts once; claims about tasks and rows that the paper does
    not have count apart. What was not measured does not count; of those decided is told how many are of one training.

    Args:
        sections: as JSON has them, with ``claims``.
        plan: which rows are added.
    """
    judged = {
        (
            *(value for name, value in each["claim"].items() if name != "text"),
            *map(each.get, ("task", "split", "verdict")),
        ): each
        for section in sections.values()
        for each in section["claims"]
        if each["found"] is not None
    }
    kinds: dict[str, list[Mapping[str, Any]]] = {_OF_PAPER: []}
    for each in judged.values():
        kinds.setdefault(_kind(each, plan), []).append(each)
    return " ".join(f"{kind}: {_counts(kinds[kind])}." for kind in _KINDS if kind in kinds)


def _counts(judged: Sequence[Mapping[str, Any]]) -> str:
    names = {HOLDS: "hold", FAILS: "do not hold", OPEN: "are not decided"}
    told = []
    for name, words in names.items():
        found = [each for each in judged if each["verdict"] == name]
        once = sum(bool(each.get("is_of_one_training")) for each in found) if name != OPEN else 0
        of_one = f" ({'all' if once == len(found) else once} of one training each)" if once else ""
        told += [f"{len(found)} {words}{of_one}"] if found else []
    return ", ".join(told) or "none is judged"


def _kind(judged: Mapping[str, Any], plan: Plan) -> str:
    if _is_added(judged, plan):
        return _OF_ADDED
    if judged["split"] == TRAINING:
        return _OF_TRAINING
    return _OF_OTHER_TASKS if judged["task"] in plan.tasks and judged["task"] != TASK else _OF_PAPER


def _is_added(judged: Mapping[str, Any], plan: Plan) -> bool:
    """Whether it is about a row that the paper does not have; what an ablation is a part less of counts as ours."""
    one, other = judged["claim"]["one"], judged["claim"]["other"]
    less_of = {name: method.less_of for name, method in plan.methods.items()}
    return less_of.get(one) != other and less_of.get(other) != one and not plan.added.isdisjoint((one, other))


def of_idle_hands(table1: Mapping[str, Any], plan: Plan) -> str:
    """How many of the paper's claims of moving the object less are lost to methods that hardly ever grasp: a sentence.

    Args:
        table1: the section as JSON has it, with ``numbers`` and ``claims``.
        plan: which rows are added.

    Returns:
        Nothing where there is none.
    """
    lost = [
        each for each in table1["claims"] if each["verdict"] == FAILS and each["claim"]["measure"] in _MOVEMENTS
        and _success(table1["numbers"], each) < _HARDLY_EVER and _kind(each, plan) == _OF_PAPER
    ]  # fmt: skip
    if not lost:
        return ""
    return (
        f"Among those of the paper that do not hold are {len(lost)} on moving or turning the object less than a method "
        f"that succeeds in under {100 * _HARDLY_EVER:g} % of the same episodes; what leaves an object alone does not "
        "move it."
    )


def _success(numbers: Mapping[str, Any], claim: Mapping[str, Any]) -> float:
    """Of the method that ours is compared with; 1 where it is not known."""
    row = numbers.get(f"{claim['task']}/{claim['split']}", {}).get(claim["claim"]["other"]) or {}
    return float(row["success"]["mean"]) if row.get("success") else 1.0


def against_the_best(table1: Mapping[str, Any], plan: Plan) -> str:
    """Of each task, the difference of ours to the baseline that succeeds most often, and whose posture is not above.

    Args:
        table1: the section as JSON has it, with ``numbers`` and ``claims``.
        plan: titles of the methods.

    Returns:
        Sentences; none where no baseline was measured. Where some of the plan's were not, they say so.
    """
    return " ".join(_sentence(task, numbers, table1["claims"], plan) for task, numbers in _tasks(table1["numbers"]))


def _tasks(numbers: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Tasks, and the success of each baseline there."""
    for spot, rows in numbers.items():
        task, _, split = spot.partition("/")
        success = {name: row["success"]["mean"] for name, row in rows.items() if row and row.get("success")}
        if split == _SPLIT and success:
            yield task, success


def _sentence(task: str, success: Mapping[str, float], claims: list[dict[str, Any]], plan: Plan) -> str:
    here = [
        each for each in claims
        if (each["task"], each["split"]) == (task, _SPLIT) and each["found"] is not None
        and each["claim"]["other"] in plan.methods  # a table may have been made by an earlier plan
    ]  # fmt: skip
    by_success = {each["claim"]["other"]: each for each in here if each["claim"]["measure"] == "success"}
    if not by_success:
        return ""
    best = max(by_success, key=lambda name: success[name])
    found, said = by_success[best]["found"], by_success[best]["verdict"]
    unit = UNITS["success"]
    seeds = "" if found["over_seeds"] is None else f", over seeds {unit.told(found['over_seeds'])}"
    only = f", training seed {', '.join(map(str, found['only']))} alone" if found["only"] else ""
    posture = [each for each in here if each["claim"]["measure"] == "posture_rad" and each["verdict"] != HOLDS]
    titles = [plan.methods[each["claim"]["other"]].title for each in posture]
    baselines = {name for name, each in plan.methods.items() if each.group == "method" and not each.added}
    is_whole = baselines - {plan.ours} <= {*by_success}
    nearer = f"**not surely nearer to the target pose than {', '.join(titles)}**" if titles else None
    return (
        f"On unseen families of the {task} task ours {_SUCCEEDS[said]} the best baseline"
        f"{'' if is_whole else ' that was measured'}, {plan.methods[best].title}: "
        f"{unit.told(found['over_objects'], _SPLIT)} points{seeds}{only}; it ends "
        f"{nearer or ('nearer to the target pose than all ' + ('baselines' if is_whole else 'of these'))}."
    )
