"""Kills a training run of the residual policy at random moments, resumes it, and compares it with one left alone.

The tiny run of configs/smoke/residual_ppo.yaml through the real command line. Prints JSON: how often it was killed, the
epochs that had been saved then, and whether weights and optimiser are equal to the bit in the end.

    python benchmarks/resume_after_kill.py --kills 5 --epochs 30
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from _machine import machine
from tqdm import tqdm


def start(root: Path, epochs: int) -> "subprocess.Popen[bytes]":
    """The training run in a process of its own; it goes on where the folder's last checkpoint stands."""
    command = [
        sys.executable, "-m", "lightning_modules.cli", "fit", "--config", "configs/residual_ppo.yaml",
        "--config", "configs/smoke/residual_ppo.yaml", "--trainer.max_epochs", str(epochs),
        "--trainer.check_val_every_n_epoch", str(10 * epochs), "--trainer.default_root_dir", str(root),
    ]  # fmt: skip
    if (root / "checkpoints" / "last.ckpt").exists():
        command += ["--ckpt_path", "last"]
    root.mkdir(exist_ok=True)
    with (root / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )


def last(root: Path) -> dict[str, Any]:
    """The newest checkpoint of a run; empty before the first."""
    path = root / "checkpoints" / "last.ckpt"
    content: dict[str, Any] = torch.load(path, weights_only=True) if path.exists() else {}
    return content


def same(first: Any, second: Any) -> bool:
    """Nested containers with equal tensors and numbers."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def main() -> None:
    """One run left alone, one killed and resumed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seconds", type=float, nargs=2, default=(14.0, 24.0), help="life of a run that is killed")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    given = parser.parse_args()
    moments = random.Random(given.seed)
    saved: list[int] = []
    with tempfile.TemporaryDirectory() as folder, tqdm(total=given.kills + 2, unit="run") as bar:
        alone, killed = Path(folder) / "alone", Path(folder) / "killed"
        if start(alone, given.epochs).wait() != 0:
            raise SystemExit((alone / "log.txt").read_text()[-2000:])
        bar.update()
        for _ in range(given.kills):
            process = start(killed, given.epochs)
            try:
                process.wait(moments.uniform(*given.seconds))
                raise SystemExit("a run ended before it was killed; give more --epochs")
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            saved.append(int(last(killed).get("epoch", -1)) + 1)
            bar.update()
        start(killed, given.epochs).wait()
        bar.update()
        first, second = last(alone), last(killed)
    report = {
        "benchmark": "resume_after_kill",
        "kills": given.kills,
        "epochs": given.epochs,
        "epochs_saved_at_kills": saved,
        "same_weights": same(first["state_dict"], second["state_dict"]),
        "same_optimiser": same(first["optimizer_states"], second["optimizer_states"]),
        "machine": machine(),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
