"""Files that go, change or may not be read while a conversion runs, and parts that were damaged since: none ends it."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from datamodules.convert import main
from datamodules.formats import job, reading, surface
from datamodules.formats.dexgraspbench import DexGraspBench
from datamodules.formats.files import unreadable_folders
from datamodules.formats.foreign import BadEntry, ForeignGrasp, Unit
from datamodules.formats.registry import open_source
from datamodules.formats.verifying import Part, is_verified
from datamodules.grasps.grasp_file import save_grasp_set
from datamodules.grasps.grasp_set import GraspSet
from envs.objects.store.guarded import Limits
from tests.datamodules.formats.conftest import save, write_scene
from tests.envs.objects.mesh_examples import obj_text, time_bomb

Writer = Callable[..., Path]
FORBIDDEN = PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def read(source: Path, folder: Path) -> job.Counts:
    made = job.ConversionJob(open_source(source, "unidexgrasp"), folder / "meshes", folder / "parts")
    counts = job.Counts()
    job.read_units(made, made.source.units(), counts)
    return counts


def test_files_that_go_after_they_were_listed_are_bad_entries(unidexgrasp: Writer, tmp_path: Path) -> None:
    unidexgrasp(0)
    source = unidexgrasp(1)
    made = job.ConversionJob(open_source(source, "unidexgrasp"), tmp_path / "meshes", tmp_path / "parts")
    units, counts = made.source.units(), job.Counts()
    gone = units[0].files[1]
    gone.unlink()
    job.read_units(made, units, counts)
    assert counts.read == 1
    assert "cannot be read (No such file or directory); bring it back" in counts.bad[str(gone)]


def test_a_mesh_that_may_not_be_read_costs_its_own_grasps_alone(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unidexgrasp(0)
    source = unidexgrasp(0, "core/can-3c4d")
    open_mesh = surface.mesh_surface

    def may_not(path: Path) -> surface.MeshSurface:
        if "can-3c4d" in str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return open_mesh(path)

    for module in (job, reading, surface):
        monkeypatch.setattr(module, "mesh_surface", may_not)
    counts = read(source, tmp_path)
    assert counts.read == 1
    [(origin, cause)] = counts.bad.items()
    assert "can-3c4d" in origin
    assert "Permission denied" in cause
    assert "decomposed.obj" in cause


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_damaged_parts_are_made_again(
    unidexgrasp: Writer, known: GraspSet, tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    source = unidexgrasp(0)
    assert read(source, tmp_path).read == 1
    [part] = (tmp_path / "parts" / "read").iterdir()
    damaged = part.read_bytes()[:1000] if content is None else content
    part.write_bytes(damaged)
    assert read(source, tmp_path).read == 1
    assert "cannot be used" in caplog.text
    assert part.read_bytes() != damaged
    part = Part(Unit("one", ()), 0, len(known), tmp_path / "one.npz")
    save_grasp_set(known, part.path)
    part.path.write_bytes(part.path.read_bytes()[:1000] if content is None else content)
    assert not is_verified(part, "a", {})


def test_folders_that_may_not_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open" / "closed").mkdir(parents=True)
    look = os.scandir

    def may_not(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", may_not)
    told = unreadable_folders(tmp_path)
    assert told == {
        str(
            tmp_path / "open" / "closed"
        ): "folder cannot be read (Permission denied); allow reading it, or leave it out"
    }


def test_a_source_of_one_file_has_no_folder_that_cannot_be_read(unidexgrasp: Writer) -> None:
    assert unreadable_folders(unidexgrasp(0) / "core" / "bottle-1a2b" / "00000.npz") == {}


def test_what_lies_in_a_closed_folder_is_listed_as_rejected(
    unidexgrasp: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object, counts: job.Counts) -> None:
        assert counts.bad == {"closed": "folder cannot be read"}
        raise ValueError("stopped here")

    monkeypatch.setattr("datamodules.convert.unreadable_folders", lambda _: {"closed": "folder cannot be read"})
    monkeypatch.setattr("datamodules.convert.objects_to_build", stop)
    with pytest.raises(SystemExit, match="stopped here"):
        main([str(unidexgrasp(0)), "--output", str(tmp_path / "o.npz"), "--split_file", str(tmp_path / "o.json")])


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_source_that_may_not_be_read_is_not_of_an_unknown_format(
    unidexgrasp: Writer, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    source = unidexgrasp(0)

    def may_not(*_: object) -> None:
        raise FORBIDDEN

    monkeypatch.setattr(Path, "iterdir" if is_folder else "open", may_not)
    with pytest.raises(PermissionError, match=r"source .* cannot be read: Permission denied; allow reading it"):
        open_source(source if is_folder else source / "core" / "bottle-1a2b" / "00000.npz")


@pytest.mark.parametrize("option", ["--output", "--parts_dir"])
def test_a_single_file_is_not_overwritten_by_what_is_made_of_it(
    unidexgrasp: Writer, tmp_path: Path, option: str
) -> None:
    file = unidexgrasp(0) / "core" / "bottle-1a2b" / "00000.npz"
    before, places = file.read_bytes(), {"--output": tmp_path / "a.npz", "--split_file": tmp_path / "a.json"}
    places[option] = file.parent / ".." / "bottle-1a2b" / file.name
    with pytest.raises(SystemExit, match="is the source, which would be overwritten; name a file beside it"):
        main([str(file), *(str(word) for pair in places.items() for word in pair)])
    assert file.read_bytes() == before


def test_a_bad_mesh_does_not_end_the_reading_of_a_benchs_other_objects(
    block: trimesh.Trimesh, mounts: np.ndarray, tmp_path: Path
) -> None:
    for name in ("core_bottle_1a2b", "core_can_3c4d"):
        scene = write_scene(tmp_path, name, block)
        save(tmp_path / "graspdata" / name / "scale008.npy", {"grasp_qpos": mounts[:1], "scene_path": scene})
    [mesh] = tmp_path.glob("assets/**/core_bottle_1a2b/mesh/simplified.obj")
    mesh.write_text("v 0 0 0\n")
    reader = DexGraspBench(tmp_path / "graspdata")
    entries: list[ForeignGrasp | BadEntry] = [entry for unit in reader.units() for entry in reader.read(unit)]
    assert len(entries) == 2
    assert reader.palm_offset > 0.0


def test_a_mesh_that_takes_for_ever_costs_its_own_grasps_alone(unidexgrasp: Writer, tmp_path: Path) -> None:
    unidexgrasp(0)
    unidexgrasp(0, "core/can-3c4d")
    source = unidexgrasp(1, "core/can-3c4d")
    (source.parent / "meshdatav3_scaled/core/can-3c4d/coacd/decomposed.obj").write_text(obj_text(time_bomb()))
    made = job.ConversionJob(open_source(source), tmp_path / "meshes", tmp_path / "parts", timeout_s=6.0)
    counts = job.Counts()
    job.read_units(made, made.source.units(), counts)
    assert (counts.read, len(counts.bad)) == (1, 2)
    for origin, cause in counts.bad.items():
        assert "can-3c4d" in origin
        assert "decomposed.obj: it took longer than 6 s; meshes do that with faces of thousands of corners" in cause


def test_a_mesh_that_fills_the_memory_is_told_once_and_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.gltf"  # 90 million vertices of zeros, as the format reads accessors without a buffer
    accessors = [
        {"componentType": 5126, "count": 90_000_000, "type": "VEC3"},
        {"componentType": 5125, "count": 3, "type": "SCALAR", "bufferView": 0},
    ]
    faces = {"byteLength": 12, "uri": "data:application/octet-stream;base64,AAAAAAEAAAACAAAA"}  # 0, 1, 2
    buffers = {"buffers": [faces], "bufferViews": [{"buffer": 0, "byteLength": 12}]}
    mesh = {"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}
    scene = {"scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
    content = {"asset": {"version": "2.0"}, "accessors": accessors, "meshes": [mesh], **scene, **buffers}
    path.write_text(json.dumps(content))
    with surface.guarded_meshes(Limits(300.0, 2.0)):
        with pytest.raises(ValueError, match=r"bomb\.gltf: it took more than 2 GB of memory; meshes do that"):
            surface.mesh_surface(path)
        monkeypatch.setattr(surface.GuardedCalls, "submit", None)
        with pytest.raises(ValueError, match=r"bomb\.gltf: it took more than 2 GB of memory"):
            surface.mesh_surface(path)


def test_what_was_cut_off_is_read_again_with_more_time_or_memory(
    block: trimesh.Trimesh, mounts: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("core_bottle_1a2b", "core_can_3c4d"):
        scene = write_scene(tmp_path, name, block)
        save(tmp_path / "graspdata" / "all" / f"{name}.npy", {"grasp_qpos": mounts[:1], "scene_path": scene})
    times_read: list[object] = []

    def result(calls: surface.GuardedCalls, path: Path, advice: str) -> surface.MeshSurface:
        limits = calls._limits
        if "can" in str(path) and limits.seconds < 20.0:
            raise TimeoutError(f"it took longer; {advice}")
        if "can" in str(path) and limits.gigabytes < 2.0:
            raise MemoryError(f"it took more; {advice}")
        return surface.MeshSurface(path)

    monkeypatch.setattr(surface.GuardedCalls, "submit", lambda _, function, args: args[0])
    monkeypatch.setattr(surface.GuardedCalls, "result", result)
    monkeypatch.setattr(job, "read_grasps", lambda *given: times_read.append(given) or reading.read_grasps(*given))

    def counts(timeout_s: float, memory_gb: float) -> tuple[int, int, int]:
        """Grasps, bad entries, and how often the unit was read for them."""
        times_read.clear()
        made = job.ConversionJob(
            DexGraspBench(tmp_path / "graspdata"), tmp_path / "meshes", tmp_path / "parts", timeout_s=timeout_s,
            memory_gb=memory_gb,
        )  # fmt: skip
        found = job.Counts()
        job.read_units(made, made.source.units(), found)
        assert all("more by --timeout (seconds) and --memory" in cause for cause in found.bad.values())
        return found.read, len(found.bad), len(times_read)

    assert counts(10.0, 1.0) == (1, 1, 1)
    assert counts(10.0, 1.0) == (1, 1, 0)
    assert counts(5.0, 1.0) == (1, 1, 0)
    assert counts(20.0, 1.0) == (1, 1, 1)
    assert counts(20.0, 2.0) == (2, 0, 1)
    assert counts(30.0, 4.0) == (2, 0, 0)
