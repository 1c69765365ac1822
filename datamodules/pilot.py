"""Find the prototypes of every grasp type: ``python -m datamodules.pilot --output prototypes.json``."""

import json
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from datamodules.synthesis.prototype_search import PilotSettings, run_pilot
from datamodules.synthesis.prototypes import Prototype, Prototypes
from datamodules.workers import worker_pool
from envs.command_line import run_command
from envs.files import check_output, write_atomically
from envs.hand.hand import Hand
from envs.hand.registry import load_hand
from envs.objects.library import ObjectLibrary
from envs.physics.base import PhysicsFactory
from envs.plain_errors import plain_errors
from envs.workers import call_plainly, checked_workers

_ABOUT = (
    "Grasp types as open-to-closed lines of the actuated joints, radians; verified: grasps each had in the pilot. "
    "Made by: python -m datamodules.pilot"
)


def _pilot_of_type(
    hand: Hand,
    grasp_type: str,
    names: list[str],
    split_file: str | None,
    settings: PilotSettings,
    physics: PhysicsFactory | None,
) -> tuple[str, tuple[Prototype, ...]]:
    library = ObjectLibrary(split_file)
    return grasp_type, run_pilot(hand, grasp_type, [library.get(name) for name in names], settings, physics=physics)


def prototypes_json(hand: Hand, found: Prototypes, settings: PilotSettings) -> str:
    """The prototype file's text: one joint vector a line, so that changes can be read."""
    blocks = []
    for grasp_type in (name for name in hand.type_names if name in found):
        lines = []
        for line in found[grasp_type]:
            opened, closed = (json.dumps([round(float(v), 3) for v in joints]) for joints in (line.open, line.closed))
            lines.append(f'   {{"open": {opened},\n    "closed": {closed},\n    "verified": {line.verified}}}')
        blocks.append(f'  "{grasp_type}": [\n' + ",\n".join(lines) + "\n  ]")
    head: dict[str, Any] = {
        "about": _ABOUT,
        "hand": hand.name,
        "num_lines": settings.num_lines,
        "num_tried": settings.num_tried,
        "seed": settings.seed,
        "joint_order": list(hand.joints),
    }
    entries = [f' "{key}": {json.dumps(value)}' for key, value in head.items()]
    return "{\n" + ",\n".join(entries) + ',\n "types": {\n' + ",\n".join(blocks) + "\n }\n}\n"


def pilot(
    output: Path,
    hand: str = "shadow",
    types: list[str] | None = None,
    num_objects: int = 24,
    settings: PilotSettings | None = None,
    split_file: str | None = None,
    num_workers: int | None = None,
    physics: PhysicsFactory | None = None,
) -> None:
    """Try wide random lines of joints on a few objects and keep, for each grasp type, those that verify most.

    Args:
        output: JSON file to write, e.g. datamodules/synthesis/prototypes_shadow.json.
        hand: name of the hand, see envs.hand.registry.
        types: grasp types; all of the hand when null.
        num_objects: training objects to try on.
        settings: size of the pilot.
        split_file: objects; the default split file when null.
        num_workers: processes; one per core when null.
        physics: makes the worlds; MuJoCo on the CPU when null.
    """
    checked_workers(num_workers)
    check_output(output, split_file)
    settings = settings or PilotSettings()
    grasping = load_hand(hand)
    chosen = list(grasping.type_names) if types is None else types
    for grasp_type in chosen:
        grasping.grasp_type(grasp_type)
    if not chosen:
        raise ValueError(f"types is {types}; name some of {', '.join(grasping.type_names)}, or null for all")
    names = ObjectLibrary(split_file).names("train")
    if num_objects < 1 or not names:
        raise ValueError(
            f"num_objects is {num_objects}, and split file {split_file or 'full'} has {len(names)} training objects to "
            "try shapes on; at least one is needed: raise num_objects, or give a split file with objects in 'train'"
        )
    rng = np.random.default_rng(settings.seed)
    names = [names[index] for index in sorted(rng.permutation(len(names))[:num_objects])]
    found: dict[str, tuple[Prototype, ...]] = {}
    with worker_pool(num_workers) as pool, tqdm(total=len(chosen), desc="pilot", unit="type") as bar:
        futures = [
            pool.submit(call_plainly, _pilot_of_type, grasping, name, names, split_file, replace(settings), physics)
            for name in chosen
        ]
        for future in as_completed(futures):
            name, prototypes = future.result()
            found[name] = prototypes
            bar.set_postfix_str(f"{name}: {[line.verified for line in prototypes]}")
            bar.update()
            write_atomically(output, prototypes_json(grasping, found, settings).encode())


def main(args: Sequence[str] | None = None) -> None:
    """Command line of the pilot."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
    try:
        run_command(pilot, args)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    with plain_errors():
        main()
