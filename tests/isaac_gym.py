"""An interpreter that has the stand-in for Isaac Gym (tests/fakes/isaacgym), for worker processes."""

import sys
from pathlib import Path

FAKES = Path(__file__).resolve().parent / "fakes"


def write_interpreter(folder: Path, mode: str = "", *, isaacgym: bool = True) -> str:
    """Path of a script that runs this Python with the stand-in, or without, misbehaving as ``mode`` says."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"python{mode}{isaacgym:d}"
    packages = f"PYTHONPATH='{FAKES}' " if isaacgym else ""
    path.write_text(f"#!/bin/sh\n{packages}FAKE_ISAACGYM={mode} exec '{sys.executable}' \"$@\"\n")
    path.chmod(0o755)
    return str(path)
