"""A mesh is all its files: the object of a .gltf follows the .bin beside it."""

import json
import os
import struct
import threading
from pathlib import Path

import pytest
import trimesh

from envs.objects.meshes import mesh_content as mesh_content_module
from envs.objects.meshes.mesh_content import mesh_content
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


def test_a_file_alone_is_its_bytes(tmp_path: Path) -> None:
    """Keys of before stay: nothing is added where nothing else is read."""
    for name in ("a.stl", "b.obj", "c.glb", "d.gltf"):
        (tmp_path / name).write_bytes(b"mtllib other.mtl\n{")
        assert mesh_content(tmp_path / name) == b"mtllib other.mtl\n{"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_buffer_that_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """Devices and pipes, which a stranger's file may name, never end."""
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "thing.gltf"
    path.write_text(json.dumps({"buffers": [{"uri": "pipe"}]}))
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(mesh_content(path)), daemon=True)
    reader.start()
    reader.join(10.0)
    assert found == [path.read_bytes() + bytes(8)]


def test_a_file_that_is_too_large_to_be_an_object_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_content_module, "MAX_FILE_BYTES", 10)
    (tmp_path / "a.stl").write_bytes(bytes(11))
    assert mesh_content(tmp_path / "a.stl") == b""
    (tmp_path / "b.stl").write_bytes(bytes(10))
    assert mesh_content(tmp_path / "b.stl") == bytes(10)


def test_buffers_of_binary_files_and_those_inside_one(tmp_path: Path) -> None:
    described = json.dumps(
        {"buffers": [{"uri": "data:,x"}, {"byteLength": 1}, {"uri": "far.bin"}, {"uri": 3}]}
    ).encode()
    content = struct.pack("<4sIIII", b"glTF", 2, 20 + len(described), len(described), 0x4E4F534A) + described
    (tmp_path / "one.glb").write_bytes(content)
    assert mesh_content(tmp_path / "one.glb") == content + bytes(8)  # far.bin is not there
    (tmp_path / "far.bin").write_bytes(b"abc")
    assert mesh_content(tmp_path / "one.glb") == content + b"\3" + bytes(7) + b"abc"
