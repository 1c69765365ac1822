"""A mesh is all its files: the object of a .gltf follows the .bin beside it."""

import json
import os
import struct
import threading
import tracemalloc
from pathlib import Path

import pytest
import trimesh

from envs.objects.meshes import gltf_files, mesh_content
from envs.objects.meshes.mesh_content import mesh_digest
from envs.objects.meshes.mesh_folder import MeshFolder
from envs.objects.meshes.mesh_settings import MeshSettings


def write_gltf(folder: Path, mesh: trimesh.Trimesh) -> Path:
    """``thing.gltf`` with its numbers in ``one two.bin``, named as in an address."""
    folder.mkdir(parents=True, exist_ok=True)
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(mesh), merge_buffers=True)
    described = json.loads(files["model.gltf"])
    described["buffers"][0]["uri"] = "one%20two.bin"
    (folder / "one two.bin").write_bytes(next(data for name, data in files.items() if name.endswith(".bin")))
    path = folder / "thing.gltf"
    path.write_text(json.dumps(described))
    return path


def test_an_object_follows_the_buffer_of_its_gltf(tmp_path: Path) -> None:
    """Its key, by which built objects are kept, is another one when the buffer alone was written over."""
    path = write_gltf(tmp_path / "meshes", trimesh.creation.box((0.06,) * 3))
    meshes, text = MeshFolder(MeshSettings(str(tmp_path / "meshes"), unit="m")), path.read_text()
    key = meshes.key("mesh_thing")
    assert meshes.key("mesh_thing") == key
    write_gltf(tmp_path / "meshes", trimesh.creation.box((0.06, 0.06, 0.03)))
    path.write_text(text)
    assert meshes.key("mesh_thing") != key


def described(path: Path, *uris: object) -> Path:
    """A .gltf file whose buffers have these addresses."""
    path.write_text(json.dumps({"buffers": [{"uri": uri, "byteLength": 1} for uri in uris]}))
    return path


def test_what_is_no_buffer_decides_nothing(tmp_path: Path) -> None:
    """Files of equal content have one digest, whatever lies beside them and whatever they are called."""
    digests = set()
    for name in ("a.stl", "b.obj", "c.glb", "d.gltf"):
        (tmp_path / name).write_bytes(b"mtllib other.mtl\n{")
        digests.add(mesh_digest(tmp_path / name))
        (tmp_path / "other.mtl").write_text(name)
    assert len(digests) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_buffer_that_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """Devices and pipes, which a stranger's file may name, never end."""
    os.mkfifo(tmp_path / "pipe")
    path = described(tmp_path / "thing.gltf", "pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(mesh_digest(path)), daemon=True)
    reader.start()
    reader.join(10.0)
    (tmp_path / "alone.stl").write_bytes(path.read_bytes())
    assert found == [mesh_digest(tmp_path / "alone.stl")]


def test_a_file_that_is_too_large_to_be_an_object_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_content, "MAX_FILE_BYTES", 10)
    for name, size in (("a", 11), ("b", 12), ("c", 10), ("d", 9)):
        (tmp_path / f"{name}.stl").write_bytes(bytes(size))
    too_large, larger, just_read, smaller = (mesh_digest(tmp_path / f"{name}.stl") for name in "abcd")
    assert too_large == larger
    assert len({too_large, just_read, smaller}) == 3


def test_buffers_that_are_too_large_together_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = described(tmp_path / "thing.gltf", "a.bin", "b.bin")
    digests = set()
    for content in (b"12345", b"54321"):
        (tmp_path / "a.bin").write_bytes(content)
        (tmp_path / "b.bin").write_bytes(b"12345")
        monkeypatch.setattr(gltf_files, "MAX_BUFFER_BYTES", 9)
        digests.add(mesh_digest(path))
        monkeypatch.setattr(gltf_files, "MAX_BUFFER_BYTES", 10)
        digests.add(mesh_digest(path))
    assert len(digests) == 3  # one without buffers, and two with


def test_a_buffer_that_is_named_often_fills_no_memory(tmp_path: Path) -> None:
    """A small file that a stranger uploads may name a large one a thousand times."""
    (tmp_path / "large.bin").write_bytes(bytes(4_000_000))
    path = described(tmp_path / "thing.gltf", *["large.bin", "./large.bin", "large%2Ebin"] * 20)
    tracemalloc.start()
    try:
        mesh_digest(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2_000_000  # less than the file once


@pytest.mark.parametrize("uri", ["../far.bin", "{}/far.bin", "%2e%2e/far.bin", "sub/../../far.bin"])
def test_files_elsewhere_on_the_machine_are_not_read(uri: str, tmp_path: Path) -> None:
    """A file that a stranger uploads may name any."""
    (tmp_path / "meshes" / "sub").mkdir(parents=True)
    path = described(tmp_path / "meshes" / "thing.gltf", uri.format(tmp_path))
    digests = set()
    for content in (b"abc", b"def"):
        (tmp_path / "far.bin").write_bytes(content)
        digests.add(mesh_digest(path))
    assert len(digests) == 1


def test_a_described_file_of_too_many_values_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf_files, "MAX_VALUES", 100)
    monkeypatch.setattr(json, "loads", lambda *_: pytest.fail("parsed"))
    (tmp_path / "thing.gltf").write_text("[" + 50 * "{}," + "{}]")  # 52 openings and 50 commas
    mesh_digest(tmp_path / "thing.gltf")


def test_buffers_of_binary_files_and_those_inside_one(tmp_path: Path) -> None:
    described = json.dumps(
        {"buffers": [{"uri": "data:,x"}, {"byteLength": 1}, {"uri": "far.bin"}, {"uri": 3}]}
    ).encode()
    content = struct.pack("<4sIIII", b"glTF", 2, 20 + len(described), len(described), 0x4E4F534A) + described
    (tmp_path / "one.glb").write_bytes(content)
    without = mesh_digest(tmp_path / "one.glb")  # far.bin is not there
    digests = {without}
    for beside in (b"abc", b"def"):
        (tmp_path / "far.bin").write_bytes(beside)
        digests.add(mesh_digest(tmp_path / "one.glb"))
    assert len(digests) == 3
