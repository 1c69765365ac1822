"""The report of a reproduction: tables in Markdown and JSON, and pictures."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from callbacks.training.figures import save_figure
from envs.field_files import read_json
from envs.files import write_atomically
from reports.reproduce.blocks import Block, claims_table, counted
from reports.reproduce.execute import Runs, code_versions
from reports.reproduce.figures import fig4, fig5, fig11, fig12
from reports.reproduce.headline import against_the_best, of_idle_hands, verdicts_told
from reports.reproduce.plan import Plan
from reports.reproduce.poses_picture import fig10
from reports.reproduce.results import Results
from reports.reproduce.selection import TABLES, Selection
from reports.reproduce.speed import table5
from reports.reproduce.tables import table1, table2, table3, table6

_LOG = logging.getLogger("reproduce")

NAME = "reproduction"
"""Of the files ``.md`` and ``.json``."""

MAKERS: dict[str, Callable[[Results], Block]] = {
    "table1": table1, "table2": table2, "table3": table3, "table5": table5, "table6": table6,
    "fig4": fig4, "fig5": fig5, "fig10": fig10, "fig11": fig11, "fig12": fig12,
}  # fmt: skip
"""What makes each table; names as in `selection.TABLES`."""


def write_report(
    plan: Plan, runs: Runs, selection: Selection, failed: dict[str, str], document: Path | None = None
) -> Path:
    """Write everything that the finished runs give; the path of the Markdown.

    Args:
        plan: what was to be made.
        runs: what there is of it.
        selection: what was asked for.
        failed: what could not be made and why; tables that cannot are added.
        document: Markdown that is written once more, with its pictures in ``pictures`` beside it.

    All of it is made before anything is written, and each file is written whole or not at all: what was written before
    stays where something fails. Tables that were not asked for stay in the JSON as they were.

    Raises:
        OSError: a file cannot be written; names it.
    """
    results = Results(plan, runs, selection)
    path = runs.root / f"{NAME}.md"
    before = _before(path.with_suffix(".json"))
    blocks = _blocks(selection.tables, results, failed, before)
    told = {name: _told(name, block) for name, block in blocks.items()}
    sections = {name: told.get(name) or before[name] for name in TABLES if name in told or name in before}
    kept = [TABLES[name].title for name in sections if name not in told]
    text = _document(plan, runs, sections, failed, kept)
    documents = [path, *([] if document is None else [document])]
    writers: dict[Path, Callable[[Path], None]] = {
        each.parent / "pictures" / name: partial(save_figure, figure)
        for each in documents
        for block in blocks.values()
        for name, figure in block.pictures.items()
    }
    numbers = json.dumps(sections, indent=1) + "\n"
    for file, content in {path.with_suffix(".json"): numbers, **dict.fromkeys(documents, text)}.items():
        writers[file] = partial(write_atomically, payload=content.encode())
    for file, write in writers.items():
        _write(file, write)
    return path


def _blocks(
    names: Sequence[str], results: Results, failed: dict[str, str], before: Mapping[str, Any]
) -> dict[str, Block]:
    """Tables by name; of one that cannot be made why, or nothing where that of before can stay."""
    blocks = {}
    for name in names:
        try:
            blocks[name] = MAKERS[name](results)
        except (ValueError, OSError) as error:
            failed[name] = f"{name} cannot be made: {error}"
            if name not in before:
                blocks[name] = Block(f"Not made: {error}")
    return blocks


def _write(file: Path, write: Callable[[Path], None]) -> None:
    try:
        write(file)
    except OSError as error:
        raise OSError(
            f"{file} cannot be written ({error}); what was there before is as it was. Free some space and give the "
            "same command again: no run is lost"
        ) from error


def _before(path: Path) -> dict[str, Any]:
    """Sections of an earlier report; of a damaged one, which is put aside, none."""
    try:
        return read_json(path, "")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        aside = path.with_name(f"{NAME}_damaged.json")
        path.replace(aside)
        _LOG.warning("%s; it is %s now. Tables that were not asked for are left out: ask for them again", error, aside)
        return {}


def _told(name: str, block: Block) -> dict[str, Any]:
    """A section as JSON has it: its Markdown, numbers and claims."""
    parts = [f"## {TABLES[name].title}", block.text]
    parts += [claims_table(block.judged)] if block.judged else []
    parts += [f"To be read with it:\n\n{_listed(block.settings)}"] if block.settings else []
    return {
        "text": "\n\n".join(parts),
        "numbers": block.numbers,
        "claims": [each.as_dict() for each in block.judged],
        "verdicts": counted(block.judged),
    }


def _why(message: str) -> str:
    """The first line of what failed, and the last one where there are several, such as those of a log."""
    first, *rest = message.strip().splitlines() or [""]
    return f"{first} {rest[-1].strip()}" if rest else first


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _document(
    plan: Plan, runs: Runs, sections: Mapping[str, Any], failed: Mapping[str, str], kept: Sequence[str]
) -> str:
    versions = code_versions(runs)
    lines = [
        "# The paper's tables, made again",
        *([against_the_best(sections["table1"], plan)] if "table1" in sections else []),
        f"{verdicts_told(sections, plan)} A claim about two methods is judged by the interval of the "
        "difference on the same episodes: bootstrap over objects, over families too for unseen families (widened to "
        "Student's t, since there are few) and, where both have several training seeds in common, Student's t over "
        "these too. It holds where all of them are on its side of 0, does not hold where all are on the other, and is "
        "not decided else. Each interval is of 95 %, whatever the number of claims: of many, some are decided by "
        "chance.",
        *([of_idle_hands(sections["table1"], plan)] if "table1" in sections else []),
        f"Seeds of training: {', '.join(map(str, plan.seeds))}."
        + (f" The runs were made by {versions} versions of the code." if versions > 1 else ""),
    ]
    if plan.differences:
        lines.append(f"What differs from the paper's setting in all of it:\n\n{_listed(plan.differences)}")
    if kept:
        lines.append(f"As they were before, not made again with the other tables:\n\n{_listed(kept)}")
    if failed:
        lines.append(f"Not made:\n\n{_listed([*map(_why, failed.values())])}")
    return "\n\n".join([*filter(None, lines), *(section["text"] for section in sections.values())]) + "\n"
