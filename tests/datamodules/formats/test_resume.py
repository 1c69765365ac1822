"""A conversion that SIGKILL ends at its worst moments goes on where it stood, to the same set."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from datamodules.convert import main
from datamodules.grasps.grasp_file import load_grasp_set
from tests.learning import ROOT

NAMES = ("bottle", "can", "mug", "pot")


def arguments(source: Path, folder: Path) -> list[str]:
    return [
        str(source),
        "--output",
        str(folder / "out.npz"),
        "--split_file",
        str(folder / "out.json"),
        "--num_workers",
        "1",
    ]


def kill_when(there: str, source: Path, folder: Path, moments: random.Random) -> None:
    """Start a conversion and kill it and its workers a moment after a part of that name is there."""
    command = [sys.executable, "-m", "datamodules.convert", *arguments(source, folder)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
    while not list(folder.glob(f"out_parts/{there}/*.npz")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    time.sleep(moments.uniform(0.0, 0.05))
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_killed_conversion_goes_on_to_the_same_set(dexgraspnet: Callable[..., Path], tmp_path: Path) -> None:
    for name in NAMES:
        source = dexgraspnet(
            {}, {"scale": float("nan")}, code=f"core-{name}-1a2b", with_plane=True
        )  # of two the second is bad
    killed, alone, moments = tmp_path / "killed", tmp_path / "alone", random.Random(0)
    kill_when("read", source, killed, moments)
    kill_when("verified", source, killed, moments)
    assert not (killed / "out.npz").exists()
    done = {path: path.stat().st_mtime_ns for path in killed.glob("out_parts/*/*.npz")}
    assert 0 < len(list(killed.glob("out_parts/verified/*.npz"))) < len(NAMES)
    for folder in (killed, alone):
        main(arguments(source, folder))
    again, whole = load_grasp_set(killed / "out.npz"), load_grasp_set(alone / "out.npz")
    assert len(whole) > 0
    assert again.objects == whole.objects
    for column in whole.row_fields:
        np.testing.assert_array_equal(getattr(again, column), getattr(whole, column))
    assert {path: path.stat().st_mtime_ns for path in done} == done  # nothing was done twice
    for name in ("rejected", "summary"):
        assert (killed / f"out_{name}.json").read_text() == (alone / f"out_{name}.json").read_text()
    assert not list(killed.rglob("*.tmp"))
