"""The paper's real experiment, rehearsed: ``python -m live.rehearsal --policy pretrained/residual_ppo.ckpt``.

Ten household objects, two poses of each, five trials of a pose (GraspGF Sec. 5.4, App. D.2). In real time, with the
controller as a second process behind UDP; ``--fast`` has it in this process, in simulated time, for shared machines.
Trials are kept one by one: the same command goes on where it was interrupted.
"""

import argparse
import json
import logging
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from datamodules.grasps.grasp_file import load_grasp_set
from envs.conventions import CONTROL_DT
from envs.files import check_output, write_atomically
from envs.objects.library import ObjectLibrary
from envs.pictures.sheets import save_png
from live.hand_guard import check_policy_hand
from live.policies import ControlPolicy, load_control_policy, policy_digest
from live.provenance import made_with
from live.rehearsal.bench import IMPRATIO
from live.rehearsal.disturbances import Disturbances
from live.rehearsal.links import DirectLink, UdpLink
from live.rehearsal.plan import HOUSEHOLD, Trial, TrialPlan
from live.rehearsal.report import Done, filmstrips, results_table, summary
from live.rehearsal.runner import TrialResult, TrialRun
from live.rehearsal.store import TrialStore
from reports.markdown import fill

_LOG = logging.getLogger(__name__)

BLOCK = "rehearsal"
"""Name of the block of a document that the table goes into."""


class Rehearsal:
    """Does trials that have not been done yet.

    Args:
        path: folder of ONNX files, or a checkpoint, for a controller in a process of its own.
        store: keeps results.
        wrong: all that is wrong.
        policy: that of the file, for a controller in this process, in simulated time; None for the other.
    """

    def __init__(self, path: Path, store: TrialStore, wrong: Disturbances, policy: ControlPolicy | None) -> None:
        self._path, self._store, self._wrong, self._policy = path, store, wrong, policy

    def run(self, trials: Sequence[Trial]) -> Done:
        """All trials, with a bar that says when they will be done."""
        done = []
        bar = tqdm(trials, unit="trial")
        for trial in bar:
            result = self._store.load(trial.name)
            if result is None:
                result = self._run(trial)
                self._store.save(trial.name, result)
                _LOG.info("%s: %s", trial.name, result.cause.replace("_", " "))
            done.append((trial, result))
            share = sum(each.is_success for _, each in done) / len(done)
            bar.set_postfix_str(f"success {100.0 * share:.0f} %", refresh=False)
        return done

    def _run(self, trial: Trial) -> TrialResult:
        log = self._store.log(trial.name)
        link = UdpLink(self._path, log, CONTROL_DT) if self._policy is None else DirectLink(self._policy)
        try:
            return TrialRun(trial, link, self._wrong).run()
        finally:
            link.close(log)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m live.rehearsal", description="Rehearse the real experiment of the paper in MuJoCo."
    )
    parser.add_argument("--policy", type=Path, default=Path("pretrained/residual_ppo.ckpt"))
    parser.add_argument("--objects", choices=[*HOUSEHOLD], default="test", help="development: for choices")
    parser.add_argument("--families", nargs="+", help="only these of the objects")
    parser.add_argument("--trials", type=int, default=5, help="of each pose")
    parser.add_argument("--fast", action="store_true", help="in one process, in simulated time")
    parser.add_argument("--undisturbed", action="store_true", help="with nothing wrong, for comparison")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grasps", type=Path, default=Path("data/grasps.npz"), help="where the poses are taken from")
    parser.add_argument("--output", type=Path, help="folder (default: runs/rehearsal, with what differs in its name)")
    parser.add_argument("--strips", type=int, default=8, help="failures drawn")
    parser.add_argument("--document", type=Path, help=f"Markdown whose block <!-- begin {BLOCK} --> is made anew")
    return parser


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the rehearsal; told to terminate, it ends its controller, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    parser = _parser()
    given = parser.parse_args(args)
    wrong = Disturbances.none() if given.undisturbed else Disturbances()
    try:
        if given.document is not None:
            check_output(given.document)
        grasps, policy = load_grasp_set(given.grasps), load_control_policy(given.policy)
        check_policy_hand(policy, grasps, given.policy)
        made_of: dict[str, Any] = {
            "policy": policy_digest(given.policy), "objects": given.objects, "seed": given.seed,
            "link": "simulated time" if given.fast else "UDP, real time", "disturbances": asdict(wrong),
            "impratio": IMPRATIO, **made_with(grasps, given.policy),
        }  # fmt: skip
        parts = [given.objects, *(["fast"] if given.fast else []), *(["undisturbed"] if given.undisturbed else [])]
        store = TrialStore(given.output or Path("runs") / "_".join(["rehearsal", *parts]), made_of)
        families = None if given.families is None else tuple(given.families)
        plan = TrialPlan(
            grasps, ObjectLibrary(), given.objects, trials=given.trials, seed=given.seed,
            families=families,
        )  # fmt: skip
        rehearsal = Rehearsal(given.policy, store, wrong, policy if given.fast else None)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        parser.error(str(error))
    with logging_redirect_tqdm():
        done = rehearsal.run(plan.trials())
    _write(done, store.folder, made_of, given)


def _write(done: Done, folder: Path, made_of: dict[str, Any], given: argparse.Namespace) -> None:
    found = summary(done)
    write_atomically(folder / "results.json", json.dumps({**found, "made_of": made_of}, indent=1).encode())
    about = "In simulated time, in one process." if given.fast else (
        f"In real time over UDP; {100.0 * found['late_share']:.1f} % of the control periods came to an end late."
    )  # fmt: skip
    text = results_table(found, f"{'Nothing wrong' if given.undisturbed else 'All disturbances on'}. {about}")
    write_atomically(folder / "table.md", f"{text}\n".encode())
    _LOG.info("%s\n\nwrote %s", text, folder / "results.json")
    if (sheet := filmstrips(done, given.strips)) is not None:
        _LOG.info("wrote %s", save_png(folder / "failures.png", sheet, num_colours=256))
    if given.document is not None:
        document = fill(given.document.read_text(encoding="utf-8"), {BLOCK: text})
        write_atomically(given.document, document.encode())
        _LOG.info("wrote %s", given.document)


if __name__ == "__main__":
    main()
