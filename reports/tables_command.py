"""The command line of result tables: files in, Markdown out."""

import argparse
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from envs.files import write_atomically
from reports.markdown import fill
from reports.metrics_files import ResultColumn, read_columns, read_report

_LOG = logging.getLogger("tables")


def run_command(
    name: str,
    make_blocks: Callable[[Sequence[ResultColumn]], Mapping[str, str]],
    args: Sequence[str] | None,
    *,
    of_seeds: Callable[[Mapping[str, Any]], str] | None = None,
    others: Collection[str] = (),
) -> None:
    """Read metrics.json files, make their tables, and write or print them.

    Args:
        name: of the program.
        make_blocks: tables by name.
        args: stands in for the process's arguments.
        of_seeds: makes the block ``seeds`` of the file given with ``--seeds``; no such option when None.
        others: blocks of documents that another command makes.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(name, description="Tables in Markdown of metrics.json files.")
    parser.add_argument("files", nargs="+", metavar="[TITLE=]METRICS", help="metrics.json of a test")
    parser.add_argument(
        "--document", type=Path, help="Markdown whose blocks <!-- begin NAME --> ... <!-- end NAME --> are made anew"
    )
    if of_seeds is not None:
        parser.add_argument("--seeds", type=Path, help="JSON of reports.policy_seeds")
    parser.add_argument("--output", type=Path, help="Markdown to write with all tables")
    given = parser.parse_args(args)
    try:
        blocks = dict(make_blocks(read_columns(given.files)))
        if of_seeds is not None and given.seeds is not None:
            blocks["seeds"] = of_seeds(read_report(given.seeds))
        if given.document is not None:
            text = fill(given.document.read_text(encoding="utf-8"), blocks, others)
            write_atomically(given.document, text.encode())
    except KeyError as error:
        given_files = [*given.files, *([str(given.seeds)] if getattr(given, "seeds", None) else [])]
        parser.error(
            f"{', '.join(given_files)}: they lack {error}, which tables of {name} have; give metrics.json files of the "
            "test whose tables these are, and with --seeds a file of reports.policy_seeds"
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))
    whole = "\n\n".join(f"### {title}\n\n{block}" for title, block in blocks.items()) + "\n"
    if given.output is not None:
        write_atomically(given.output, whole.encode())
    for path in (given.document, given.output):
        if path is not None:
            _LOG.info("wrote %s", path)
    if given.document is None and given.output is None:
        _LOG.info("%s", whole)
