import base64
import json
from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree.update(extensionsRequired=["EXT_meshopt_compression"]), "needs the extensions EXT_meshopt"),
        (lambda tree: tree["accessors"][0].update(sparse={"count": 1}), "sparse or normalised accessors"),
        (lambda tree: tree["accessors"][0].update(normalized=True), "sparse or normalised accessors"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(mode=6), r"of mode 6 \(fans\), which are not read"),
        (lambda tree: tree["accessors"][0].update(count=10**12), "accessors announce 10+36 rows, allowed up to"),
        (lambda tree: tree["buffers"][0].update(uri="gone.bin"), "its file 'gone.bin' is not beside it"),
        (lambda tree: tree.update(meshes=7), "field 'meshes' is no list"),
    ],
)
def test_a_gltf_file_that_would_be_read_wrongly_is_refused(change, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load_mesh(gltf(tmp_path / "a.gltf", change))
