import base64
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from envs.objects.meshes import gltf_files, read_gltf
from envs.objects.meshes.mesh_files import load_mesh
from tests.envs.objects.mesh_examples import block


def gltf(path: Path, change) -> Path:
    """A box as .gltf with its numbers inside, changed."""
    mesh = block()
    raw = np.asarray(mesh.vertices, dtype="<f4").tobytes() + np.asarray(mesh.faces, dtype="<u4").tobytes()
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": 36, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 96},
            {"buffer": 0, "byteOffset": 96, "byteLength": len(raw) - 96},
        ],
        "buffers": [{"byteLength": len(raw), "uri": "data:;base64," + base64.b64encode(raw).decode()}],
    }
    change(tree)
    path.write_text(json.dumps(tree))
    return path


def test_a_plain_gltf_file_is_read(tmp_path: Path) -> None:
    mesh = load_mesh(gltf(tmp_path / "a.gltf", lambda tree: tree.update(extensionsRequired=["KHR_materials_unlit"])))
    assert mesh.volume == pytest.approx(60**3)


@pytest.mark.parametrize("uri", ["one%20two.bin", "one two.bin", "./sub/../one%20two.bin", "sub/three.bin"])
def test_numbers_in_a_file_of_their_own_are_read(uri: str, tmp_path: Path) -> None:
    """Also below the folder, where the address is encoded, and where the file is a link, as git-annex makes them."""

    def outside(tree) -> None:
        content = base64.b64decode(tree["buffers"][0]["uri"].partition(",")[2])
        (tmp_path / "kept").write_bytes(content)
        (tmp_path / "m" / "sub").mkdir(parents=True)
        (tmp_path / "m" / "one two.bin").write_bytes(content)
        (tmp_path / "m" / "sub" / "three.bin").symlink_to(tmp_path / "kept")
        tree["buffers"][0]["uri"] = uri

    mesh = load_mesh(gltf(tmp_path / "m" / "a.gltf", outside))
    assert mesh.volume == pytest.approx(60**3)


def test_buffers_that_are_too_large_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gltf_files, "MAX_BUFFER_BYTES", 10)
    (tmp_path / "b.bin").write_bytes(bytes(11))
    with pytest.raises(ValueError, match=r"the files of its buffers have 0.0 GB, allowed up to 1e-08 GB; decimate"):
        load_mesh(gltf(tmp_path / "a.gltf", lambda tree: tree["buffers"][0].update(uri="b.bin")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.update(extensionsRequired=["EXT_meshopt_compression"]), "needs the extensions EXT_meshopt"),
        (lambda tree: tree["accessors"][0].update(sparse={"count": 1}), "sparse or normalised accessors"),
        (lambda tree: tree["accessors"][0].update(normalized=True), "sparse or normalised accessors"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(mode=6), r"of mode 6 \(fans\), which are not read"),
        (lambda tree: tree["accessors"][0].update(count=10**12), "accessors announce 10+36 rows, allowed up to"),
        (lambda tree: tree["buffers"][0].update(uri="gone.bin"), "its file 'gone.bin' is not beside it"),
        (lambda tree: tree["buffers"][0].update(uri="../far.bin"), r"its file '\.\./far.bin' lies outside its folder"),
        (lambda tree: tree["buffers"][0].update(uri="/etc/passwd"), "its file '/etc/passwd' lies outside its folder"),
        (lambda tree: tree.update(meshes=7), "field 'meshes' is no list"),
        (lambda tree: tree.update(extras=[{}] * 1_000_000), r"its JSON has \d+ values, allowed up to 1000000"),
    ],
)
def test_a_gltf_file_that_would_be_read_wrongly_is_refused(change, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load_mesh(gltf(tmp_path / "a.gltf", change))


def draco(tree) -> None:
    """The numbers of the only part are compressed: its accessors have none."""
    tree.update(extensionsUsed=["KHR_draco_mesh_compression"])
    extension = {"bufferView": 0, "attributes": {"POSITION": 0}}
    tree["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": extension}
    for accessor in tree["accessors"]:
        del accessor["bufferView"]


def required_draco(tree) -> None:
    draco(tree)
    tree.update(extensionsRequired=["KHR_draco_mesh_compression"])


@pytest.mark.parametrize("change", [draco, required_draco])
def test_compressed_numbers_that_nothing_decodes_are_refused(
    change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """trimesh would take zeros for them, and the error would speak of a damaged file."""
    monkeypatch.setattr(read_gltf, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="needs the extensions KHR_draco_mesh_compression, which are not read; export"):
        load_mesh(gltf(tmp_path / "a.gltf", change))


def test_compressed_numbers_are_read_where_their_package_is(tmp_path: Path) -> None:
    pytest.importorskip("DracoPy")
    ball = trimesh.creation.icosphere(subdivisions=2, radius=30.0)
    path = tmp_path / "a.glb"
    path.write_bytes(trimesh.exchange.gltf.export_glb(trimesh.Scene(ball), extension_draco=True))
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.vertices, ball.vertices, atol=60.0 / 2**14)  # positions have 14 bits
    np.testing.assert_array_equal(mesh.faces, ball.faces)


def test_a_part_that_may_do_without_its_compressed_numbers_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_gltf, "find_spec", lambda _: None)

    def both(tree) -> None:
        views = [accessor["bufferView"] for accessor in tree["accessors"]]
        draco(tree)
        for accessor, view in zip(tree["accessors"], views, strict=True):
            accessor["bufferView"] = view

    assert load_mesh(gltf(tmp_path / "a.gltf", both)).volume == pytest.approx(60**3)
