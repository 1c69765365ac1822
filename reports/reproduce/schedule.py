"""Runs what is missing of a plan, some runs at once, with a bar over all of them."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tqdm import tqdm

from envs.physics.memory import available_memory
from envs.workers import available_cores
from reports.reproduce.execute import Executes, RunFailedError, Runs, run_command, run_one
from reports.reproduce.runs import Run
from reports.reproduce.stamps import State, minutes_of

_LOG = logging.getLogger("reproduce")

_MEMORY = 6_000_000_000
"""Bytes that a training of the plans' length may take."""

_PAUSE_S = 0.2
"""Between two looks at what is running."""


class _Stopped(Exception):  # noqa: N818 - no error: what it interrupts is gone on with later
    """The command was interrupted."""


def default_at_once() -> int:
    """Runs at once, one a core as far as memory goes: two with a core each take less time than one after the other."""
    return max(1, min(len(available_cores()), available_memory() // _MEMORY))


def run_all(runs: Runs, execute: Executes = run_command, at_once: int = 1) -> dict[str, str]:
    """Make what is missing, with a bar in expected minutes; what failed, and what could not be begun for that, by name.

    A failed run does not hold up those that do not need it. Each has the same share of the cores, whatever else runs:
    numbers depend on how many threads make them, and those of a run that was interrupted must not.

    Args:
        runs: in their order.
        execute: makes one.
        at_once: how many at the same time.

    Raises:
        ValueError: at_once is below 1 or above the number of cores.
    """
    _check_at_once(at_once)
    schedule = _Schedule(runs, execute, at_once)
    try:
        with ThreadPoolExecutor(at_once) as pool:
            try:
                schedule.go(pool)
            except BaseException:
                schedule.stop.set()
                raise
    finally:
        schedule.bar.close()
    return schedule.failed


def _check_at_once(at_once: int) -> None:
    count = len(available_cores())
    if not 1 <= at_once <= count:
        raise ValueError(f"at_once is {at_once}; expected 1 to {count}, the number of cores")


class _Schedule:
    """What waits, what is running on which cores, and what failed."""

    def __init__(self, runs: Runs, execute: Executes, at_once: int) -> None:
        self.failed: dict[str, str] = {}
        self.stop = threading.Event()
        self._runs = runs
        self._execute = execute
        self._at_once = at_once
        self._waiting = runs.missing()
        self._chains = _chains(runs.runs)
        self._number = len(self._waiting)
        self._free = available_cores()
        self._share = len(self._free) // at_once
        self._running: dict[Future[None], tuple[Run, list[int], float]] = {}
        total, to_do = (sum(run.minutes for run in some) for some in (runs.runs, self._waiting))
        self.bar: tqdm[None] = tqdm(
            total=total, initial=total - to_do, bar_format="runs: {percentage:3.0f}% |{bar}| {desc}"
        )
        self._told = ""
        self._pace = _pace(runs)

    def go(self, pool: ThreadPoolExecutor) -> None:
        """Until nothing waits or runs."""
        while self._waiting or self._running:
            self._begin(pool)
            self._tell()
            done, _ = wait(self._running, timeout=_PAUSE_S, return_when=FIRST_COMPLETED)
            for future in done:
                self._end(future)

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        """As many as can begin."""
        self._drop()
        unfinished = {run.name for run in [*self._waiting, *(run for run, _, _ in self._running.values())]}
        ready = [run for run in self._waiting if not unfinished.intersection(run.needs)]
        if self._at_once > 1:  # what takes longest with all that needs it comes first, so that no core waits at last
            ready.sort(key=lambda run: -self._chains[run.name])
        slots = min(len(ready), self._at_once - len(self._running))
        for run in ready[:slots]:
            cores, self._free = self._free[: self._share], self._free[self._share :]
            self._waiting.remove(run)
            future = pool.submit(run_one, self._runs, run, self._execute, self._tick, cores)
            self._running[future] = (run, cores, time.monotonic())

    def _drop(self) -> None:
        """What needs something that failed is not begun."""
        for run in list(self._waiting):
            lacking = [name for name in run.needs if name in self.failed]
            if lacking:
                self.failed[run.name] = f"{run.name} was not begun: {lacking[0]} failed"
                self._waiting.remove(run)
                self.bar.update(run.minutes)

    def _end(self, future: "Future[None]") -> None:
        run, cores, _ = self._running.pop(future)
        self._free = sorted([*self._free, *cores])
        try:
            future.result()
        except (RunFailedError, BlockingIOError) as error:
            self.failed[run.name] = str(error)
            _LOG.error("%s", error)
        self._pace = _pace(self._runs)
        self.bar.update(run.minutes)

    def _tick(self) -> None:
        """Called by runs every now and then."""
        if self.stop.is_set():
            raise _Stopped

    def _tell(self) -> None:
        """The bar says what is running and how long everything will still take."""
        pace, now = self._pace, time.monotonic()
        left = [max(0.0, pace * run.minutes - (now - began) / 60.0) for run, _, began in self._running.values()]
        all_left = sum(left) + pace * sum(run.minutes for run in self._waiting)
        minutes = max([all_left / self._at_once, *left])
        names = ", ".join(run.name for run, _, _ in self._running.values())
        done = self._number - len(self._waiting) - len(self._running) - len(self.failed)
        told = f"{names} ({done} of {self._number} done), {_spoken(minutes)} left"
        if told != self._told:
            self._told = told
            self.bar.set_description_str(told)


def _chains(runs: Sequence[Run]) -> dict[str, float]:
    """Minutes of each run and of the longest chain of those that need it; what is needed stands before in ``runs``."""
    after: dict[str, float] = {}
    chains: dict[str, float] = {}
    for run in reversed(runs):
        chains[run.name] = run.minutes + after.get(run.name, 0.0)
        for name in run.needs:
            after[name] = max(after.get(name, 0.0), chains[run.name])
    return chains


def _pace(runs: Runs) -> float:
    """How much longer than expected the finished runs took, 1 before there are any."""
    pairs = [(run.minutes, minutes_of(runs.folder(run))) for run in runs.runs]
    done = [(expected, took) for expected, took in pairs if took is not None and expected > 0]
    return sum(took for _, took in done) / sum(expected for expected, _ in done) if done else 1.0


def _spoken(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def listing(runs: Runs, at_once: int = 1) -> str:
    """A line a run: what there is of it, how long it takes, and its command.

    Raises:
        ValueError: at_once is below 1 or above the number of cores.
    """
    _check_at_once(at_once)
    states: Mapping[str, State] = {run.name: runs.state(run) for run in runs.runs}
    lines = [
        f"{states[run.name].value:<22} {run.minutes:6.1f} min  {run.name}"
        + (f"  ({runs.told_of(run)})" if states[run.name] is State.OTHER else "")
        for run in runs.runs
    ]
    left: Sequence[Run] = [run for run in runs.runs if states[run.name] is not State.DONE]
    total = _pace(runs) * sum(run.minutes for run in left) / at_once
    return "\n".join([*lines, f"{len(left)} of {len(runs.runs)} runs to be made, {_spoken(total)}"])
