"""Whether a reproduction that is killed at random moments ends with the tables of one that was left alone.

The plan is made twice, in two folders: once left alone, once with SIGKILL to everything at random moments of the first
one's time, and the same command again after each. Compared are all numbers and claims of ``reproduction.json`` but the
milliseconds of Table 5 and the minutes of trainings; texts say these and the numbers again, and are left out. Prints
JSON; ``differs`` names tables.

    python benchmarks/killed_reproduction.py --config configs/reproduce/glance.yaml --kills 3
    python benchmarks/killed_reproduction.py --methods ours,ppo --only table1,fig4 --kills 1
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _machine import load_average, machine

TIMED = "table5"
"""Its numbers are another machine's every time."""

SHORTEST_S = 10.0
"""What is left to a command at least before it is killed: longer than it takes to begin."""


def start(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """The command in a process group of its own, its output into a file."""
    with open(log, "ab") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)


def left_alone(command: list[str], log: Path) -> float:
    """Run a command to its end; its seconds.

    Raises:
        RuntimeError: it failed; tells the end of its output.
    """
    began = time.monotonic()
    if start(command, log).wait():
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return time.monotonic() - began


def killed(command: list[str], log: Path, seconds: list[float]) -> list[dict[str, Any]]:
    """Run a command, kill it after each of some seconds, and in the end let it through; what was running each time."""
    told = []
    for after in seconds:
        process = start(command, log)
        try:
            process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)  # its runs die with it
            process.wait()
        said = log.read_bytes().decode(errors="replace").replace("\r", "\n").strip().splitlines()[-1]
        told.append({"after_s": round(after, 1), "said": said[-160:]})
    left_alone(command, log)
    return told


def tables(folder: Path) -> dict[str, Any]:
    """What is compared of a reproduction."""
    found: dict[str, Any] = json.loads((folder / "reproduction.json").read_text())
    return {name: _untimed(section) for name, section in found.items() if name != TIMED}


_TIMES = ("minutes", "least_minutes", "text")
"""What differs from run to run."""


def _untimed(value: Any) -> Any:
    if isinstance(value, list):
        return [_untimed(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _untimed(each) for name, each in value.items() if name not in _TIMES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/reproduce/glance.yaml", help="plan (default: %(default)s)")
    parser.add_argument("--methods", default="", help="as of reports.reproduce")
    parser.add_argument("--only", default="", help="as of reports.reproduce")
    parser.add_argument("--kills", type=int, default=3, help="how often it is killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    given = parser.parse_args()
    load, rng = load_average(), random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="reproduction_") as name:
        root = Path(name)
        command = [sys.executable, "-m", "reports.reproduce", "--config", given.config]
        command += [part for option in ("methods", "only") if (value := getattr(given, option))
                    for part in (f"--{option}", value)]  # fmt: skip
        alone, interrupted = root / "alone", root / "killed"
        took = left_alone([*command, "--folder", str(alone)], root / "alone.txt")
        moments = [max(SHORTEST_S, rng.uniform(0.0, 0.9 * took / given.kills)) for _ in range(given.kills)]
        told = killed([*command, "--folder", str(interrupted)], root / "killed.txt", moments)
        one, other = tables(alone), tables(interrupted)
        differs = sorted(table for table in one.keys() | other.keys() if one.get(table) != other.get(table))
    print(json.dumps({
        "command": command[1:], "seconds_alone": round(took, 1), "kills": told, "compared": sorted(one),
        "differs": differs, "machine": machine(load),
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
