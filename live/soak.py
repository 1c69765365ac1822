"""An hour of streaming in which everything goes wrong: ``python -m live.soak --policy exported --output soak.json``.

A user streams wrist, joints and object to a controller over UDP, in real time. Messages are lost, late, reordered,
broken or wrong, clocks jump, and the user disconnects and comes back as somebody else. Asked is that nothing raises,
that no target leaves the joints' limits or exceeds the speed, and that memory stays flat. Exits with 1 otherwise.
"""

import argparse
import json
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
from tqdm import tqdm

from envs.files import check_output, write_atomically
from live.controller import AssistController, JointTargets
from live.faults import FaultyUser
from live.hand_facts import HandFacts
from live.log import ControllerLog
from live.loop import ControlLoop
from live.policies import ControlPolicy, load_control_policy
from live.poses import Array
from live.udp import UdpPort

_LOG = logging.getLogger(__name__)

FLAT_MB = 10.0
"""Growth of the resident memory from the second tenth to the last that counts as none."""

LOG_STEPS = 2000
"""Control steps that the controller's log keeps meanwhile: full before the memory is first looked at."""


@dataclass
class SoakReport:
    """What an hour, or less, came to.

    Attributes:
        seconds: it took.
        rounds: of the controller.
        messages: of the user, by what was wrong with them.
        reconnects: times that the user came back as another sender, or with another clock.
        refused: readings that the controller did not believe, by input.
        num_restarts: times that it took the clock for one that began anew.
        states: rounds in each state.
        frozen: rounds with frozen fingers.
        violations: targets that were not finite, beyond limits, or too fast; the first few.
        largest_speed: of a joint target between two rounds, rad/s.
        memory_mb: resident memory, evenly spaced.
        memory_growth_mb: from the second tenth to the last.
        exception: a traceback; empty.
        is_fine: nothing of that kind, in a hand that was told something and assisted.
    """

    seconds: float = 0.0
    rounds: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    reconnects: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    num_restarts: int = 0
    states: dict[str, int] = field(default_factory=dict)
    frozen: int = 0
    violations: list[str] = field(default_factory=list)
    largest_speed: float = 0.0
    memory_mb: list[float] = field(default_factory=list)
    memory_growth_mb: float = 0.0
    exception: str = ""
    is_fine: bool = False


class _Judge:
    """Looks at every target that goes out."""

    def __init__(self, facts: HandFacts, max_speed: float, report: SoakReport) -> None:
        self._facts, self._max_speed, self._report = facts, max_speed, report
        self._last: Array | None = None
        self._last_s = 0.0

    def look(self, targets: JointTargets, now: float) -> None:
        report, facts, told = self._report, self._facts, targets.joint_pos
        report.states[targets.state.value] = report.states.get(targets.state.value, 0) + 1
        report.frozen += targets.is_frozen
        if not np.isfinite(told).all():
            self._blame(f"targets {told} are not finite")
        elif (told < facts.low - 1e-9).any() or (told > facts.high + 1e-9).any():
            self._blame(f"targets {told} are beyond the limits")
        if self._last is not None and now > self._last_s:
            speed = float(np.abs(told - self._last).max()) / (now - self._last_s)
            report.largest_speed = max(report.largest_speed, speed)
            if speed > self._max_speed * (1.0 + 1e-6) + 1e-6:
                self._blame(f"a target moves at {speed:.3f} rad/s, allowed {self._max_speed}")
        if targets.is_ready:
            self._last, self._last_s = told, now

    def _blame(self, what: str) -> None:
        if len(self._report.violations) < 10:
            self._report.violations.append(f"round {self._report.rounds}: {what}")


def soak(policy: ControlPolicy, seconds: float, *, seed: int = 0, reconnect_s: float = 3.0) -> SoakReport:
    """Stream for so many seconds and watch.

    Args:
        policy: moves the fingers.
        seconds: real time.
        seed: decides all faults.
        reconnect_s: mean time between two reconnects.
    """
    report, process, period = SoakReport(), psutil.Process(), policy.facts.period_s
    controller = AssistController(policy, log=ControllerLog(max_steps=LOG_STEPS))
    port = UdpPort(0)
    now = began = time.monotonic()
    user = FaultyUser(policy.facts, port.address, np.random.default_rng(seed), reconnect_s)
    loop = ControlLoop(controller, [port], [port], clock=lambda: now)
    judge = _Judge(policy.facts, controller.settings.max_speed, report)
    every, ahead = seconds / 200.0, began
    bar = tqdm(total=round(seconds), unit="s", desc="soak")
    try:
        while now - began < seconds:
            user.step(now)
            now = time.monotonic()
            if (targets := loop.round()) is not None:
                report.rounds += 1
                judge.look(targets, now)
            if now - began >= every * len(report.memory_mb):
                report.memory_mb.append(round(process.memory_info().rss / 2**20, 2))
            bar.update(int(now - began) - bar.n)
            ahead = max(ahead + period, time.monotonic())
            time.sleep(max(0.0, ahead - time.monotonic()))
            now = time.monotonic()
    except Exception:  # whatever it is, it is what was looked for
        report.exception = traceback.format_exc()
    finally:
        bar.close()
        controller.close()
        user.close()
        port.close()
    report.seconds = now - began
    report.messages, report.reconnects = dict(user.sent), user.reconnects
    inputs = controller.inputs
    report.refused = dict(
        Counter(
            clock=inputs.clock.num_refused, wrist=inputs.wrist.num_refused, joints=inputs.joints.num_refused,
            scene=inputs.num_bad_scenes, malformed=port.num_malformed, foreign=port.num_foreign,
        )
    )  # fmt: skip
    report.num_restarts = inputs.clock.num_restarts
    tenth = max(1, len(report.memory_mb) // 10)
    early, late = report.memory_mb[tenth : 2 * tenth], report.memory_mb[-tenth:]
    report.memory_growth_mb = float(np.mean(late) - np.mean(early)) if early else 0.0
    if not report.exception and not report.states.get("assist"):
        report.violations.append(f"{report.rounds} rounds, in none of which the hand assisted: nothing was tried")
    report.is_fine = not report.violations and not report.exception and report.memory_growth_mb < FLAT_MB
    return report


def main(args: Sequence[str] | None = None) -> None:
    """Command line; exits with 1 where anything was found."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("live.controller").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser("python -m live.soak", description="Stream with random faults.")
    parser.add_argument("--policy", type=Path, default=Path("pretrained/residual_ppo.ckpt"))
    parser.add_argument("--duration", type=float, default=3600.0, help="seconds")
    parser.add_argument("--reconnect", type=float, default=3.0, help="mean seconds between two reconnects")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file; else it is printed")
    given = parser.parse_args(args)
    if not (given.duration > 0.0 and given.reconnect > 0.0):
        parser.error(f"duration {given.duration} s, reconnects every {given.reconnect} s; expected numbers above 0")
    try:
        if given.output is not None:
            check_output(given.output, given.policy)
        policy = load_control_policy(given.policy)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    report = soak(policy, given.duration, seed=given.seed, reconnect_s=given.reconnect)
    text = json.dumps(asdict(report), indent=1)
    if given.output is None:
        sys.stdout.write(f"{text}\n")
    else:
        write_atomically(given.output, text.encode())
        _LOG.info("wrote %s", given.output)
    told = "fine" if report.is_fine else f"not fine: {report.violations or report.exception or 'memory grows'}"
    _LOG.info("%s after %.0f s and %d reconnects", told, report.seconds, report.reconnects)
    sys.exit(0 if report.is_fine else 1)


if __name__ == "__main__":
    main()
