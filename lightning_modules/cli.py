"""The command line: ``python -m lightning_modules.cli {fit,validate,test} --config configs/gf.yaml``."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

from lightning_modules.primitive import read_checkpoint

_TRAINING_ONLY = ("learning_rate", "warmup_steps", "decay_to", "draws", "eps", "seed")
"""Hyper-parameters of a score module that may differ when a checkpoint is only evaluated."""

_DATA_OF_EVALUATION = ("path", "split_file", "max_train_evaluation")
"""Settings of a data module that do not change what a resumed run trains on in each step, or move with the machine."""


class GraspCLI(LightningCLI):
    """LightningCLI that holds the configuration against a checkpoint instead of letting the checkpoint win."""

    def _parse_ckpt_path(self) -> None:
        """Refuse a checkpoint of another network, and resuming with changed hyper-parameters.

        Lightning would silently replace the configuration by the checkpoint's hyper-parameters.
        """
        subcommand = self.config.get("subcommand")
        path = self.config[subcommand].get("ckpt_path") if subcommand else None
        if not path or path in ("best", "last", "hpc", "registry"):
            return
        config = self.config[subcommand].as_dict()
        try:
            content = read_checkpoint(path)
            check_same_settings(
                str(path), "model", config["model"], content.get("hyper_parameters", {}),
                ignore=() if subcommand == "fit" else _TRAINING_ONLY,
            )  # fmt: skip
            if subcommand == "fit":
                check_same_settings(
                    str(path), "data", config["data"], content.get("datamodule_hyper_parameters", {}),
                    ignore=_DATA_OF_EVALUATION,
                )  # fmt: skip
        except (ValueError, FileNotFoundError) as error:
            self.parser.error(str(error))


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
        return
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


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; ``args`` stands in for the process's arguments in tests and notebooks."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("envs.physics").setLevel(logging.ERROR)
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
