"""The command line: ``python -m lightning_modules.cli {fit,validate,test} --config configs/gf.yaml``."""

import logging
import warnings
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, WeightAveraging
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from envs.command_line import SettingsParser
from envs.field_files import read_yaml
from envs.files import write_atomically
from envs.folder_lock import locked
from envs.plain_errors import plain_errors
from lightning_modules.checkpoints import read_checkpoint
from lightning_modules.quiet import quieten
from lightning_modules.settings_guard import PROCESSES, check_checkpoint, class_of
from lightning_modules.slurm import unchecked_checkpoints, was_queued_again, without_requeue
from lightning_modules.trainer_parts import without_idle_parts

_LOG = logging.getLogger(__name__)

_TRAINER_SETTINGS = ("precision", "gradient_clip_val", "gradient_clip_algorithm", "accumulate_grad_batches")
"""Settings of the trainer that change what is learnt; Lightning does not keep them in checkpoints."""

_DEFAULT_PRECISION = "32-true"

TEST_CONFIG = "test.yaml"
"""In the folder of a run: the configuration of its last test, command line and checkpoint included."""


class TrainingSettings(Callback):
    """Keeps in every checkpoint those settings of the trainer that change what is learnt, and how many processes do.

    Args:
        settings: plain values by name; see `training_settings`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count the processes: devices may be ``auto`` in the configuration."""
        self.settings[PROCESSES] = trainer.world_size

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
    return issubclass(class_of(class_path), WeightAveraging)


class SaveTestConfig(SaveConfigCallback):
    """Saves the configuration beside the logs as Lightning does, that of a test in the folder of the run, too."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See `SaveConfigCallback.save_config`."""
        if stage == "test":
            text = self.parser.dump(self.config, skip_none=False)
            write_atomically(Path(trainer.default_root_dir) / TEST_CONFIG, text.encode())


class _Parser(SettingsParser, LightningArgumentParser):
    """Lightning's, which names the file in which something is wrong."""


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

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, after an overlay was refused that comes before what it changes: the base sets all of it again."""
        if not isinstance(args, dict | Namespace):
            finder = ArgumentParser(add_help=False, allow_abbrev=False)
            finder.add_argument("-c", "--config", action="append", default=[])
            misplaced, base = overlays_before_base(finder.parse_known_args(args)[0].config)
            if misplaced:
                parser.error(
                    f"{' and '.join(misplaced)} came before {base} on the command line, which names the module "
                    "(model.class_path) and would undo it: the last one wins. Give the base first, overlays after it"
                )
        super().parse_arguments(parser, args)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer whose checkpoints know its settings."""
        given = self._get(self.config_init, "trainer")
        trainer = super().instantiate_trainer(**without_idle_parts(given) | without_requeue(given) | kwargs)
        if self.subcommand is not None:
            settings = training_settings(self.config[self.subcommand].trainer.as_dict())
            trainer.callbacks.append(TrainingSettings(settings))  # type: ignore[attr-defined]
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        """Run it, alone in its folder: of two trainings in one, either would write over the other's checkpoints."""
        root = Path(self.trainer.default_root_dir)
        is_first = getattr(rank_zero_only, "rank", 0) == 0
        if subcommand not in ("fit", "test") or not is_first:
            super()._run_subcommand(subcommand)
            return
        with ExitStack() as held:
            try:
                held.enter_context(locked(root, f"{subcommand}.lock", "give another --trainer.default_root_dir"))
            except BlockingIOError as error:
                self.parser.error(f"another {subcommand} is running there: {error}")
            super()._run_subcommand(subcommand)

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
        if not subcommand:
            return
        config = self.config[subcommand]
        if subcommand == "fit" and not config.get("ckpt_path"):
            config.ckpt_path = self._where_it_stood(config.trainer)
        if not config.get("ckpt_path"):
            self._check_nothing_is_taken(config.trainer)
            has_weights = getattr(class_of(config.model.class_path), "has_weights", True)
            if subcommand != "fit" and has_weights:
                _LOG.warning("%s without --ckpt_path measures random weights; give a checkpoint", subcommand)
            return
        try:
            config.ckpt_path = str(_checkpoint_file(config.ckpt_path, config.trainer.default_root_dir))
            content = read_checkpoint(config.ckpt_path)
            check_checkpoint(
                config.ckpt_path, content, config.as_dict(), resumes=subcommand == "fit",
                trainer=training_settings(config.trainer.as_dict()), kept_of_trainer=_kept_settings(content),
            )  # fmt: skip
        except (ValueError, FileNotFoundError) as error:
            self.parser.error(str(error))
        if subcommand == "fit":
            self._resumed_processes = int(_kept_settings(content).get(PROCESSES, 1))

    def _where_it_stood(self, trainer: Namespace) -> str | None:
        """The last checkpoint of a job that SLURM queued again; none where nothing was kept yet.

        Refuses to train anew where a run's checkpoints are, which the new ones would replace.
        """
        keeps = trainer.enable_checkpointing is not False and not (trainer.fast_dev_run or trainer.barebones)
        kept = _checkpoint_file("last", trainer.default_root_dir)
        if not (keeps and kept.is_file()):
            return None
        if was_queued_again():
            _LOG.info("SLURM queued this job again: it goes on from %s", kept)
            return str(kept)
        if getattr(rank_zero_only, "rank", 0) == 0:
            self.parser.error(
                f"{kept.parent.parent} holds a run, whose checkpoints training anew would replace; go on with it: "
                "--ckpt_path=last, give another --trainer.default_root_dir, or remove that folder"
            )
        return None

    def _check_nothing_is_taken(self, trainer: Namespace) -> None:
        """Refuse a job of SLURM in which Lightning would go on from a file that nothing was held against."""
        found = unchecked_checkpoints(trainer.default_root_dir)
        if found:
            self.parser.error(
                f"{found[-1]} was written when SLURM signalled a job, and would be taken without a word; give it: "
                f"--ckpt_path={found[-1]}, give another --trainer.default_root_dir, or remove it"
            )


def overlays_before_base(paths: Sequence[str]) -> tuple[list[str], str]:
    """Configurations that come before the first one with a ``model.class_path``, and that one; none without a base.

    Args:
        paths: configurations in the order of the command line; what is no file of settings is left to the parser.
    """
    before: list[str] = []
    for path in paths:
        try:
            model = read_yaml(Path(path), "").get("model")
        except (OSError, ValueError):
            continue
        if isinstance(model, str) or (isinstance(model, dict) and "class_path" in model):
            return before, path
        before.append(path)
    return [], ""


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


def _grasp_cli(**settings: Any) -> GraspCLI:
    """Any module on any data, by the classes that a configuration names."""
    return GraspCLI(
        LightningModule, LightningDataModule, subclass_mode_model=True, subclass_mode_data=True,
        auto_configure_optimizers=False, parser_class=_Parser, **settings,
    )  # fmt: skip


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; ``args`` stands in for the process's arguments in tests and notebooks."""
    # of several processes the first one alone tells what it does
    is_first = getattr(rank_zero_only, "rank", 0) == 0
    logging.basicConfig(level=logging.INFO if is_first else logging.WARNING, format="%(message)s")
    with warnings.catch_warnings():
        quieten()
        given = None if args is None else list(args)
        _grasp_cli(args=given, save_config_callback=SaveTestConfig, save_config_kwargs={"overwrite": True})


def open_run(root: Path) -> GraspCLI:
    """Module, data and callbacks as the last test of the run in the folder ``root`` had them; nothing is run.

    Paths in its configuration are taken from the present folder, as then.

    Raises:
        FileNotFoundError: there was no test, or its checkpoint is gone.
        ValueError: a damaged configuration or checkpoint.
    """
    path = root / TEST_CONFIG
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist, so nothing says what the episodes of {root} were run with; run its test again, "
            "which writes it: python -m lightning_modules.cli test --config CONFIG --ckpt_path CHECKPOINT "
            f"--trainer.default_root_dir {root}"
        )
    again = "run the test again, which writes it anew"
    config = read_yaml(path, again)
    if not {"model", "data", "trainer"} <= set(config):
        raise ValueError(f"{path} has no fields model, data and trainer; {again}")
    checkpoint = config.get("ckpt_path")
    content = None if checkpoint is None else read_checkpoint(checkpoint)
    settings = {name: config[name] for name in ("seed_everything", "model", "data", "trainer") if name in config}
    settings["trainer"] |= {"logger": False, "default_root_dir": str(root)}
    with warnings.catch_warnings():
        quieten()
        # the arguments of the process are another command's
        warnings.filterwarnings("ignore", message=r"LightningCLI's args parameter is intended to run from within.*")
        cli = _grasp_cli(args=settings, save_config_callback=None, run=False)
    if content is not None:
        cli.model.load_state_dict(content["state_dict"])
    cli.model.eval().requires_grad_(False)
    return cli


if __name__ == "__main__":
    with plain_errors(MisconfigurationException):
        main()
