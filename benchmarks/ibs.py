"""The baseline IBS: milliseconds of a bisector surface, and agent steps per second of its training. Prints JSON.

Surfaces are those of stored grasps of a grasp set, the fingers open, half-way and closed, many hands at once in one
thread. Training is that of the configuration, by a real Trainer; the policy acts from the second rollout on, because a
small buffer of demonstrations is full then. Turns after it count; see benchmarks/ppo_throughput.py.

    python benchmarks/ibs.py --path data/grasps_small.npz --split-file small --worlds 64 --rollouts 2
"""

import argparse
import json
import logging
import statistics
import time
import warnings
from typing import Any

import numpy as np
import torch
from _machine import load_average, machine, memory_gb
from lightning.pytorch import Callback
from ppo_throughput import build, summary, train

from datamodules.grasps.grasp_file import load_grasp_set
from datamodules.rollouts.grasp_targets import grasp_targets
from envs.bisector.distance_fields import DistanceFields
from envs.bisector.distances import Scene
from envs.bisector.hand_shapes import HandShapes
from envs.bisector.surface import BisectorSurface
from envs.geometry.table import table_plane
from envs.geometry.transforms import pose_compose, pose_invert
from envs.objects.library import ObjectLibrary
from lightning_modules.quiet import quieten


class CpuSeconds(Callback):
    """CPU seconds of all threads at the end of each turn: they tell, on a busy machine, what an idle one would take."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """A turn ends."""
        self.ends.append(time.process_time())


def surface_ms(path: str, split_file: str | None, hands: int, closing: float) -> dict[str, Any]:
    """Milliseconds a hand of surfaces at stored grasps, the fingers ``closing`` of the way there, in one thread."""
    grasps = load_grasp_set(path)
    targets = grasp_targets(grasps.split("development"), ObjectLibrary(split_file), reachable_only=True)
    rows = np.random.default_rng(0).permutation(len(targets))[:hands]
    hand = targets.hand
    joints = hand.open_pose + closing * (targets.joint_pos[rows] - hand.open_pose)
    wrist_w, object_w = torch.as_tensor(targets.wrist_pose_w[rows]), torch.as_tensor(targets.object_pose_w[rows])
    fields, index = DistanceFields(targets.grasp_objects), torch.as_tensor(targets.object_index[rows])
    began = time.process_time()
    fields.prepare(index)
    preparing = 1e3 * (time.process_time() - began) / len(index.unique())
    object_h = pose_compose(pose_invert(wrist_w), object_w).float()
    scene = Scene(table_plane(wrist_w).float(), object_h, fields, index)
    shapes, surface = HandShapes(hand), BisectorSurface(hand.grasp_centre_h)
    coupled = torch.as_tensor(hand.coupled_from_actuated(joints))
    cpu, wall = [], []
    for _ in range(6):
        starts = time.process_time(), time.perf_counter()
        points = surface.find(shapes.place(torch.as_tensor(joints), coupled), scene)
        cpu.append(1e3 * (time.process_time() - starts[0]) / hands)
        wall.append(1e3 * (time.perf_counter() - starts[1]) / hands)
    return {
        "closing": closing,
        "cpu_ms_a_hand": round(min(cpu[1:]), 3),
        "wall_ms_a_hand": round(min(wall[1:]), 3),
        "points_a_hand": round(len(points) / hands),
        "cpu_ms_an_object_once": round(preparing, 1),
    }


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", nargs="+", default=["configs/baselines/ibs.yaml"], help="and overlays after it")
    parser.add_argument("--path", default="data/grasps.npz", help="grasp set, with development objects")
    parser.add_argument("--split-file", default=None, help="of the grasp set")
    parser.add_argument("--hands", type=int, default=64, help="surfaces at once")
    parser.add_argument("--worlds", type=int, default=None, help="worlds; those of the configuration when left out")
    parser.add_argument("--gradient-steps", type=int, default=None, help="after a rollout; those of the configuration")
    parser.add_argument("--rollouts", type=int, default=2, help="rollouts that count; 0 measures surfaces alone")
    options = parser.parse_args(args)
    load, threads = load_average(), torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    surfaces = [surface_ms(options.path, options.split_file, options.hands, closing) for closing in (0.0, 0.5, 1.0)]
    torch.set_num_threads(threads)
    report: dict[str, Any] = {"benchmark": "ibs", "surfaces": surfaces}
    if options.rollouts > 0:
        changes = {
            "model.init_args.demonstration_capacity": 100,
            "model.init_args.gradient_steps": options.gradient_steps,
            "data.init_args.path": options.path,
            "data.init_args.split_file": options.split_file,
            "data.init_args.num_worlds": options.worlds,
            "data.init_args.rollouts_per_epoch": options.rollouts + 1,
        }
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            quieten()
            built = build(options.config, changes)
            cpu = CpuSeconds()
            turns = train(built, options.rollouts + 1, cpu)
        steps = built.model.hparams["gradient_steps"]
        update = statistics.mean(part["update"] for part in turns.parts[1:])
        report["training"] = {"worlds": built.data.num_worlds, "rollouts": options.rollouts, **summary(turns)}
        spent = 1e3 * (cpu.ends[-1] - cpu.ends[0]) / sum(turns.steps[1:])
        report["training"] |= {
            "cpu_ms_per_agent_step": round(spent, 3),
            "gradient_steps_a_rollout": steps,
            "ms_a_gradient_step": round(1e3 * update / steps, 1),
        }
    report |= {"memory_gb": memory_gb(), "threads": threads, "machine": machine(load), "torch": torch.__version__}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
