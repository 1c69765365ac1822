import json
import logging
import os
from pathlib import Path

import pytest
import trimesh

from envs.objects.library import ObjectLibrary
from envs.objects.meshes.import_meshes import Imported, counted, import_folder, main, spread_over_splits
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.source import BuildTask
from envs.objects.store import preparation
from envs.objects.store.object_cache import ObjectCache
from tests.envs.objects.mesh_examples import block, open_bowl, write_bad_folder, write_obj


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two good meshes among eight bad files; a cache of its own."""
    monkeypatch.setenv("GRASPGF_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "meshes"
    write_bad_folder(root)
    write_obj(root / "good.obj", block().vertices, block().faces)
    return root


def run(folder: Path, *more: str) -> Path:
    output = folder.parent / "my.json"
    main([str(folder), "--output", str(output), "--unit", "mm", "--num_workers", "1", *more])
    return output


def test_bad_files_are_listed_with_their_causes_and_the_good_ones_written(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        output = run(folder)
    library = ObjectLibrary(output)
    assert library.names("unseen_families") == ["mesh_twin", "mesh_good"]
    assert library.get("mesh_good").extents == pytest.approx([0.06] * 3)
    rejected = {
        Path(path).name: cause for path, cause in json.loads((folder.parent / "my_rejected.json").read_text()).items()
    }
    causes = {
        "empty.obj": "the file is empty",
        "liar.stl": "liar.stl: ",
        "foreign.fbx": "'.fbx' is not supported",
        "nan.obj": "1 of 8 vertices are NaN",
        "sheet.obj": "encloses 0 ml",
        "Twin.stl": "object name 'mesh_twin' is that of",
        "metres.obj": "with unit mm that is 6e-05 m",
    }
    assert set(rejected) == set(causes)
    for name, cause in causes.items():
        assert cause in rejected[name]
        assert f"rejected {folder / name}: " in caplog.text
    assert f"{output}: 2 objects; 7 files rejected" in caplog.text
    # beside the split file, so both may be moved together
    assert json.loads(output.read_text())["meshes"] == {"folder": "meshes", "unit": "mm"}


def test_a_second_import_builds_nothing_that_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder)
    seen: list[str] = []
    real = preparation.build_in_workers

    def watched(tasks, *rest):
        seen.extend(tasks)
        return real(tasks, *rest)

    monkeypatch.setattr(preparation, "build_in_workers", watched)
    run(folder)
    assert {"mesh_good", "mesh_twin"}.isdisjoint(seen)
    assert "mesh_nan" in seen


def die(name: str) -> None:
    os.abort()


class Deadly(MeshFolder):
    """The mesh `good` takes its process down."""

    def task(self, name: str) -> BuildTask:
        return BuildTask(die, (name,)) if name == "mesh_good" else super().task(name)


def test_a_mesh_that_kills_its_process_is_listed_like_any_other(folder: Path, tmp_path: Path) -> None:
    meshes = Deadly(MeshSettings(str(folder), unit="mm"))
    imported = import_folder(meshes, ObjectCache(tmp_path / "other"), num_workers=1)
    assert imported.names == ["mesh_twin"]
    assert "good.obj: the worker process died (signal 6)" in imported.rejected[folder / "good.obj"]


def test_nothing_usable_ends_with_an_error(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "empty.obj").write_text("")
    with pytest.raises(SystemExit, match=r"error: none of the 1 files of .*bad is usable; e.g. .*empty.obj: "):
        main([str(tmp_path / "bad"), "--output", str(tmp_path / "o.json"), "--unit", "mm", "--num_workers", "1"])
    assert not (tmp_path / "o.json").exists()
    with pytest.raises(SystemExit, match=r"error: mesh folder .*nowhere does not exist"):
        main([str(tmp_path / "nowhere"), "--output", str(tmp_path / "o.json")])


def test_fractions_hold_out_whole_families(tmp_path: Path) -> None:
    for family in "abcd":
        (tmp_path / family).mkdir()
        for k in range(10):
            trimesh.creation.box([60, 60, 60 + k]).export(tmp_path / family / f"{k}.stl")
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    imported = Imported(meshes.names, {}, meshes)
    splits = spread_over_splits(imported, {"train": 0.6, "unseen_instances": 0.15, "unseen_families": 0.25})
    assert {split: len(names) for split, names in splits.items()} == {
        "train": 24, "development": 0, "unseen_instances": 6, "unseen_families": 10,
    }  # fmt: skip
    assert sorted(name for names in splits.values() for name in names) == sorted(meshes.names)
    assert len({meshes.family(name) for name in splits["unseen_families"]}) == 1
    assert spread_over_splits(imported, {"train": 1.0})["train"] == meshes.names


def test_one_family_cannot_be_seen_and_unseen(folder: Path) -> None:
    meshes = MeshFolder(MeshSettings(str(folder), unit="mm"))
    imported = Imported(meshes.names, {}, meshes)
    with pytest.raises(
        ValueError, match="all 7 meshes are of the family 'mesh', which can be in 'unseen_families' or in"
    ):
        spread_over_splits(imported, {"train": 0.8, "unseen_families": 0.2})


@pytest.mark.parametrize("given", ["training=0.5", "train=half"])
def test_a_misspelt_fraction_is_told(given: str) -> None:
    expected = f"'{given}' is not SPLIT=SHARE with a split of train, development, unseen_instances"
    with pytest.raises(SystemExit, match=expected):
        main(["x", "--output", "y", "--fractions", given])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--num_workers=-1"], "num_workers is -1, expected at least 1"),
        (["--timeout=-5"], "timeout is -5.0 s; expected a positive number of seconds"),
        (["--memory=0"], "memory is 0.0 GB; expected at least"),
        (["--fractions", "train=0"], "'train=0' has no share above 0"),
        (["--fractions", "train=1", "train=2"], "names a split twice"),
        (["--fractions", "train=0.8", "unseen_families=0.2"], "all 7 meshes are of the family 'mesh'"),
        (["--output=meshes"], "output .*meshes is a folder"),
        (["--output=meshes/good.obj/x.json"], "x.json cannot be written"),
    ],
)
def test_what_would_fail_after_the_work_is_told_before_it(
    more: list[str], message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr(preparation, "build_in_workers", lambda *rest: pytest.fail("something was built"))
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        main([str(folder), "--output", "o.json", "--unit", "mm", *more])


def test_objects_that_got_a_wall_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("coacd")
    bowl = open_bowl()
    bowl.remove_unreferenced_vertices()
    (tmp_path / "meshes").mkdir()
    bowl.export(tmp_path / "meshes" / "bowl.ply")
    block().export(tmp_path / "meshes" / "block.ply")
    run(tmp_path / "meshes", "--threshold", "0.5", "--max_pieces", "4")
    assert "1 objects are open surfaces at least in part, which got a wall 3 mm thick" in caplog.text
    assert "mesh_bowl" in caplog.text


def test_a_name_goes_to_the_file_that_could_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "mug.obj").write_text("v 0 0 0\n")
    (tmp_path / "meshes" / "mug.mtl").write_text("")
    (tmp_path / "meshes" / "mug.png").write_text("")
    block().export(tmp_path / "meshes" / "mug.stl")
    with caplog.at_level(logging.INFO):
        output = run(tmp_path / "meshes")
    assert ObjectLibrary(output).get("mesh_mug").extents == pytest.approx([0.06] * 3)
    assert json.loads(output.read_text())["meshes"]["leave_out"] == ["mug.obj"]
    causes = json.loads((tmp_path / "my_rejected.json").read_text())
    assert {Path(path).name for path in causes} == {"mug.obj", "mug.mtl", "mug.png"}
    assert "no faces" in causes[str(tmp_path / "meshes" / "mug.obj")]
    for line in ("rejected: 1 files: no faces", "skipped: 1 files: no mesh (suffix '.mtl')", "(suffix '.png')"):
        assert line in caplog.text


def test_causes_that_differ_by_numbers_are_counted_together() -> None:
    causes = {
        "/a/1.obj": "/a/1.obj: 3 of 8 vertices are NaN or infinite; open it",
        "/a/2.obj": "/a/2.obj: 1 of 20 vertices are NaN or infinite; open it",
        "/a/3.stl": "/a/3.stl: cannot be read as .stl (cut); open it",
        "/a/b.png": "/a/b.png: no mesh (suffix '.png')",
        "/a/b.3mf": "/a/b.3mf: suffix '.3mf' is not supported; export it",
    }
    assert counted(causes) == {
        "N of N vertices are NaN or infinite": 2, "cannot be read as .stl": 1, "no mesh (suffix '.png')": 1,
        "suffix '.3mf' is not supported": 1,
    }  # fmt: skip


def test_an_unknown_unit_is_told() -> None:
    with pytest.raises(SystemExit, match="unit is 'feet'; allowed: m, cm, mm, inch"):
        main(["x", "--output", "y", "--unit", "feet"])


def test_a_mesh_that_cannot_be_opened_is_listed_like_any_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meshes = MeshFolder(MeshSettings(str(folder), unit="mm"))

    def refused(name: str) -> str:
        raise PermissionError(13, "Permission denied", str(meshes.path(name)))

    monkeypatch.setattr(meshes, "key", refused)
    imported = import_folder(meshes, ObjectCache(None))
    assert imported.names == []
    assert "Permission denied" in imported.rejected[folder / "good.obj"]


def test_the_third_party_set_names_objects_that_can_be_built() -> None:
    pytest.importorskip("pybullet_data")
    library = ObjectLibrary("third_party")
    names = library.names("unseen_families")
    assert len(names) > 900
    assert library.names("train") == []
    thing = library.get(names[0])
    assert thing.family == "random_object"
    assert thing.extents.min() <= 0.07 + 1e-6 < thing.extents.max() < 0.2
