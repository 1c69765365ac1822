"""What was measured of the field is read and not measured again; what was seen of it is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from callbacks.assist.episode_pictures import PicturedEpisodes
from callbacks.field import measurement as field_measurement
from callbacks.field.measurement import FieldMeasurement, MeasuredSplit
from callbacks.field.trials import SplitTrials
from callbacks.field.watch import FIELD_CAUSES
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.library import ObjectLibrary
from envs.physics.mujoco_cpu import MujocoCpu
from envs.physics.settings import PhysicsSettings
from lightning_modules.followers import Denoiser, FixedTimeScore
from lightning_modules.primitive import GraspPrimitive
from tests.learning import tiny_module

pytestmark = pytest.mark.usefixtures("fast_objects")


@pytest.fixture
def library() -> ObjectLibrary:
    return ObjectLibrary()


@pytest.fixture
def table(tiny_grasps: GraspSet, library: ObjectLibrary) -> GraspTable:
    grasps = tiny_grasps.split("unseen_families")
    return GraspTable(grasps.rows(np.array([0, len(grasps) - 1])), library, 64)


def measurement(library: ObjectLibrary, folder: Path, **more: Any) -> FieldMeasurement:
    physics = more.pop("physics", MujocoCpu())
    module = tiny_module(follower=more.pop("follower", None)).eval()
    settings: dict[str, Any] = {"references": {"paper": FixedTimeScore()}, "sampler": None, **more}
    return FieldMeasurement(GraspPrimitive(module), library, physics, None, folder=folder, **settings)


def measured(by: FieldMeasurement, table: GraspTable) -> MeasuredSplit:
    with tqdm(disable=True) as bar:
        return by.measure("unseen_families", table, bar)


def no_trials(*_: Any, **__: Any) -> Any:
    pytest.fail("measured again")


def test_a_second_measurement_reads_the_first(
    library: ObjectLibrary, table: GraspTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured(measurement(library, tmp_path), table)
    assert set(first.values) >= {"dsm_loss", "field_success_collisions_on", "paper_posture_rad", "grasp_success"}
    for name in ("field", "stored", "samples", "losses", "encode"):
        monkeypatch.setattr(SplitTrials, name, no_trials)
    second = measured(measurement(library, tmp_path), table)
    assert set(first.values) == set(second.values)
    for name, column in first.values.items():
        np.testing.assert_array_equal(column, second.values[name], err_msg=name)
    for way, watched in first.watched.items():
        np.testing.assert_array_equal(watched.cause, second.watched[way].cause)
        assert (watched.cause == 0).tolist() == (first.values[f"field_success_{way}"] == 1.0).tolist()
    assert second.diverged == first.diverged


def test_a_killed_measurement_goes_on_where_it_stood(
    library: ObjectLibrary, table: GraspTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(SplitTrials, "samples", lambda *_, **__: pytest.exit("killed"))
        with pytest.raises(pytest.exit.Exception, match="killed"):
            measured(measurement(library, tmp_path), table)
    monkeypatch.setattr(SplitTrials, "field", no_trials)
    values = measured(measurement(library, tmp_path), table).values
    assert {"sample_success", "grasp_success", "field_success_collisions_off"} <= set(values)


def test_another_follower_reference_or_physics_is_measured_anew(
    library: ObjectLibrary, table: GraspTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[str] = []

    def field(trials: SplitTrials, name: str, *_: Any, watchers: Any = None, **__: Any) -> dict[str, Any]:
        followed.append(name)
        return {f"{name}_collisions_off": np.zeros(len(trials.table))}

    monkeypatch.setattr(SplitTrials, "field", field)
    monkeypatch.setattr(field_measurement.SplitTrials, "encode", lambda *_: None)
    for name in ("samples", "stored"):
        monkeypatch.setattr(SplitTrials, name, lambda *_, **__: {})
    measured(measurement(library, tmp_path), table)
    assert followed == ["field_success", "paper_field_success"]
    measured(measurement(library, tmp_path), table)
    assert len(followed) == 2
    measured(measurement(library, tmp_path, references={"paper": Denoiser(0.3)}), table)
    assert followed[2:] == ["paper_field_success"]
    measured(measurement(library, tmp_path, follower=Denoiser(0.3)), table)
    assert followed[3:] == ["field_success", "paper_field_success"]
    slippery = PhysicsSettings(friction=0.5)
    measured(measurement(library, tmp_path, physics=MujocoCpu(slippery)), table)
    assert followed[5:] == ["field_success", "paper_field_success"]
    measured(measurement(library, tmp_path, physics=MujocoCpu(slippery, dump_dir="dumps")), table)
    assert len(followed) == 7


def test_failures_are_pictured_where_there_are_any(library: ObjectLibrary, table: GraspTable, tmp_path: Path) -> None:
    grasp_objects = [library.get(name) for name in table.grasps.object_names()]
    found = measured(measurement(library, tmp_path), table)
    for way, columns in (("collisions_off", 3), ("collisions_on", 5)):
        watched = found.watched[way]
        watched.cause[:] = [FIELD_CAUSES.index("let_go"), FIELD_CAUSES.index("success")]
        episodes = PicturedEpisodes(
            table.hand, grasp_objects, table.grasps.type_names(), watched.cause, FIELD_CAUSES, watched.frames
        )
        sheet = episodes.sheet(0, 4, 32)
        assert sheet is not None
        assert sheet.shape[1] == columns * (32 + 6) + 6 + 2 * 6  # one strip of so many pictures
        watched.cause[:] = 0
        assert episodes.sheet(0, 4, 32) is None
