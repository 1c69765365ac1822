"""The command line: ``python -m lightning_modules.cli {fit,validate,test} --config configs/gf.yaml``."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from lightning_modules.primitive import read_checkpoint

_FREE_IN_EVALUATION = ("learning_rate", "warmup_steps", "decay_to", "draws", "eps", "seed", "follower")
"""Hyper-parameters of a score module that may differ when a checkpoint is only evaluated."""

_DATA_OF_EVALUATION = ("max_train_evaluation",)
"""Settings of a data module that do not change what a run trains on."""


_HARMLESS_WARNINGS = (
    # the streams shard by rank themselves and are read with num_workers=0 (datamodules/grasps/module.py)
    r".*Your `IterableDataset` has `__len__` defined.*",
    # batches are gathered from tensors in memory: workers would only copy them (datamodules/grasps/dataset.py)
    r".*does not have many workers which may be a bottleneck.*",
    # Lightning's own use of torch; nothing that a user could change
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
    # it names the folder of a finished or resumed run; RunCheckpoint replaces last.ckpt on purpose
    r".*Checkpoint directory .* exists and is not empty.*",
    # a test run has no training state to restore: the averaged weights are those of the checkpoint (callbacks/ema.py)
    r".*loading a checkpoint outside the 'fit' stage.*",
)


class GraspCLI(LightningCLI):
    """LightningCLI that holds the configuration against a checkpoint instead of letting the checkpoint win.

    ``trainer.default_root_dir`` decides where everything of a run goes, the logger's files included.
    """

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser that refuses abbreviations: a misspelt option must not become another one."""
        return super().init_parser(**{"allow_abbrev": False, **kwargs})

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """One folder a run: overlays change ``trainer.default_root_dir`` only."""
        parser.link_arguments("trainer.default_root_dir", "trainer.logger.init_args.save_dir")

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
            _check_checkpoint(config.ckpt_path, config.as_dict(), resumes=subcommand == "fit")
        except (ValueError, FileNotFoundError) as error:
            self.parser.error(str(error))


def _checkpoint_file(given: str, root: str | None) -> Path:
    """The file that ``--ckpt_path`` stands for; ``last`` is the newest checkpoint in the run's root folder."""
    if given == "last":
        return Path(root or ".") / "checkpoints" / "last.ckpt"
    if given in ("best", "hpc"):
        raise ValueError(f"ckpt_path is {given!r}, which the command line cannot resolve; give a file, or last")
    return Path(given)


def _check_checkpoint(path: str, config: Mapping[str, Any], *, resumes: bool) -> None:
    """Hold a checkpoint against the configuration; see `check_same_settings`."""
    content = read_checkpoint(path)
    if resumes and "optimizer_states" not in content:
        raise ValueError(
            f"checkpoint {path} has no field optimizer_states: it was exported and cannot be trained on; resume from a "
            "file in the run's folder checkpoints"
        )
    check_same_settings(
        path, "model", config["model"], content.get("hyper_parameters", {}),
        ignore=() if resumes else _FREE_IN_EVALUATION,
    )  # fmt: skip
    if resumes:
        check_same_settings(
            path, "data", config["data"], content.get("datamodule_hyper_parameters", {}), ignore=_DATA_OF_EVALUATION
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
    for key in sorted(set(given) | set(expected)):
        if key.split(".")[0] in ignore:
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
    logging.basicConfig(level=logging.INFO, format="%(message)s")
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
