"""What it costs to find the groups of a cloud whose object is not known, with the encoder of a checkpoint. Prints JSON.

For one cloud and for a batch, milliseconds, the shortest of many turns (other load only adds):
    anew     groups found in the cloud itself, as for a camera's
    known    groups of its object looked up, and the cloud compared with it
    encode   the cloud feature, given the groups

    python benchmarks/grouping.py
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import torch
from _machine import load_average, machine
from gf_training import synthetic_clouds

from envs.geometry.object_clouds import KnownObjects, ObjectClouds
from lightning_modules.primitive import GraspPrimitive


def shortest_ms(function: Callable[[], object], repeats: int) -> float:
    """Shortest duration after a first call."""
    function()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        durations.append(time.perf_counter() - began)
    return round(1.0e3 * min(durations), 3)


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="pretrained/gf.ckpt", help="a score module whose encoder groups points")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 128], help="clouds at once")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--threads", type=int, default=None, help="torch threads; torch's own choice when left out")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(args)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    load = load_average()
    network = GraspPrimitive.from_checkpoint(options.checkpoint).module.network.to(options.device)
    spec = network.encoder.grouping_spec
    if spec is None:
        parser.error(f"the encoder of {options.checkpoint} needs no groups; give one with a PointNet2Encoder")
    rows = {}
    for batch in options.batch:
        clouds = synthetic_clouds(batch)
        objects, points = KnownObjects(ObjectClouds(clouds), torch.arange(batch)), clouds.to(options.device)
        groups = spec.build(points)
        with torch.no_grad():
            rows[batch] = {
                "anew": shortest_ms(partial(_waited, spec.build, points), options.repeats),
                "known": shortest_ms(partial(_waited, objects.grouping, spec, points), options.repeats),
                "encode": shortest_ms(partial(_waited, network.encode, points, groups), options.repeats),
            }
    report = {
        "benchmark": "grouping",
        "levels": [vars(level) for level in spec.levels],
        "points": clouds.shape[1],
        "ms": rows,
        "device": options.device,
        "threads": torch.get_num_threads(),
        "machine": machine(load),
    }
    print(json.dumps(report, indent=2))


def _waited(work: Callable[..., object], *given: object) -> object:
    """What the work gives, once it is there: an accelerator computes on while Python goes on."""
    result = work(*given)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result


if __name__ == "__main__":
    main()
