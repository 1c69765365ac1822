"""Training curves read back from TensorBoard."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from reports.field_curves import draw_curves, main, read_curves


@pytest.fixture
def run(tmp_path: Path) -> Path:
    writer = SummaryWriter(str(tmp_path / "run" / "tensorboard" / "version_0"))
    for step, (loss, rate) in enumerate([(9.0, 0.2), (5.0, 0.6)]):
        time = 1000.0 + 120.0 * step
        writer.add_scalar("val/dsm_loss/train", loss, 100 * step, walltime=time)
        writer.add_scalar("val/field_success/train", rate, 100 * step, walltime=time)
        writer.add_scalar("lr-Adam", 1e-3, 100 * step, walltime=time)
    writer.close()
    return tmp_path / "run"


def test_curves_have_steps_minutes_and_values(run: Path) -> None:
    curves = read_curves(run)
    assert set(curves) == {"val/dsm_loss/train", "val/field_success/train", "lr-Adam"}
    curve = curves["val/dsm_loss/train"]
    assert curve.step == [0, 100]
    assert curve.minutes == [0.0, 2.0]
    assert curve.value == [9.0, 5.0]


def test_the_command_draws_what_was_measured(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["field_curves"])
    out = tmp_path / "pictures" / "curves.png"
    main(["--run", str(run), "--output", str(out), "--curves_json", str(tmp_path / "curves.json")])
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] > 1.5 * picture.shape[0]  # two panels side by side
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 10
    shown = json.loads((tmp_path / "curves.json").read_text())
    assert set(shown) == {"val/dsm_loss/train", "val/field_success/train"}


def test_a_folder_without_events_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no TensorBoard events below .*; give the default_root_dir of a run"):
        read_curves(tmp_path)


def test_a_run_that_measured_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the run has none of the scalars val/dsm_loss/, val/field_success/"):
        draw_curves({}, tmp_path / "x.png", "")
