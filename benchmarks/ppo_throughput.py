"""Agent steps per second of training the residual policy, end to end, and where the time goes. Prints JSON.

A real Trainer runs the module and the data module of a configuration; an agent step is one control step of one world.
The first rollout warms up (objects are made, models compiled, neighbours grouped) and does not count. The policy
explores from the start: what counts is the reinforcement learning, not the imitation before it. A turn lasts from the
end of one training step to the end of the next, so nothing is left out. Shares of it:
    physics     stepping the worlds, observing them, computing rewards
    lift        the lifts that end the episodes
    primitive   the frozen primitive: encoding clouds, following the field
    policy      the policy while it acts
    update      advantages and gradient steps
    other       the rest: drawing episodes, stacking, waiting for the slower part of the worlds, Lightning
Where the worlds are divided among threads, the first four are means over the parts. `models` says how many objects the
episodes cycle through, how many models each turn compiled, ahead in the background or not, and how long anybody waited
for one; give a grasp set of many objects with --path and its --split-file.

    python benchmarks/ppo_throughput.py --rollouts 5
    python benchmarks/ppo_throughput.py --config configs/residual_ppo.yaml configs/paper/residual_ppo.yaml
"""

import argparse
import itertools
import json
import logging
import statistics
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from _machine import load_average, machine, memory_gb
from jsonargparse import ActionConfigFile
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from datamodules.rollouts.module import RolloutDataModule
from datamodules.types import Rollout
from envs.command_line import SettingsParser
from lightning_modules.quiet import quieten

PARTS = ("physics", "lift", "primitive", "policy", "update", "other")


@dataclass
class Turns(Callback):
    """Seconds of every turn and of its parts, the first one included.

    Attributes:
        data: gives the rollouts.
        total: wall-clock seconds of each turn.
        parts: seconds by part of each turn.
        steps: agent steps of each turn.
        compiled: models of objects compiled up to the end of each turn; 0 where the simulator keeps none of its own.
        waited: seconds that the worlds had waited for models by then.
    """

    data: RolloutDataModule
    total: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    compiled: list[int] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The first turn begins."""
        self._began = time.perf_counter()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """The rollout is there."""
        self._collected = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Rollout, batch_idx: int
    ) -> None:
        """A turn ends and the next one begins."""
        now = time.perf_counter()
        known = {name: batch.seconds.get(name, 0.0) for name in PARTS[:4]} | {"update": now - self._collected}
        whole = now - self._began
        self.total.append(whole)
        self.parts.append({**known, "other": whole - sum(known.values())})
        self.steps.append(batch.num_agent_steps)
        cache = getattr(self.data.physics, "cache", None)
        models = None if cache is None else cache(self.data.hand)
        self.compiled.append(0 if models is None else models.num_compiled)
        self.waited.append(0.0 if models is None else models.waited_s)
        self._began = now


def build(configs: list[str], changes: dict[str, Any]) -> argparse.Namespace:
    """Module and data module of configurations, the later ones over the earlier, and of changed settings."""
    parser = SettingsParser(exit_on_error=False)
    parser.add_argument("--config", action=ActionConfigFile)
    parser.add_subclass_arguments(LightningModule, "model", required=True)
    parser.add_subclass_arguments(LightningDataModule, "data", required=True)
    parser.add_argument("--trainer", type=dict)
    parser.add_argument("--seed_everything", type=int)
    options = [f"--config={path}" for path in configs]
    options += [f"--{name}={value}" for name, value in changes.items() if value is not None]
    built: argparse.Namespace = parser.instantiate(parser.parse_args(options))
    return built


def train(
    built: argparse.Namespace, rollouts: int, *more: Callback, turns: Turns | None = None, ranks: int = 1
) -> Turns:
    """One epoch of so many rollouts, without logger, checkpoints and validation; with ``more`` callbacks.

    Args:
        built: module and data module.
        rollouts: how many.
        more: further callbacks.
        turns: watches; one of its own when None.
        ranks: processes that train together, on the CPU where they are several.
    """
    turns = Turns(built.data) if turns is None else turns
    trainer = Trainer(
        accelerator="auto" if ranks == 1 else "cpu",
        strategy="auto" if ranks == 1 else "ddp",
        devices=ranks,
        max_epochs=1,
        limit_train_batches=rollouts,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[turns, *more],
    )
    trainer.fit(built.model, datamodule=built.data)
    return turns


def summary(turns: Turns) -> dict[str, Any]:
    """Medians over the turns after the first, and shares of the whole time."""
    total, parts, steps = turns.total[1:], turns.parts[1:], turns.steps[1:]
    whole = sum(total)
    rates = [count / seconds for count, seconds in zip(steps, total, strict=True)]
    return {
        "agent_steps_per_second": round(statistics.median(rates)),
        "agent_steps_per_second_of_turns": {"lowest": round(min(rates)), "highest": round(max(rates))},
        "shares": {name: round(sum(part[name] for part in parts) / whole, 3) for name in PARTS},
        "ms_per_agent_step": {name: round(1e3 * sum(part[name] for part in parts) / sum(steps), 4) for name in PARTS},
        "warm_up_s": round(turns.total[0], 2),
    }


def models(turns: Turns) -> dict[str, Any]:
    """What the number of objects costs, the first turn left out where turns are counted."""
    waited = [round(after - before, 3) for before, after in itertools.pairwise(turns.waited)]
    return {
        "objects": len(turns.data.targets("train").grasp_objects),
        "compiled_of_turns": [after - before for before, after in itertools.pairwise(turns.compiled)],
        "compiled_to_warm_up": turns.compiled[0],
        "waited_s_of_turns": waited,
        "waited_share": round(sum(waited) / sum(turns.total[1:]), 4),
    }


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", nargs="+", default=["configs/residual_ppo.yaml"], help="and overlays after it")
    parser.add_argument("--worlds", type=int, default=None, help="worlds; those of the configuration when left out")
    parser.add_argument("--rollouts", type=int, default=5, help="rollouts that count, after one to warm up")
    parser.add_argument("--primitive", default=None, help="checkpoint; that of the configuration when left out")
    parser.add_argument("--path", default=None, help="grasp set; that of the configuration when left out")
    parser.add_argument("--split-file", default=None, help="of the grasp set; that of the configuration when left out")
    parser.add_argument("--threads", type=int, default=None, help="of torch and of the physics; their own choice else")
    options = parser.parse_args(args)
    if options.rollouts < 1:
        parser.error(f"--rollouts is {options.rollouts}; at least 1 has to count")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    load = load_average()
    changes = {
        "model.init_args.primitive": options.primitive,
        "model.init_args.imitation_rollouts": 0,
        "data.init_args.path": options.path,
        "data.init_args.split_file": options.split_file,
        "data.init_args.num_worlds": options.worlds,
        "data.init_args.rollouts_per_epoch": options.rollouts + 1,
        "data.init_args.num_threads": options.threads,
    }
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        quieten()
        built = build(options.config, changes)
        turns = train(built, options.rollouts + 1)
    report = {
        "benchmark": "ppo_throughput",
        "config": options.config,
        "worlds": built.data.num_worlds,
        "rollouts": options.rollouts,
        **summary(turns),
        "models": models(turns),
        "memory_gb": memory_gb(),
        "threads": torch.get_num_threads(),
        "machine": machine(load),
        "torch": torch.__version__,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
