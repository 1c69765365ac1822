"""Where grasps of DexGraspBench's kind and their objects lie when they were downloaded apart, or only in part."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from datamodules.formats.bench_scene import family_of
from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.foreign import BadEntry, ForeignGrasp
from datamodules.formats.mesh_search import MeshSearch, object_part
from datamodules.formats.reading import mesh_name, read_grasps
from envs.hand.hand import Hand
from tests.datamodules.formats.conftest import NO_TURN, SCALE, save, write_scene

NAME = "core_bottle_1a2b"
GRASPS = f"{NAME}/floating/scale008.npy"
FLOATING = np.array([0.0, 0.0, 0.0, *NO_TURN])

Entries = list[ForeignGrasp | BadEntry]


@pytest.fixture
def downloads(tmp_path: Path, block: trimesh.Trimesh, mounts: np.ndarray) -> Path:
    """``bodex_shadow/succ_collect`` beside ``DGN_2k``, as the archives unfold: a scene has the name of its grasps."""
    folder = tmp_path / "far" / "from" / "other" / "downloads"  # four folders up is looked
    scene = write_scene(folder, NAME, block)
    shutil.move(folder / "assets" / "object" / "DGN_2k", folder / "DGN_2k")
    shutil.rmtree(folder / "assets")
    save(folder / "bodex_shadow" / "succ_collect" / GRASPS, {"grasp_qpos": mounts, "scene_path": scene})
    return folder


def entries_of(source: Path, meshes: Path | None = None) -> Entries:
    reader = DexGraspBench(source, meshes)
    return [entry for unit in reader.units() for entry in reader.read(unit)]


def grasps_of(entries: Entries) -> list[ForeignGrasp]:
    grasps = [entry for entry in entries if isinstance(entry, ForeignGrasp)]
    assert len(grasps) == len(entries) == 5, entries
    return grasps


@pytest.mark.parametrize(
    "source", [".", "bodex_shadow", "bodex_shadow/succ_collect", f"bodex_shadow/succ_collect/{NAME}"]
)
def test_grasps_are_not_their_own_scenes(downloads: Path, hand: Hand, source: str) -> None:
    grasps = grasps_of(entries_of(downloads / source))
    assert {grasp.mesh.parts[-5:-2] for grasp in grasps} == {("DGN_2k", "processed_data", NAME)}
    assert len(read_grasps(grasps, hand)) == 5


@pytest.mark.parametrize("meshes", ["DGN_2k", "DGN_2k/scene_cfg"])
def test_a_folder_of_objects_that_is_given_is_enough(downloads: Path, meshes: str) -> None:
    grasps_of(entries_of(downloads / "bodex_shadow", downloads / meshes))


def test_scenes_that_are_not_there_are_told(downloads: Path) -> None:
    shutil.rmtree(downloads / "DGN_2k")
    [bad] = entries_of(downloads / "bodex_shadow" / "succ_collect")
    assert isinstance(bad, BadEntry)
    assert "put the objects' folder with its scene_cfg near the grasps" in bad.cause


def test_another_object_does_not_stand_in_for_one_that_is_absent(
    downloads: Path, mounts: np.ndarray, block: trimesh.Trimesh
) -> None:
    """Files of all objects have the same names."""
    other = "core_bottle_9f9f"
    scene = f"assets/object/DGN_2k/scene_cfg/{other}/floating/scale008.npy"
    save(downloads / "grasps" / other / "0.npy", {"grasp_qpos": mounts, "scene_path": scene})
    [bad] = entries_of(downloads / "grasps", downloads / "DGN_2k" / "scene_cfg")
    assert isinstance(bad, BadEntry)
    assert "is not there" in bad.cause
    meshes = MeshSearch([downloads / "DGN_2k" / "processed_data"])
    assert meshes.locate(f"DGN_2k/processed_data/{NAME}/mesh/simplified.obj") is not None
    assert meshes.locate(f"DGN_2k/processed_data/{other}/mesh/simplified.obj") is None


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("object/DGNObj/a_b/mesh/simplified.obj", "object/DGNObj/a_b"),
        ("a_b/urdf/meshes/convex_0.obj", "a_b"),
        ("scene_cfg/a_b/tabletop_ur10e/scale010_pose000_0.npy", "scene_cfg/a_b"),
        ("core/scale-1a2b", "core/scale-1a2b"),
        ("core/tabletop_mirror/mesh/simplified.obj", "core/tabletop_mirror"),
        ("ycb/002_can/google_16k/textured.obj", "ycb/002_can"),
        ("02876657/1a2b/models/model_normalized.obj", "02876657/1a2b"),
        ("meshes/a_b.obj", "meshes/a_b.obj"),
        ("mesh.obj", "mesh.obj"),
    ],
)
def test_what_tells_objects_apart(code: str, part: str) -> None:
    assert object_part(code) == part


def test_a_mesh_that_is_named_by_its_path_is_of_its_objects_family(
    tmp_path: Path, block: trimesh.Trimesh, mounts: np.ndarray
) -> None:
    """The first BODex: ``obj_path`` is the mesh, which is called alike for all objects."""
    write_scene(tmp_path, NAME, block)
    told = f"object/DGN_2k/processed_data/{NAME}/mesh/simplified.obj"
    content: dict[str, Any] = {"grasp_qpos": mounts, "obj_path": told, "obj_pose": FLOATING[None], "obj_scale": [SCALE]}
    save(tmp_path / "graspdata" / "0.npy", content)
    save(tmp_path / "named" / "0.npy", content | {"obj_code": [NAME]})
    [family] = {grasp.family for grasp in grasps_of(entries_of(tmp_path / "graspdata"))}
    assert family == "bottle"
    assert {grasp.code for grasp in grasps_of(entries_of(tmp_path / "named"))} == {NAME}


def test_meshes_of_thousands_of_objects_have_names_of_their_own() -> None:
    codes = [f"core/{number:x}/mesh" for number in range(5000)]
    assert len({mesh_name(code, SCALE).split("_")[-2] for code in codes}) == len(codes)
    assert family_of("object/DGNObj/core_bottle_1a2b") == "bottle"


def test_the_same_grasps_are_read_once(downloads: Path, mounts: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    """DexGraspBench's output has them again with what came of them, and those that held once more."""
    output = downloads / "bodex_shadow"
    for folder in ("graspdata", "evaluation"):
        shutil.copytree(output / "succ_collect", output / folder)
    grasps_of(entries_of(output))
    assert "the same grasps in succ_collect, graspdata, evaluation; those in succ_collect are read" in caplog.text


def test_each_output_below_a_source_is_read_once(downloads: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An empty folder stands in for none."""
    output = downloads / "bodex_shadow"
    shutil.move(output / "succ_collect", output / "graspdata")
    shutil.copytree(output / "graspdata", output / "evaluation")
    (output / "succ_collect").mkdir()
    grasps_of(entries_of(downloads))
    assert "the same grasps in graspdata, evaluation; those in graspdata are read" in caplog.text
    grasps_of(entries_of(output / "evaluation"))


def test_folders_that_nobody_may_look_into_are_none(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four folders up there may be others' homes."""
    private = downloads.parent / "private"
    (private / "DGN_2k").mkdir(parents=True)

    def forbidden(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, *args: Any, **options: Any) -> Any:
            if private in (path, *path.parents):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *args, **options)

        return call

    for name in ("exists", "is_dir", "iterdir"):
        monkeypatch.setattr(Path, name, forbidden(getattr(Path, name)))
    grasps_of(entries_of(downloads / "bodex_shadow"))


def test_a_damaged_scene_is_told(downloads: Path) -> None:
    (downloads / "DGN_2k" / "scene_cfg" / GRASPS).write_bytes(b"<html>")
    [bad] = entries_of(downloads / "bodex_shadow")
    assert isinstance(bad, BadEntry)
    assert "DGN_2k/scene_cfg" in bad.cause


def test_meshes_are_looked_for_in_assets(tmp_path: Path, block: trimesh.Trimesh, mounts: np.ndarray) -> None:
    write_scene(tmp_path, NAME, block)
    shutil.move(tmp_path / "assets" / "object" / "DGN_2k", tmp_path / "assets" / "DGN_2k")
    content = {"grasp_qpos": mounts, "obj_pose": FLOATING, "obj_scale": SCALE, "obj_path": NAME}
    save(tmp_path / "a" / "graspdata" / "0.npy", content)
    grasps_of(entries_of(tmp_path / "a" / "graspdata"))


def test_grasps_that_their_source_dropped_are_left_out(downloads: Path, mounts: np.ndarray) -> None:
    content = {"grasp_qpos": mounts[:1], "obj_pose": FLOATING, "obj_scale": SCALE, "obj_path": NAME}
    for held in (True, False):
        save(downloads / "evaluation" / NAME / f"{held}.npy", content | {"succ_flag": np.array(held)})
    dropped, kept = entries_of(downloads / "evaluation", downloads / "DGN_2k")
    assert isinstance(kept, ForeignGrasp)
    assert isinstance(dropped, BadEntry)
    assert "field succ_flag" in dropped.cause


def test_hands_on_arms_are_told(downloads: Path, mounts: np.ndarray) -> None:
    save(downloads / "arm" / NAME / "0.npy", {"grasp_qpos": np.zeros((1, 30)), "lift_qpos": np.zeros((1, 30))})
    [bad] = entries_of(downloads / "arm")
    assert isinstance(bad, BadEntry)
    assert "of a hand on an arm" in bad.cause
