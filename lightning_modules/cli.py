"""The command line: ``python -m lightning_modules.cli {fit,validate,test} --config configs/gf.yaml``."""

import importlib
import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from lightning_modules.primitive import read_checkpoint

_FREE_IN_EVALUATION: dict[str, tuple[str, ...]] = {
    "lightning_modules.score_module.ScoreMatchingModule": (
        "learning_rate", "warmup_steps", "decay_to", "draws", "eps", "seed", "follower",
    ),
    "lightning_modules.residual_ppo_module.ResidualPPOModule": (
        "encoder_checkpoint", "epochs", "minibatch_size", "gamma", "lam", "clip", "value_coefficient",
        "entropy_coefficient", "max_grad_norm", "learning_rate", "learning_rate_rule", "critic_learning_rate",
        "imitation_rollouts", "imitation_epochs", "imitation_learning_rate", "seed",
    ),
}  # fmt: skip
"""Hyper-parameters that may differ when a checkpoint is only evaluated: they say how it was trained, not what it does.
For a score module how its field is followed, too; a policy was trained on one way of following it."""

_PRIMITIVE = "primitive"
"""Setting of a policy that names the file of its primitive: held against the checkpoint by content, not by name."""

_FREE_IN_RESUMING = (
    "max_train_evaluation", "max_validation", "num_threads", "physics.init_args.dump_dir",
    "physics.init_args.max_models",
)  # fmt: skip
"""Settings of a data module that do not change what a run trains on."""

_TRAINER_SETTINGS = ("precision", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
"""Settings of the trainer that change what is learnt; Lightning does not keep them in checkpoints."""

_DEFAULT_PRECISION = "32-true"

_PROCESSES = "processes"
"""Under this name checkpoints keep how many processes made them: each has batches, rollouts and noise of its own."""

_HARMLESS_WARNINGS = (
    # the streams shard by rank themselves and are read with num_workers=0 (datamodules/grasps/module.py)
    r".*Your `IterableDataset` has `__len__` defined.*",
    # batches are gathered from tensors in memory: workers would only copy them (datamodules/grasps/dataset.py)
    r".*does not have many workers which may be a bottleneck.*",
    # Lightning's own use of torch; nothing that a user could change
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
    # it names the folder of a finished or resumed run; RunCheckpoint replaces last.ckpt on purpose
    r".*Checkpoint directory .* exists and is not empty.*",
    # a policy's primitive is frozen and stays in evaluation mode (lightning_modules/residual_ppo_module.py)
    r".*module\(s\) in eval mode at the start of training.*",
    # trials and episodes of the validation are run by the first of several processes alone (callbacks/)
    r".*It is recommended to use `self.log\('val/.*', \.\.\., sync_dist=True\)`.*",
    # a test run has no training state to restore: the averaged weights are those of the checkpoint
    # (callbacks/training/ema.py)
    r".*loading a checkpoint outside the 'fit' stage.*",
)


class TrainingSettings(Callback):
    """Keeps in every checkpoint those settings of the trainer that change what is learnt, and how many processes do.

    Args:
        settings: plain values by name; see `training_settings`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count the processes: devices may be ``auto`` in the configuration."""
        self.settings[_PROCESSES] = trainer.world_size

    def state_dict(self) -> dict[str, Any]:
        """The settings."""
        return self.settings


def training_settings(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a ``trainer`` configuration that changes what is learnt: _TRAINER_SETTINGS and averaged weights."""
    settings = {name: trainer.get(name) for name in _TRAINER_SETTINGS}
    settings["precision"] = str(settings["precision"] or _DEFAULT_PRECISION)
    callbacks = trainer.get("callbacks") or []
    items = callbacks if isinstance(callbacks, list) else [callbacks]  # a single one may be given without a list
    averages = [item for item in items if _averages_weights(item["class_path"])]
    settings["weight_averages"] = [
        {"class_path": item["class_path"], **(item.get("init_args") or {})} for item in averages
    ]
    return settings


def _averages_weights(class_path: str) -> bool:
    module, _, name = class_path.rpartition(".")
    return issubclass(getattr(importlib.import_module(module), name), WeightAveraging)


class GraspCLI(LightningCLI):
    """LightningCLI that holds the configuration against a checkpoint instead of letting the checkpoint win.

    ``trainer.default_root_dir`` decides where everything of a run goes, the logger's files included.
    """

    _resumed_processes: int | None = None

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser that refuses abbreviations: a misspelt option must not become another one."""
        return super().init_parser(**{"allow_abbrev": False, **kwargs})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """One folder a run: overlays change ``trainer.default_root_dir`` only."""
        parser.link_arguments("trainer.default_root_dir", "trainer.logger.init_args.save_dir")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer whose checkpoints know its settings."""
        trainer = super().instantiate_trainer(**kwargs)
        if self.subcommand is not None:
            settings = training_settings(self.config[self.subcommand].trainer.as_dict())
            trainer.callbacks.append(TrainingSettings(settings))  # type: ignore[attr-defined]
        return trainer

    def before_fit(self) -> None:
        """Refuse to resume with another number of processes."""
        made_by, given = self._resumed_processes, self.trainer.world_size
        if made_by not in (None, given):
            self.parser.error(
                f"checkpoint {self.config['fit'].ckpt_path} was made by {made_by} processes (trainer.devices times "
                f"trainer.num_nodes), this run has {given}; use as many, or train anew without --ckpt_path"
            )

    def _parse_ckpt_path(self) -> None:
        """Refuse a checkpoint of another network, and resuming with changed hyper-parameters.

        Lightning would silently replace the configuration by the checkpoint's hyper-parameters.
        """
        subcommand = self.config.get("subcommand")
        if not subcommand or not self.config[subcommand].get("ckpt_path"):
            return
        config = self.config[subcommand]
        try:
            config.ckpt_path = str(_checkpoint_file(config.ckpt_path, config.trainer.default_root_dir))
            content = read_checkpoint(config.ckpt_path)
            _check_checkpoint(config.ckpt_path, content, config.as_dict(), resumes=subcommand == "fit")
        except (ValueError, FileNotFoundError) as error:
            self.parser.error(str(error))
        if subcommand == "fit":
            self._resumed_processes = int(_kept_settings(content).get(_PROCESSES, 1))


def _checkpoint_file(given: str, root: str | None) -> Path:
    """The file that ``--ckpt_path`` stands for; ``last`` is the newest checkpoint in the run's root folder."""
    if given == "last":
        return Path(root or ".") / "checkpoints" / "last.ckpt"
    if given in ("best", "hpc"):
        raise ValueError(f"ckpt_path is {given!r}, which the command line cannot resolve; give a file, or last")
    return Path(given)


def _kept_settings(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `TrainingSettings` kept in a checkpoint; nothing in those of before there was one."""
    kept: Mapping[str, Any] = content.get("callbacks", {}).get(TrainingSettings.__qualname__, {})
    return kept


def _check_checkpoint(path: str, content: Mapping[str, Any], config: Mapping[str, Any], *, resumes: bool) -> None:
    """Hold the content of a checkpoint against the configuration; see `check_same_settings`."""
    if resumes and "optimizer_states" not in content:
        raise ValueError(
            f"checkpoint {path} has no field optimizer_states: it was exported and cannot be trained on; resume from a "
            "file in the run's folder checkpoints"
        )
    model = config["model"]
    free = () if resumes else _FREE_IN_EVALUATION.get(str(model.get("class_path")), ("learning_rate", "seed"))
    check_same_settings(path, "model", model, content.get("hyper_parameters", {}), ignore=(*free, _PRIMITIVE))
    if _PRIMITIVE in (model.get("init_args") or {}):
        check_same_primitive(path, content["state_dict"], model["init_args"][_PRIMITIVE])
    if resumes:
        check_same_settings(
            path, "data", config["data"], content.get("datamodule_hyper_parameters", {}), ignore=_FREE_IN_RESUMING
        )
        kept = _kept_settings(content)
        if kept:
            given = _flat(training_settings(config["trainer"]))
            _check_same(path, "trainer", given, _flat(kept), ignore=(_PROCESSES,))


def check_same_primitive(path: str, weights: Mapping[str, Tensor], primitive: str) -> None:
    """Hold the primitive inside a policy's checkpoint against the file that the configuration names.

    Raises:
        FileNotFoundError, ValueError: no such file, another architecture, or other weights.
    """
    prefix = "score_module."
    inside = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    given = read_checkpoint(primitive)["state_dict"]
    remedy = "give the primitive that the policy was trained with (model.primitive)"
    for name in [*inside, *given]:
        shapes = [tuple(part[name].shape) if name in part else None for part in (inside, given)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"checkpoint {path} holds a policy on a primitive of another architecture than {primitive}: {name} is "
                f"{shapes[0] or 'absent'} there and {shapes[1] or 'absent'} here; {remedy}"
            )
    for name, value in inside.items():
        if not torch.equal(value, given[name]):
            raise ValueError(
                f"checkpoint {path} holds a policy on another primitive than {primitive}: {name} has other values; "
                f"{remedy}"
            )


def check_same_settings(
    path: str, part: str, config: Mapping[str, Any], stored: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> None:
    """Compare a class_path/init_args configuration with the hyper-parameters in a checkpoint.

    Raises:
        ValueError: a setting differs; names it with both values.
    """
    given = _flat({"class_path": config.get("class_path"), **dict(config.get("init_args") or {})})
    kept = {key: value for key, value in stored.items() if not key.startswith("_")}
    if not kept:
        raise ValueError(
            f"checkpoint {path} holds no settings of its {part}; it was not made through lightning_modules.cli fit"
        )
    expected = _flat({"class_path": stored.get("_class_path"), **kept})
    _check_same(path, part, given, expected, ignore=ignore)


def _check_same(
    path: str, part: str, given: Mapping[str, Any], expected: Mapping[str, Any], *, ignore: Sequence[str] = ()
) -> None:
    """Compare flat settings; a class before what it is given."""
    for key in sorted(
        set(given) | set(expected), key=lambda name: (not name.endswith("class_path"), name.count("."), name)
    ):
        if key in ignore or re.split(r"[.[]", key)[0] in ignore:
            continue
        if given.get(key) != expected.get(key):
            raise ValueError(
                f"checkpoint {path} was made with {part}.{key} = {expected.get(key)!r}, the configuration says "
                f"{given.get(key)!r}; use the checkpoint's configuration, or train anew without --ckpt_path"
            )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested containers as dotted keys with plain values."""
    if isinstance(value, Mapping):
        items: dict[str, Any] = {}
        for key, item in value.items():
            items |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
        return items
    if isinstance(value, list | tuple):
        items = {}
        for index, item in enumerate(value):
            items |= _flat(item, f"{prefix}[{index}]")
        return items
    return {} if value is None else {prefix: value}


def quieten() -> None:
    """Leave out what a newcomer would take for a fault and is none; every other warning stays."""
    for message in _HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    # advertisement of another product in every run
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_not_a_tip)
    # diverged worlds are counted and reported by the evaluation
    logging.getLogger("envs.physics").setLevel(logging.ERROR)


def _is_not_a_tip(record: logging.LogRecord) -> bool:
    return "litlogger" not in record.getMessage()


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; ``args`` stands in for the process's arguments in tests and notebooks."""
    # of several processes the first one alone tells what it does
    is_first = getattr(rank_zero_only, "rank", 0) == 0
    logging.basicConfig(level=logging.INFO if is_first else logging.WARNING, format="%(message)s")
    with warnings.catch_warnings():
        quieten()
        GraspCLI(
            LightningModule,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_kwargs={"overwrite": True},
            args=None if args is None else list(args),
        )


if __name__ == "__main__":
    main()
