"""Converts a large source in DexGraspNet's table layout: rate, memory, and what SIGKILL at random moments changes.

The source is made of the small shipped set: each object's grasps over and over, wrists and joints a little off. One
conversion is left alone and timed, another is killed and run again until it is through; both have to give the same
set. Prints JSON; ``peak_gb`` is resident memory at its highest, of the largest process and of all at the same moment.

    python benchmarks/convert_scale.py --grasps 5000
    python benchmarks/convert_scale.py --grasps 100000 --kills 0
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

import numpy as np
import trimesh
from _machine import load_average, machine
from scipy.spatial.transform import Rotation

from datamodules.formats.openai_keys import write_keys
from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.grasp_object import GraspObject
from envs.objects.library import ObjectLibrary

SET = "data/grasps_small.npz"
NOISE_M, NOISE_RAD = 0.002, 0.03


def write_source(folder: Path, count: int, each: int) -> int:
    """Write ``count`` grasps, ``each`` of an object, with their meshes; return the number of objects."""
    grasps, library, rng = load_grasp_set(SET), ObjectLibrary("small"), np.random.default_rng(0)
    (folder / "dataset").mkdir(parents=True)
    left, objects = count, 0
    while left > 0:
        name = grasps.objects[objects % len(grasps.objects)]
        thing, code = library.get(name), f"core-{name.replace('_', '-')}-{objects}"
        size = float(np.linalg.norm(thing.vertices, axis=1).max())
        mesh = folder / "meshdata" / code / "coacd" / "decomposed.obj"
        mesh.parent.mkdir(parents=True)
        trimesh.Trimesh(thing.vertices / size, thing.faces, process=False).export(mesh)
        entries = np.empty(min(each, left), dtype=object)
        entries[:] = _entries(grasps.of_object(name), thing, size, len(entries), rng)
        np.save(folder / "dataset" / f"{code}.npy", entries, allow_pickle=True)
        left, objects = left - len(entries), objects + 1
    return objects


def _entries(
    grasps: GraspSet, thing: GraspObject, size: float, count: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Grasps of one object as the format has them, a little off those of the set."""
    hand, found = grasps.hand, []
    for row in np.arange(count) % len(grasps):
        joint_pos = hand.clamp(grasps.joint_pos[row] + NOISE_RAD * rng.standard_normal(hand.num_joints))
        both = np.concatenate([joint_pos, hand.coupled_from_actuated(joint_pos)]).tolist()
        wrist = grasps.wrist_pose_o[row].astype(np.float64)
        wrist[:3] += NOISE_M * rng.standard_normal(3)
        up = Rotation.from_quat(grasps.object_pose_w[row, 3:], scalar_first=True).inv().apply([0.0, 0.0, 1.0])
        plane = np.append(up, -(thing.vertices @ up).min())
        keys = write_keys(dict(zip(hand.all_joints, both, strict=True)), wrist)
        found.append({"qpos": keys, "scale": size, "plane": plane})
    return found


def start(source: Path, folder: Path, workers: int) -> "subprocess.Popen[bytes]":
    """The conversion in a process group of its own; it goes on where the folder's parts end."""
    folder.mkdir(exist_ok=True)
    command = [
        sys.executable, "-m", "datamodules.convert", str(source), "--output", str(folder / "out.npz"),
        "--split_file", str(folder / "objects.json"), "--num_workers", str(workers),
    ]  # fmt: skip
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def resident_gb(group: int) -> list[float]:
    """Resident memory, GB (10^9 bytes), of every process of a group; Linux only."""
    sizes = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(place.name)) == group:
                sizes.append(int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9)
        except OSError:
            continue  # it has ended
    return sizes


def watch(process: "subprocess.Popen[bytes]", limit_s: float, peaks: dict[str, float]) -> bool:
    """Wait for a process up to ``limit_s``, keep its highest memory; whether it has ended."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        sizes = resident_gb(process.pid)
        peaks["of_one"] = max(peaks["of_one"], *sizes, 0.0)
        peaks["of_all"] = max(peaks["of_all"], sum(sizes))
        if process.poll() is not None:
            return True
        time.sleep(0.2)
    return False


def finished(process: "subprocess.Popen[bytes]", folder: Path) -> GraspSet:
    """The set of a conversion that has ended."""
    if process.returncode != 0:
        raise SystemExit((folder / "log.txt").read_text()[-2000:])
    return load_grasp_set(folder / "out.npz")


def killed_and_resumed(source: Path, folder: Path, given: argparse.Namespace, alone_s: float) -> GraspSet:
    """The set of a conversion that SIGKILL ends at random moments, ``given.kills`` times."""
    moments, peaks = random.Random(given.seed), {"of_one": 0.0, "of_all": 0.0}
    for _ in range(given.kills):
        process = start(source, folder, given.workers)
        if watch(process, moments.uniform(0.1, 0.9) * alone_s / max(given.kills, 1), peaks):
            raise SystemExit("a conversion ended before it was killed; give more --grasps or fewer --kills")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process = start(source, folder, given.workers)
    watch(process, float("inf"), peaks)
    return finished(process, folder)


def main() -> None:
    """One conversion left alone, one killed and resumed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grasps", type=int, default=5000)
    parser.add_argument("--each", type=int, default=200, help="grasps of an object")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--kills", type=int, default=3, help="0: only the conversion that is left alone")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--folder", type=Path, help="folder to work in, which is kept; a temporary one when not given")
    given = parser.parse_args()
    load, peaks = load_average(), {"of_one": 0.0, "of_all": 0.0}
    with tempfile.TemporaryDirectory() as temporary:
        root = given.folder or Path(temporary)
        objects = write_source(root / "source", given.grasps, given.each)
        begin = time.monotonic()
        process = start(root / "source", root / "alone", given.workers)
        watch(process, float("inf"), peaks)
        alone, alone_s = finished(process, root / "alone"), time.monotonic() - begin
        summary = json.loads((root / "alone" / "out_summary.json").read_text())
        equal = None
        if given.kills:
            again = killed_and_resumed(root / "source", root / "killed", given, alone_s)
            equal = again.objects == alone.objects and all(
                np.array_equal(getattr(again, name), getattr(alone, name)) for name in alone.row_fields
            )
    result = {
        "grasps": given.grasps,
        "objects": objects,
        "seconds": round(alone_s, 1),
        "grasps_per_s": round(given.grasps / alone_s, 2),
        "hours_of_100000": round(1e5 * alone_s / given.grasps / 3600, 2),
        "peak_gb": {name: round(value, 3) for name, value in peaks.items()},
        "kills": given.kills,
        "is_equal_after_kills": equal,
        "summary": summary,
        "machine": machine(load),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
