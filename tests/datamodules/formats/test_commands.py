"""The command lines of docs/data_formats.md, on small files in the published layouts: read, verify, train, test."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from datamodules.convert import main as convert
from datamodules.formats.registry import FORMATS
from datamodules.grasps.grasp_file import load_grasp_set
from envs.wrist.recorded import RECORDING_FORMATS, load_patterns
from tests.datamodules.formats.conftest import BOTTLE, save, write_scene
from tests.envs.wrist.recording_examples import way, write_dex_ycb, write_handover_sim
from tests.learning import EVALUATION, ROOT, command, few_callbacks, run

DOCUMENT = (ROOT / "docs" / "data_formats.md").read_text(encoding="utf-8")
COMMANDS = {
    name: shlex.split(line)
    for line, name in re.findall(r"`python -m datamodules\.convert ([^`]*--format (\w+) [^`]*)`", DOCUMENT)
}
"""Arguments by format."""


@pytest.fixture
def source(
    request: pytest.FixtureRequest, tmp_path: Path, block: trimesh.Trimesh, mounts: NDArray[np.float64]
) -> Callable[[str], Path]:
    """Writes two grasps each of a bottle and a mug in a format and returns the folder that its command runs in."""

    def write(name: str) -> Path:
        given: Any = request.getfixturevalue
        if name == "unidexgrasp":
            for number in range(4):
                place = given(name)(number, code="core/bottle-1a2b" if number < 2 else "core/mug-2b3c")
        elif name == "dexgraspnet":
            for code in ("core-bottle-1a2b", "core-mug-2b3c"):
                place = given(name)({}, {}, code=code, with_plane=True)
        elif name == "graspgf":
            rows = given("rows")[:4]
            rows[2:, 3104] = 8
            place = given("release")(rows, numbers={BOTTLE: 7, "mug-2b3c": 8})
        else:
            for code in ("core_bottle_1a2b", "core_mug_2b3c"):
                scene = write_scene(tmp_path, code, block)
                stages = dict.fromkeys(("pregrasp_qpos", "grasp_qpos", "squeeze_qpos"), mounts[:2])
                save(tmp_path / "graspdata" / code / "floating" / "scale008.npy", stages | {"scene_path": scene})
            place = tmp_path / "graspdata"
        return place.parent

    return write


def test_every_format_has_a_command() -> None:
    assert set(COMMANDS) == {*FORMATS, *RECORDING_FORMATS}


@pytest.mark.parametrize("name", RECORDING_FORMATS)
def test_recorded_wrists_become_patterns_to_train_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        if name == "handoversim":
            write_handover_sim(Path("dex-ycb-cache"), number, way(0.001, number))
        else:
            write_dex_ycb(Path("dex-ycb"), f"{number}", way(0.04, number))
    convert(COMMANDS[name])
    assert len(load_patterns("WRISTS.npy")) == 4


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_verified_trained_on_and_tested(
    name: str, source: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source(name))
    convert([*COMMANDS[name], "--fractions", "train=0.5", "unseen_families=0.5", "--num_workers", "1"])
    grasps, told = load_grasp_set("OUT.npz"), json.loads(Path("OUT_summary.json").read_text())
    assert (told["format"], told["read"], told["bad_entries"], told["objects"]) == (name, 4, 0, 2)
    assert told["second_fingertip_to_surface_median_mm"] < 10.0
    assert set(grasps.object_splits) == {"train", "unseen_families"}
    assert len(np.unique(grasps.object_index)) == 2, told["rejected"]  # something of both holds
    path, few = Path("OUT.npz").resolve(), few_callbacks(tmp_path / "few.yaml", EVALUATION)
    objects = f"--data.init_args.split_file={path.with_suffix('.json')}"
    run(command("fit", path, tmp_path / "trained", few, objects))
    last = f"--ckpt_path={tmp_path / 'trained' / 'checkpoints' / 'last.ckpt'}"
    run(command("test", path, tmp_path / "tested", few, objects, last))
    assert (tmp_path / "tested" / "metrics.json").is_file()
