"""Grasps are not used on objects of another shape than they were made for."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from datamodules.add_shapes import main as add_shapes
from datamodules.grasps.cloud_store import object_shapes
from datamodules.grasps.dataset import GraspTable
from datamodules.grasps.grasp_file import load_grasp_set, save_grasp_set
from datamodules.grasps.grasp_set import GraspSet, concatenate
from datamodules.grasps.module import GraspDataModule
from datamodules.grasps.shape_check import check_objects, check_shapes
from datamodules.rollouts.grasp_targets import grasp_targets
from datamodules.rollouts.module import RolloutDataModule
from datamodules.subset import of_objects
from envs.objects.library import ObjectLibrary
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_object import make_mesh_object
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.shapes import shape_digests
from envs.objects.split_file import write_split_file
from envs.objects.store.object_cache import ObjectCache
from tests.datamodules.grasps.examples import assert_same_grasps, made_up_set, thing, two_objects

pytestmark = pytest.mark.usefixtures("fast_objects")


def with_shapes(grasps: GraspSet, others: dict[str, str] | None = None) -> GraspSet:
    """The set with the shapes of its objects, or of other ones where they are named."""
    made_for = [(others or {}).get(name, name) for name in grasps.objects]
    shapes = shape_digests(thing(*_family_and_seed(name)) for name in made_for)
    return replace(grasps, shapes=shapes)


def _family_and_seed(name: str) -> tuple[str, int]:
    family, _, seed = name.rpartition("_")
    return family, int(seed)


def reachable(grasps: GraspSet) -> GraspSet:
    return replace(grasps, is_reachable=np.ones(len(grasps), dtype=bool))


def test_tables_and_targets_take_objects_as_they_were() -> None:
    grasps = with_shapes(made_up_set("mug_00000"))
    GraspTable(grasps, ObjectLibrary("small"), 64)
    grasp_targets(reachable(grasps), ObjectLibrary("small"))


def test_objects_that_were_looked_at_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    grasps, library = with_shapes(made_up_set("mug_00000")), ObjectLibrary("small")
    check_objects(grasps, library)

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(ObjectLibrary, "each", fail)
    check_objects(grasps, library)
    with pytest.raises(ValueError, match="1 of 1 objects have another shape"):
        check_objects(replace(grasps, shapes=np.zeros((1, 15), dtype=np.int16)), library)


@pytest.mark.parametrize("use", [lambda grasps, library: GraspTable(grasps, library, 64), grasp_targets])
def test_another_shape_of_the_same_name_is_refused(use: object, tmp_path: Path) -> None:
    made = reachable(
        with_shapes(concatenate([made_up_set("mug_00000"), made_up_set("box_00000")], {}), {"mug_00000": "can_00000"})
    )
    save_grasp_set(made, tmp_path / "set.npz")
    stored = load_grasp_set(tmp_path / "set.npz")
    message = r"set\.npz: 1 of 2 objects have another shape .*'mug_00000' \(.* then, .* now\).*datamodules\.reverify"
    with pytest.raises(ValueError, match=message) as error:
        use(stored, ObjectLibrary("small"))  # type: ignore[operator]
    assert "box_00000" not in str(error.value)


def test_a_split_is_not_stopped_by_the_objects_of_another() -> None:
    made = with_shapes(two_objects(), {"mug_00015": "can_00000"})
    GraspTable(made.split("train"), ObjectLibrary(), 64)
    with pytest.raises(ValueError, match="mug_00015"):
        GraspTable(made.split("unseen_instances"), ObjectLibrary(), 64)


def test_an_error_names_a_few_of_many() -> None:
    names = [f"box_{seed:05d}" for seed in range(7)]
    grasps = replace(concatenate([made_up_set(name) for name in names], {}), shapes=np.zeros((7, 15), dtype=np.int16))
    with pytest.raises(ValueError, match=r"7 of 7 objects .*'box_00004' \([^)]*\) and 2 more\. Bring back"):
        check_shapes(grasps, names, np.full((7, 15), 1000, dtype=np.int16))


def test_a_set_that_does_not_tell_is_taken_by_name_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "old.npz"
    save_grasp_set(made_up_set("mug_00000"), path)
    grasps, library = load_grasp_set(path), ObjectLibrary("small")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            GraspTable(grasps, library, 64)
        grasp_targets(reachable(grasps), library)
    told = [record.getMessage() for record in caplog.records if "does not say which shapes" in record.getMessage()]
    assert len(told) == 1
    assert f"python -m datamodules.add_shapes {path}" in told[0]


def test_shapes_go_with_their_objects(tmp_path: Path) -> None:
    box, mug = with_shapes(made_up_set("box_00000")), with_shapes(made_up_set("mug_00000", seed=1))
    both = concatenate([box, mug], {})
    assert box.shapes is not None
    assert both.shapes is not None
    part = of_objects(both, ["mug_00000", "box_00000"], ["train", "train"])
    assert part.shapes is not None
    np.testing.assert_array_equal(part.shapes, both.shapes[::-1])
    save_grasp_set(part, tmp_path / "set.npz")
    assert_same_grasps(load_grasp_set(tmp_path / "set.npz"), part)
    assert concatenate([box, replace(mug, shapes=None)], {}).shapes is None


def test_shapes_of_another_number_are_refused(tmp_path: Path) -> None:
    save_grasp_set(replace(made_up_set(), shapes=np.zeros((2, 15), dtype=np.int16)), tmp_path / "set.npz")
    with pytest.raises(ValueError, match=r"set\.npz, field shapes: int16 of shape \(2, 15\), expected int16 \(1, 15\)"):
        load_grasp_set(tmp_path / "set.npz")


def test_kept_shapes_are_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRASPGF_CACHE", str(tmp_path))
    names = ("box_00000", "mug_00000")
    first = object_shapes(ObjectLibrary("small"), names)
    monkeypatch.setattr("datamodules.grasps.cloud_store.shape_digests", lambda things: 1 / 0)
    np.testing.assert_array_equal(object_shapes(ObjectLibrary("small"), names), first)
    np.testing.assert_array_equal(first, shape_digests(thing(*_family_and_seed(name)) for name in names))


def test_shapes_are_added_to_a_file_and_nothing_else_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "old.npz"
    save_grasp_set(two_objects(), path)
    add_shapes([str(path)])
    told = load_grasp_set(path)
    assert_same_grasps(replace(told, shapes=None), two_objects())
    np.testing.assert_array_equal(told.shapes, with_shapes(two_objects()).shapes)  # type: ignore[arg-type]
    before = path.read_bytes()
    with caplog.at_level(logging.INFO):
        add_shapes([str(path)])
    assert path.read_bytes() == before
    assert "already" in caplog.text


def test_shapes_that_are_told_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    save_grasp_set(with_shapes(two_objects(), {"mug_00015": "can_00000"}), path)
    with pytest.raises(SystemExit, match="another shape"):
        add_shapes([str(path)])


def test_objects_of_another_split_file_are_refused(tmp_path: Path) -> None:
    save_grasp_set(made_up_set("mug_04000"), tmp_path / "set.npz")
    with pytest.raises(SystemExit, match=r"1 objects .* are not in the split file, 'mug_04000' first"):
        add_shapes([str(tmp_path / "set.npz")])


def test_a_mesh_that_was_overwritten_stops_whatever_reads_its_grasps(tmp_path: Path) -> None:
    """A box as thing.stl, grasps for it, then a sphere of that name: the table is not printed any more."""
    meshes, split_file, path = tmp_path / "meshes", tmp_path / "split.json", tmp_path / "set.npz"
    meshes.mkdir()
    settings = MeshSettings(str(meshes), unit="mm")

    def library_with(mesh: trimesh.Trimesh) -> ObjectLibrary:
        """The object is built here, and found in the cache then: without processes of its own."""
        mesh.export(meshes / "thing.stl")
        folder = MeshFolder(settings)
        built = make_mesh_object(meshes / "thing.stl", "mesh_thing", "mesh", folder.settings)
        ObjectCache.of_user().store(folder.key("mesh_thing"), built)
        return ObjectLibrary(split_file)

    write_split_file(split_file, {"train": ["mesh_thing"]}, settings)
    trimesh.creation.box((60, 60, 60)).export(meshes / "thing.stl")
    library_with(trimesh.creation.box((60, 60, 60)))
    save_grasp_set(made_up_set("mesh_thing"), path)
    add_shapes([str(path), "--split_file", str(split_file)])
    data = {"path": str(path), "split_file": str(split_file)}
    assert len(GraspDataModule(**data).table("train")) == 3  # type: ignore[arg-type]
    library_with(trimesh.creation.icosphere(radius=30))
    message = r"'mesh_thing' \(60\.0 x 60\.0 x 60\.0 mm, 216 ml then, 60\.0 x 60\.0 x 60\.0 mm, 11\d ml now\)"
    with pytest.raises(ValueError, match=message):
        GraspDataModule(**data).table("train")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        RolloutDataModule(**data, reachable_only=False).targets("train")  # type: ignore[arg-type]
