import errno
import hashlib
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.objects.library import ObjectLibrary
from envs.objects.meshes import import_meshes, mesh_folder
from envs.objects.meshes.mesh_folder import MeshFolder, guess_unit
from envs.objects.meshes.mesh_settings import MeshSettings
from envs.objects.split_file import load_splits, write_split_file
from envs.objects.store.object_cache import ObjectCache
from tests.envs.objects.mesh_examples import block, obj_text, time_bomb, write_bad_folder, write_obj


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cubes of 60 units, one in a folder of its own, one in a folder named like a parametric family."""
    root = tmp_path / "grasp_objects"
    for path in ("Plain One.obj", "crate/small-2.obj", "mug/00012.obj"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_obj(root / path, block(60).vertices, block().faces)
    return root


def split_file(path: Path, meshes: dict[str, object], **splits: list[str]) -> Path:
    content = {"schema": "object_split", "version": 1, "meshes": meshes, "splits": splits}
    path.write_text(json.dumps(content))
    return path


def test_names_and_families_come_from_the_paths(folder: Path) -> None:
    meshes = MeshFolder(MeshSettings(str(folder), unit="mm"))
    assert {name: meshes.family(name) for name in meshes.names} == {
        "mesh_plain_one": "mesh",
        "crate_small_2": "crate",
        "mug_mesh_00012": "mug_mesh",  # not the parametric mug of seed 12
    }


def test_one_family_for_all_and_repeated_folders(tmp_path: Path) -> None:
    (tmp_path / "000").mkdir()
    write_obj(tmp_path / "000" / "000.obj", block().vertices, block().faces)
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm", family="Random object"))
    assert meshes.names == ["random_object_000"]


def test_names_in_other_scripts_keep_apart_and_stay_the_same(tmp_path: Path) -> None:
    names = ["кружка", "чашка", "杯子", "café", "cafe\u0301", "cafe", "---", "!!"]
    for name in names:
        (tmp_path / "посуда").mkdir(exist_ok=True)
        write_obj(tmp_path / f"{name}.obj", block().vertices, block().faces)
        write_obj(tmp_path / "посуда" / f"{name}.obj", block().vertices, block().faces)
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    # The two spellings of café are one name: only how the accent is written differs.
    assert len(meshes.names) == 2 * (len(names) - 1)
    assert len(meshes.rejected) == 2
    assert all(name.isascii() and re.fullmatch(r"[a-z]\w*", name) for name in meshes.names)
    # sha256("чашка") begins with these digits: names must not change from one version to the next.
    digits = hashlib.sha256("чашка".encode()).hexdigest()[:8]
    assert meshes.path(f"mesh_{digits}") == tmp_path / "чашка.obj"
    assert len({meshes.family(name) for name in meshes.names}) == 2


def test_files_whose_names_differ_in_signs_alone_are_objects_of_their_own(tmp_path: Path) -> None:
    for name in ("part+1.stl", "part-1.stl", "part-1.obj", "Part 1.stl", "part_2.stl", "a/b_c.stl", "a_b/c.stl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        block().export(tmp_path / name)
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    # sha256 of the paths without suffix: names must not change from one version to the next
    plus, minus, deeper = (hashlib.sha256(path.encode()).hexdigest()[:8] for path in ("part+1", "part-1", "a_b/c"))
    assert {name: meshes.path(name).relative_to(tmp_path).as_posix() for name in meshes.names} == {
        "mesh_part_1": "Part 1.stl",  # the first of them
        "a_b_c": "a/b_c.stl",
        f"a_b_c_{deeper}": "a_b/c.stl",
        f"mesh_part_1_{plus}": "part+1.stl",
        f"mesh_part_1_{minus}": "part-1.obj",
        "mesh_part_2": "part_2.stl",
    }
    assert meshes.names == sorted(meshes.names, key=meshes.path)
    assert list(meshes.rejected) == meshes.alternatives(f"mesh_part_1_{minus}") == [tmp_path / "part-1.stl"]
    assert (meshes.family("a_b_c"), meshes.family(f"a_b_c_{deeper}")) == ("a", "a_b")
    after = meshes.without([f"mesh_part_1_{minus}"])
    assert after.names == meshes.names
    assert after.path(f"mesh_part_1_{minus}") == tmp_path / "part-1.stl"
    block().export(tmp_path / f"part 1 {minus}.stl")  # called as the other one is named
    again = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    assert again.path(f"mesh_part_1_{minus}") == tmp_path / f"part 1 {minus}.stl"
    assert set(again.rejected) == {tmp_path / "part-1.obj", tmp_path / "part-1.stl"}


def test_metadata_does_not_take_the_name_of_a_mesh(tmp_path: Path) -> None:
    write_obj(tmp_path / "mug.obj", block().vertices, block().faces)
    (tmp_path / "._mug.obj").write_bytes(b"\x00\x05\x16\x07")
    for path in ("__MACOSX/mug.obj", "__MACOSX/._mug.obj", "sub/.git/mug.obj"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"\x00\x05\x16\x07")
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    assert meshes.names == ["mesh_mug"]
    assert meshes.path("mesh_mug") == tmp_path / "mug.obj"
    assert not meshes.rejected
    assert len(meshes.skipped) == 4
    assert all("metadata of another program" in cause for cause in meshes.skipped.values())


def test_files_that_are_left_out_give_their_names_to_others(tmp_path: Path) -> None:
    for suffix in (".obj", ".stl"):
        block().export(tmp_path / f"mug{suffix}")
    meshes = MeshFolder(MeshSettings(str(tmp_path), unit="mm"))
    assert meshes.alternatives("mesh_mug") == [tmp_path / "mug.stl"]
    others = meshes.without(["mesh_mug"])
    assert others.path("mesh_mug") == tmp_path / "mug.stl"
    assert others.settings.to_field()["leave_out"] == ("mug.obj",)


def test_every_other_file_has_a_cause(folder: Path) -> None:
    (folder / "crate" / "skin.mtl").write_text("x")
    (folder / "crate" / "skin.png").write_text("x")
    (folder / "notes.txt").write_text("x")
    skipped = MeshFolder(MeshSettings(str(folder), unit="mm", pattern="crate/*")).skipped
    assert {path.name: cause.partition(": ")[2] for path, cause in skipped.items()} == {
        "skin.mtl": "no mesh (suffix '.mtl')",
        "skin.png": "no mesh (suffix '.png')",
        "notes.txt": "no mesh (suffix '.txt')",
        "Plain One.obj": "does not match the pattern",
        "00012.obj": "does not match the pattern",
    }


def test_meshes_behind_links_are_objects_and_the_others_keep_their_names(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_obj(tmp_path / "elsewhere" / "pot.obj", block().vertices, block().faces)
    before = MeshFolder(MeshSettings(str(folder), unit="mm"))
    (folder / "a_link").symlink_to(folder / "crate")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    meshes = MeshFolder(MeshSettings(str(folder), unit="mm"))
    assert {name: meshes.path(name) for name in before.names} == {name: before.path(name) for name in before.names}
    assert set(meshes.names) - set(before.names) == {"linked_pot"}
    assert set(meshes.skipped) == {folder / "a_link", folder / "linked" / "back"}
    assert all("link to a folder that is looked into already" in cause for cause in meshes.skipped.values())


def test_what_may_not_be_looked_at_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look, is_file = os.scandir, Path.is_file

    def may_not(path: Any) -> Any:
        if Path(path).name in ("crate", ".git"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path)

    def may_not_tell(path: Path) -> bool:
        if path.parent.name == "mug":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return is_file(path)

    (folder / ".git").mkdir()
    monkeypatch.setattr(os, "scandir", may_not)
    monkeypatch.setattr(Path, "is_file", may_not_tell)
    meshes = MeshFolder(MeshSettings(str(folder), unit="mm"))
    assert meshes.names == ["mesh_plain_one"]
    assert list(meshes.rejected) == [folder / "crate"]
    assert "folder cannot be read (Permission denied); allow reading it" in meshes.rejected[folder / "crate"]
    assert "may not be looked at" in meshes.skipped[folder / "mug" / "00012.obj"]


def test_a_split_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    file = split_file(folder.parent / "s.json", {"folder": "grasp_objects"}, train=["mesh_plain_one"])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_splits(file).names["train"] == ("mesh_plain_one",)


def test_a_file_given_as_the_folder_is_told(folder: Path) -> None:
    with pytest.raises(NotADirectoryError, match=r"Plain One.obj is a file; give the folder that it lies in"):
        MeshFolder(MeshSettings(str(folder / "Plain One.obj")))


def test_a_library_mixes_meshes_and_parametric_objects(folder: Path, tmp_path: Path) -> None:
    file = split_file(
        tmp_path / "mixed.json",
        {"folder": "grasp_objects", "unit": "mm"},
        train=["box_00001", "mesh_plain_one"],
        unseen_families=["crate_small_2"],
    )
    library = ObjectLibrary(file, ObjectCache(tmp_path / "cache"))
    assert library.names("train") == ["box_00001", "mesh_plain_one"]
    assert library.names("unseen_instances") == []
    assert [library.family(name) for name in ("box_00001", "mesh_plain_one")] == ["box", "mesh"]
    mesh, box = library.get_many(["mesh_plain_one", "box_00001"])
    assert mesh.extents == pytest.approx([0.06] * 3)
    assert box.family == "box"
    with pytest.raises(KeyError, match="no object 'mesh_other' in split file"):
        library.get("mesh_other")


def test_a_mesh_is_built_again_only_when_file_or_settings_change(folder: Path) -> None:
    def key(**settings: object) -> str:
        return MeshFolder(MeshSettings(str(folder), **{"unit": "mm", **settings})).key("mesh_plain_one")

    before = key()
    assert key() == before
    assert key(pattern="*.obj") == before  # which files are listed does not change this one
    assert len({before, key(unit="cm"), key(max_pieces=8), key(threshold=0.2), key(max_width=0.05)}) == 5
    write_obj(folder / "Plain One.obj", block(61).vertices, block().faces)
    assert key() != before


@pytest.mark.parametrize(
    ("width", "unit"), [(0.08, "m"), (0.3, "m"), (4.0, "cm"), (12.0, "cm"), (80.0, "mm"), (200, "mm")]
)
def test_the_unit_is_guessed_from_the_extents(width: float, unit: str) -> None:
    assert guess_unit([width * 0.5, width, width * 3], Path("f")) == unit


def test_meshes_of_unit_size_tell_no_unit() -> None:
    with pytest.raises(
        ValueError, match=r"about 2 units large, as meshes that were scaled to unit size are; give 'size'"
    ):
        guess_unit([2.0, 2.0, 1.9], Path("f"))


def test_a_guessed_unit_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert MeshFolder(MeshSettings(str(folder))).settings.unit == "mm"
    assert f"mesh folder {folder}: no unit is given; the meshes are about 60 units large, taken for mm" in caplog.text


def test_the_remedy_names_options_of_the_command_that_has_them(folder: Path) -> None:
    """`fit`, `test` and `synthesize`, which build what is not kept, have no such options."""
    advice = MeshFolder(MeshSettings(str(folder), unit="mm")).task("mesh_plain_one").advice
    assert "allow more when importing it (--timeout, --memory of import_meshes or of convert)" in advice
    assert all(option in import_meshes._parser().format_help() for option in ("--timeout", "--memory"))


def test_a_unit_is_guessed_though_a_mesh_takes_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bomb.obj").write_text(obj_text(time_bomb()))
    monkeypatch.setattr(mesh_folder, "SAMPLE_S", 4.0)
    assert MeshFolder(MeshSettings(str(folder))).settings.unit == "mm"


def test_files_that_cannot_be_objects_are_listed(tmp_path: Path) -> None:
    write_bad_folder(tmp_path)
    rejected = {path.name: cause for path, cause in MeshFolder(MeshSettings(str(tmp_path))).rejected.items()}
    assert set(rejected) == {"foreign.fbx", "Twin.stl"}
    assert "'.fbx' is not supported" in rejected["foreign.fbx"]
    assert f"its object name 'mesh_twin' is that of {tmp_path / 'Twin.ply'} too" in rejected["Twin.stl"]


def test_a_folder_with_nothing_usable_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "a.fbx").write_text("x")
    with pytest.raises(ValueError, match=r"has no usable mesh .* read are .obj, .*; 1 files are not, e.g. .*a.fbx"):
        MeshFolder(MeshSettings(str(tmp_path)))


def test_a_missing_folder_or_package_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mesh folder .*nowhere does not exist; correct 'folder'"):
        MeshFolder(MeshSettings("nowhere"), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"package no_such_package, which is not installed; pip install"):
        MeshFolder(MeshSettings("package:no_such_package/meshes"))


@pytest.mark.parametrize(
    ("meshes", "message"),
    [
        ({"unit": "mm"}, "expected an object with at least a 'folder'"),
        ({"folder": "grasp_objects", "units": "mm"}, "unknown entries units; allowed: folder, unit, scale, size"),
        ({"folder": "grasp_objects", "unit": "furlong"}, "unit is 'furlong'; allowed: m, cm, mm, inch"),
        ({"folder": "grasp_objects", "unit": "mm", "size": 0.1}, "unit and size are given; at most one"),
        ({"folder": "grasp_objects", "scale": -1}, "scale is -1; expected a positive number"),
        (
            {"folder": "grasp_objects", "pattern": "/a/*.obj"},
            "pattern is '/a/[*].obj'; expected one relative to folder",
        ),
        ({"folder": "grasp_objects", "max_pieces": 0}, "max_pieces is 0; allowed: 1 to 64"),
        ({"folder": "grasp_objects", "threshold": 7}, "threshold is 7; allowed: 0.01"),
        ({"folder": "grasp_objects", "unit": ["mm"]}, "unit is .* expected a text"),
        ({"folder": "grasp_objects", "family": 5}, "family is '5'; expected a text"),
        ({"folder": "grasp_objects", "pattern": "../*.obj"}, "expected one relative to folder"),
        ({"folder": "grasp_objects", "leave_out": "a.obj"}, "leave_out is 'a.obj'; expected a list of paths"),
        ({"folder": "package:os.path/x"}, "folder is 'package:os.path/x'; expected package:NAME/PATH"),
    ],
)
def test_bad_mesh_settings_name_the_split_file(meshes: dict[str, object], message: str, folder: Path) -> None:
    file = split_file(folder.parent / "s.json", meshes, train=["mesh_plain_one"])
    with pytest.raises(ValueError, match=rf"split file .*s.json: meshes: .*{message}"):
        load_splits(file)


def test_a_name_that_is_no_mesh_is_told(folder: Path) -> None:
    file = split_file(folder.parent / "s.json", {"folder": "grasp_objects"}, train=["mesh_other"])
    with pytest.raises(ValueError, match=r"'splits.train': object name 'mesh_other' is neither one of the 3 meshes of"):
        load_splits(file)


def test_a_split_file_with_meshes_names_at_least_one_object(folder: Path) -> None:
    file = split_file(folder.parent / "s.json", {"folder": "grasp_objects"}, train=[])
    with pytest.raises(ValueError, match="field 'splits' names no object at all"):
        load_splits(file)


def test_mesh_families_are_seen_or_unseen(folder: Path) -> None:
    write_obj(folder / "another.obj", block().vertices, block().faces)
    file = split_file(
        folder.parent / "s.json",
        {"folder": "grasp_objects"},
        train=["mesh_plain_one"],
        unseen_families=["mesh_another"],
    )
    with pytest.raises(ValueError, match="names 'mesh_another', whose family is in 'train' too"):
        load_splits(file)


def test_written_settings_are_read_back(folder: Path) -> None:
    settings = MeshSettings("grasp_objects", unit="mm", max_pieces=7)
    splits = {"train": [], "unseen_instances": [], "unseen_families": ["crate_small_2"]}
    write_split_file(folder.parent / "w.json", splits, settings)
    loaded = load_splits(folder.parent / "w.json")
    assert loaded.names["unseen_families"] == ("crate_small_2",)
    assert loaded.meshes is not None
    assert loaded.meshes.settings == settings
    np.testing.assert_equal(json.loads((folder.parent / "w.json").read_text())["meshes"], settings.to_field())
