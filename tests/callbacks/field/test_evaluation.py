"""What fit logs and what test writes: exactly the promised numbers, from the promised grasps."""

import io
import json
import logging
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from callbacks.field.evaluation import FieldEvaluation
from callbacks.field.trials import SplitTrials
from callbacks.training.ema import WarmupEMA
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from datamodules.grasps.module import GraspDataModule
from lightning_modules.followers import Denoiser, FixedTimeScore
from tests.callbacks.conftest import Quiet
from tests.learning import tiny_module

SPLITS = {"train", "unseen_instances", "unseen_families"}

PROMISED = {
    "dsm_loss", "grasp_success", "field_success_collisions_off", "field_success_collisions_on",
    "constant_success_collisions_off", "constant_success_collisions_on", "sample_success", "posture_rad",
}  # fmt: skip
"""The measures that readers of metrics.json rely on."""

BESIDE = {
    "paper_field_success_collisions_off", "paper_field_success_collisions_on", "paper_posture_rad",
    "grasp_success_collisions_on", "blind_success_collisions_off", "blind_success_collisions_on",
    "nearest_success_collisions_off", "nearest_success_collisions_on", "nearest_posture_rad", "constant_posture_rad",
    "sample_diversity_rad",
}  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What a test run wrote and printed."""

    report: dict[str, Any]
    printed: str
    data: GraspDataModule
    pictures: list[Path]


@pytest.fixture(scope="module")
def measured(tiny_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    root, shown = tmp_path_factory.mktemp("measured"), io.StringIO()
    data = GraspDataModule(path=str(tiny_path), num_points=64, max_train_evaluation=3)
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=root, enable_checkpointing=False,
        callbacks=[FieldEvaluation(references={"paper": FixedTimeScore()}, max_test_grasps=3, size=24)],
    )  # fmt: skip
    log, handler = logging.getLogger("callbacks.field.evaluation"), logging.StreamHandler(shown)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    trainer.test(tiny_module(follower=Denoiser(0.4)), data, verbose=False)
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)
    pictures = sorted((root / "pictures").iterdir())
    return Measured(json.loads((root / "metrics.json").read_text()), shown.getvalue(), data, pictures)


def test_metrics_have_the_promised_keys_and_no_others(measured: Measured) -> None:
    report = measured.report
    assert set(report) == {"splits", "families", "types", "causes", "causes_by_family", "about"}
    assert set(report["splits"]) == SPLITS
    counts = {split: min(3, len(measured.data.grasps.split(split))) for split in SPLITS}
    for split, measures in report["splits"].items():
        assert set(measures) == PROMISED | BESIDE
        for item in measures.values():
            item = dict(item)
            over_families = item.pop("interval_over_families", {})
            assert split != "unseen_families" or over_families["families"] == len(report["families"][split]) == 2
            assert set(item) == {"mean", "low", "high", "n"}
            assert item["n"] == counts[split]
            assert item["low"] <= item["mean"] <= item["high"]
            assert all(np.isfinite(value) for value in item.values())
    for kind in ("families", "types"):
        assert set(report[kind]) == SPLITS
        for split, parts in report[kind].items():
            assert all(set(measures) == PROMISED | BESIDE for measures in parts.values())
            assert sum(measures["dsm_loss"]["n"] for measures in parts.values()) == counts[split]


def test_failures_have_causes_and_pictures(measured: Measured) -> None:
    for split, ways in measured.report["causes"].items():
        for way, counts in ways.items():
            rate = measured.report["splits"][split][f"field_success_{way}"]
            assert sum(counts.values()) == rate["n"]
            assert counts["success"] == round(rate["mean"] * rate["n"])
    by_family = measured.report["causes_by_family"]["unseen_families"]["collisions_on"]
    assert set(by_family) == {"stapler", "wine_glass"}
    # an untrained field holds nothing
    assert {path.name for path in measured.pictures} == {
        f"failures_{split}_collisions_{way}.png" for split in SPLITS - {"train"} for way in ("on", "off")
    }


def test_values_are_plausible_and_say_where_they_come_from(measured: Measured) -> None:
    report, data = measured.report, measured.data
    for split, measures in report["splits"].items():
        assert measures["grasp_success"]["mean"] == 1.0, split  # the set was verified
        assert measures["dsm_loss"]["mean"] == pytest.approx(18.0, rel=0.2)  # an untrained score: |z|^2
        assert 0.0 < measures["posture_rad"]["mean"] < 8.0
    # a training grasp does not find itself
    assert report["splits"]["train"]["nearest_posture_rad"]["mean"] > 0.0
    assert report["about"]["diverged_worlds"] == 0
    assert report["about"]["follower"] == "Denoiser(t=0.4, synchronised=False, speed=1.0)"
    assert report["about"]["references"] == {"paper": "FixedTimeScore(t=0.005, normalise=True)"}
    assert report["about"]["grasp_set"] == data.path
    assert report["about"]["training_grasps"] == len(data.training_grasps())


def test_a_table_is_printed(measured: Measured) -> None:
    rows = [line.split()[0] for line in measured.printed.splitlines() if line]
    assert set(rows) >= PROMISED | BESIDE
    assert "unseen_families n=3" in measured.printed
    assert "metrics.json" in measured.printed


def test_without_baselines_the_field_is_measured_alone(data: GraspDataModule, quiet: Quiet, tmp_path: Path) -> None:
    evaluation = FieldEvaluation(max_test_grasps=1, with_baselines=False, num_failures=0)
    quiet(evaluation).test(tiny_module(), data, verbose=False)
    measures = set(json.loads((tmp_path / "metrics.json").read_text())["splits"]["train"])
    assert measures == {
        "dsm_loss", "field_success_collisions_off", "field_success_collisions_on", "posture_rad", "sample_success",
        "sample_diversity_rad", "grasp_success",
    }  # fmt: skip


def test_trials_of_other_grasps_are_not_mixed_with_those_of_a_folder(
    tiny_grasps: GraspSet, data: GraspDataModule, quiet: Quiet, tmp_path: Path
) -> None:
    few = FieldEvaluation(max_test_grasps=1, with_baselines=False, num_failures=0)
    quiet(few).test(tiny_module(), data, verbose=False)
    before = (tmp_path / "metrics.json").read_bytes()
    more = FieldEvaluation(max_test_grasps=2, with_baselines=False, num_failures=0)
    with pytest.raises(ValueError, match=r"holds the results of another test.*: max_test_grasps is 2, theirs was 1"):
        quiet(more).test(tiny_module(), data, verbose=False)
    save_grasp_set(tiny_grasps.split("unseen_families"), tmp_path / "third.npz")
    other = GraspDataModule(path=str(tmp_path / "third.npz"), num_points=64, max_train_evaluation=3)
    with pytest.raises(ValueError, match=r"holds the results of another test.*: grasps is "):
        quiet(few).test(tiny_module(), other, verbose=False)
    assert (tmp_path / "metrics.json").read_bytes() == before


def test_a_test_ends_when_the_process_is_told_to(
    data: GraspDataModule, quiet: Quiet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*_: Any) -> dict[str, Any]:
        signal.raise_signal(signal.SIGTERM)
        return {}

    monkeypatch.setattr(SplitTrials, "losses", told)  # measured before anything that takes long
    with pytest.raises(SIGTERMException):
        quiet(FieldEvaluation(max_test_grasps=2, with_baselines=False)).test(tiny_module(), data, verbose=False)
    assert not (tmp_path / "metrics.json").exists()


def test_sets_of_other_objects_are_measured_without_baselines(
    tiny_grasps: GraspSet, fast_objects: None, quiet: Quiet, tmp_path: Path
) -> None:
    third = tmp_path / "third.npz"
    save_grasp_set(tiny_grasps.split("unseen_families"), third)
    data = GraspDataModule(path=str(third), num_points=64)
    quiet(FieldEvaluation(max_test_grasps=1, num_failures=0)).test(tiny_module(), data, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    assert set(report["splits"]) == {"unseen_families"}
    assert "nearest_posture_rad" not in report["splits"]["unseen_families"]
    assert report["about"]["training_grasps"] == 0
    assert not (tmp_path / "pictures").exists()


def test_grasps_that_say_whether_they_are_easy_are_told_apart(
    tiny_grasps: GraspSet, fast_objects: None, quiet: Quiet, tmp_path: Path
) -> None:
    families = tiny_grasps.split("unseen_families")
    is_easy = np.arange(len(families)) > 0
    save_grasp_set(replace(families, is_easy=is_easy), tmp_path / "flagged.npz")
    data = GraspDataModule(path=str(tmp_path / "flagged.npz"), num_points=64)
    evaluation = FieldEvaluation(max_test_grasps=2, with_baselines=False, num_failures=0)
    quiet(evaluation).test(tiny_module(), data, verbose=False)
    report = json.loads((tmp_path / "metrics.json").read_text())
    all_of_them, hard = report["splits"]["unseen_families"], report["hard"]["unseen_families"]
    assert set(hard) == set(all_of_them)
    assert (hard["grasp_success"]["n"], all_of_them["grasp_success"]["n"]) == (1, 2)  # the first grasp alone


class Recorder:
    """Stands in for the trials of the field and counts them."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, trials: SplitTrials, name: str, *_: Any, with_collisions: bool = True) -> dict[str, np.ndarray]:
        assert not with_collisions
        self.sizes.append(len(trials.table))
        count = len(trials.table)
        return {f"{name}_collisions_off": np.arange(count) % 2 * 1.0, "posture_rad": np.full(count, 0.5)}


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(SplitTrials, "field", lambda self, *args, **kwargs: found(self, *args, **kwargs))
    return found


@pytest.mark.parametrize(("every", "measured"), [(1, 4), (2, 2), (3, 1), (0, 0)])
def test_fit_measures_every_few_epochs(
    every: int, measured: int, recorder: Recorder, data: GraspDataModule, quiet: Quiet
) -> None:
    quiet(FieldEvaluation(every_n_epochs=every, num_grasps=2), max_epochs=4).fit(tiny_module(), data)
    assert recorder.sizes == [2, 2, 2] * measured


def test_fit_logs_success_and_posture_of_every_split(recorder: Recorder, data: GraspDataModule, quiet: Quiet) -> None:
    trainer = quiet(FieldEvaluation(every_n_epochs=1, num_grasps=2))
    trainer.fit(tiny_module(), data)
    for split in SPLITS:
        assert trainer.logged_metrics[f"val/field_success/{split}"].item() == 0.5
        assert trainer.logged_metrics[f"val/posture_rad/{split}"].item() == 0.5


@pytest.fixture
def developed(tiny_grasps: GraspSet, fast_objects: None, tmp_path: Path) -> GraspDataModule:
    """One of its objects is for development."""
    splits = tuple("development" if split == "unseen_instances" else split for split in tiny_grasps.object_splits)
    save_grasp_set(replace(tiny_grasps, object_splits=splits), tmp_path / "developed.npz")
    return GraspDataModule(path=str(tmp_path / "developed.npz"), batch_size=4, batches_per_epoch=2, num_points=64)


def test_fit_measures_development_objects_and_no_others_that_are_held_out(
    recorder: Recorder, developed: GraspDataModule, quiet: Quiet
) -> None:
    trainer = quiet(FieldEvaluation(every_n_epochs=1, num_grasps=2))
    trainer.fit(tiny_module(), developed)
    assert recorder.sizes == [2, 2]
    logged = {name.rpartition("/")[2] for name in trainer.logged_metrics if name.startswith("val/")}
    assert logged == {"train", "development"}


@pytest.mark.parametrize("splits", [("train", "unseen_families"), ("development",)])
def test_a_test_measures_the_test_splits_of_the_data(
    splits: tuple[str, ...], developed: GraspDataModule, quiet: Quiet, tmp_path: Path
) -> None:
    data = GraspDataModule(path=developed.path, num_points=64, test_splits=splits)
    quiet(FieldEvaluation(max_test_grasps=1, with_baselines=False, num_failures=0)).test(
        tiny_module(), data, verbose=False
    )
    assert tuple(json.loads((tmp_path / "metrics.json").read_text())["splits"]) == splits


def test_validate_measures_whatever_the_epoch(recorder: Recorder, data: GraspDataModule, quiet: Quiet) -> None:
    quiet(FieldEvaluation(every_n_epochs=7, num_grasps=2)).validate(tiny_module(), data, verbose=False)
    assert recorder.sizes == [2, 2, 2]


def test_grasps_are_spread_evenly_when_fewer_are_asked_for(
    data: GraspDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def field(trials: SplitTrials, *_: Any, **__: Any) -> dict[str, np.ndarray]:
        seen.append(sorted(set(trials.table.grasps.object_names())))
        return {"field_success_collisions_off": np.zeros(2), "posture_rad": np.zeros(2)}

    monkeypatch.setattr(SplitTrials, "field", field)
    quiet(FieldEvaluation(every_n_epochs=1, num_grasps=2)).fit(tiny_module(), data)
    assert seen[2] == ["stapler_00000", "wine_glass_00000"]  # first and last object of the unseen families


def test_the_averaged_weights_are_measured(
    data: GraspDataModule, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What validation measures is what training ends with."""
    weights: list[torch.Tensor] = []

    class Raw(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            weights.append(pl_module.state_dict()["network.output.bias"].clone())

    def field(trials: SplitTrials, name: str, primitive: Any, *_: Any, **__: Any) -> dict[str, np.ndarray]:
        weights.append(primitive.module.state_dict()["network.output.bias"].clone())
        return {"field_success_collisions_off": np.zeros(1), "posture_rad": np.zeros(1)}

    monkeypatch.setattr(SplitTrials, "field", field)
    data.batches_per_epoch = 6
    average = WarmupEMA()
    evaluation = FieldEvaluation(every_n_epochs=1, num_grasps=1)
    module = tiny_module()
    quiet(evaluation, average, Raw()).fit(module, data)
    *seen, raw = weights
    final = module.state_dict()["network.output.bias"]  # the average, which training ends with
    assert all(torch.equal(value, final) for value in seen)
    assert not torch.equal(raw, final)


def test_other_modules_are_refused(data: GraspDataModule, quiet: Quiet) -> None:
    class Other(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def test_step(self, *_: Any) -> None:
            return None

    with pytest.raises(TypeError, match=r"FieldEvaluation got GraspDataModule and Other, expected GraspDataModule and"):
        quiet(FieldEvaluation()).test(Other(), data, verbose=False)

    class OtherData(LightningDataModule):
        def test_dataloader(self) -> Any:
            return data.test_dataloader()

    with pytest.raises(TypeError, match=r"FieldEvaluation got OtherData and ScoreMatchingModule"):
        quiet(FieldEvaluation()).test(tiny_module(), OtherData(), verbose=False)
