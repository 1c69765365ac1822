"""Seconds until the data module of the primitive is ready, and memory, at the paper's number of objects. Prints JSON.

A made-up grasp set (random grasps on the objects of a split file, five each) is loaded by new processes that share a
cache: the ``first`` builds all objects into it and gathers their clouds, the ``second`` maps the clouds. ``ready_s``
lasts from the data module's making to the first training batch and the first batch of each validation loader; importing
torch and Lightning comes before it (``import_s``). ``cpu_s`` is the processor time of the same, to which other work on
the machine does less; that of the builders of the first use is not in it. Then some steps are trained with the default
network, every object is grouped, and a part of the validation is run: ``memory_gb.highest`` includes all this.

    python benchmarks/data_loading.py
    python benchmarks/data_loading.py --split-file small --steps 20
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import load_average, machine, memory_gb

from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.hand.shadow import shadow_hand
from envs.objects.library import ObjectLibrary


def made_up_set(split_file: str, each: int) -> GraspSet:
    """Random grasps, ``each`` of every object of the split file."""
    library, rng = ObjectLibrary(split_file), np.random.default_rng(0)
    splits = {name: split for split in library.splits for name in library.names(split)}
    count = each * len(splits)

    def poses() -> Any:
        quat = rng.standard_normal((count, 4))
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        return np.concatenate([rng.uniform(-0.1, 0.1, (count, 3)), quat], axis=1).astype(np.float32)

    joints = shadow_hand().clamp(rng.uniform(-0.3, 1.2, (count, shadow_hand().num_joints))).astype(np.float32)
    return GraspSet(
        hand=shadow_hand(),
        objects=tuple(splits),
        object_splits=tuple(splits.values()),
        object_index=np.repeat(np.arange(len(splits), dtype=np.int32), each),
        object_pose_w=poses(),
        rest_pose_w=poses(),
        wrist_pose_o=poses(),
        joint_pos=joints,
        preshape=joints,
        type_index=rng.integers(len(shadow_hand().grasp_types), size=count).astype(np.uint8),
        aperture=rng.uniform(0.01, 0.1, count).astype(np.float32),
        links=rng.random((count, len(shadow_hand().links))) < 0.3,
        is_reachable=np.ones(count, dtype=bool),
        provenance={"made_for": "benchmarks/data_loading.py"},
    )


def load_once(path: str, split_file: str, steps: int) -> dict[str, Any]:
    """What one process measures."""
    began = time.perf_counter()
    import torch
    from lightning.pytorch import Trainer

    from datamodules.grasps.dataset import GraspTable
    from datamodules.grasps.module import GraspDataModule
    from lightning_modules.quiet import quieten
    from lightning_modules.score_module import ScoreMatchingModule

    quieten()
    imported, cpu = time.perf_counter(), time.process_time()
    data = GraspDataModule(path=path, split_file=split_file, batches_per_epoch=max(1, steps))
    sizes = [len(next(iter(loader))) for loader in (data.train_dataloader(), *data.val_dataloader())]
    ready, cpu = time.perf_counter(), time.process_time() - cpu
    loaded = memory_gb()
    if steps:
        module = ScoreMatchingModule()
        table = GraspTable(data.grasps, data.library, data.num_points)
        first_grasp = torch.as_tensor(np.unique(data.grasps.object_index, return_index=True)[1])
        for rows in first_grasp.split(64):
            batch = table.batch(rows)
            module.encode(batch.points_h, batch.objects, batch.table_h)
        Trainer(accelerator="cpu", max_epochs=1, limit_val_batches=5, num_sanity_val_steps=0, barebones=True).fit(
            module, data
        )
    return {
        "import_s": round(imported - began, 2),
        "ready_s": round(ready - imported, 2),
        "cpu_s": round(cpu, 2),
        "first_batches": sizes,
        "memory_loaded_gb": loaded.get("now"),
        "memory_gb": memory_gb(),
    }


def in_new_process(*args: str, cache: str) -> dict[str, Any]:
    """The JSON that this script prints with ``args`` in a process of its own."""
    ended = subprocess.run(
        [sys.executable, __file__, *args],
        env={**os.environ, "GRASPGF_CACHE": cache},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    report: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return report


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split-file", default="full", help="objects")
    parser.add_argument("--grasps", type=int, default=5, help="grasps of each object")
    parser.add_argument("--steps", type=int, default=100, help="training steps of the second use; 0 for none")
    parser.add_argument("--cache", default=None, help="folder of the objects' cache; an empty temporary one by default")
    parser.add_argument("--load", default=None, metavar="FILE", help="only load this grasp set, in this process")
    options = parser.parse_args(args)
    if options.load is not None:
        print(json.dumps(load_once(options.load, options.split_file, options.steps)))
        return
    load = load_average()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grasps.npz"
        grasps = made_up_set(options.split_file, options.grasps)
        save_grasp_set(grasps, path)
        cache = options.cache or str(Path(folder) / "cache")
        common = ("--load", str(path), "--split-file", options.split_file)
        first = in_new_process(*common, "--steps", "0", cache=cache)
        second = in_new_process(*common, "--steps", str(options.steps), cache=cache)
    report = {
        "benchmark": "data_loading",
        "split_file": options.split_file,
        "objects": len(grasps.objects),
        "grasps": len(grasps),
        "first": first,
        "second": second,
        "training_steps": options.steps,
        "machine": machine(load),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
