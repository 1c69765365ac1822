"""A visitor's mesh becomes an object, or he is told why not."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh

from live.browser import uploads
from live.browser.uploads import MAX_WIDTH, SIZE, object_of_upload
from tests.live.browser.bombs import memory_bomb


def test_a_mesh_becomes_an_object_that_a_hand_can_hold() -> None:
    content = trimesh.creation.box(extents=(300.0, 200.0, 200.0)).export(file_type="stl")
    thing = object_of_upload("../My Box.STL", content, timeout_s=240.0)
    assert thing.extents.max() <= SIZE + 1e-6
    assert thing.extents.min() <= MAX_WIDTH + 1e-6
    assert "my_box" in thing.name
    assert len(thing.rest_poses)


@pytest.mark.parametrize("name", ["shell.sh", "scene.blend", "noname", ""])
def test_files_that_are_no_meshes_are_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: \.obj"):
        object_of_upload(name, b"#!/bin/sh", timeout_s=10.0)


def test_a_small_file_that_unfolds_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_MEMORY_GB", 1.0)
    with pytest.raises(ValueError, match="it took more than 1 GB of memory"):
        object_of_upload("bomb.glb", memory_bomb(), timeout_s=240.0)


def test_an_uploaded_file_is_not_read_together_with_files_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "far.bin").write_bytes(bytes(132))
    content = json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": str(tmp_path / "far.bin")}]}).encode()
    with pytest.raises(ValueError, match=r"its file .*far.bin' lies outside its folder"):
        object_of_upload("x.gltf", content, timeout_s=240.0)


def test_a_small_file_that_takes_minutes_is_refused() -> None:
    # 1 MB whose pieces take more than 90 s
    spiky = trimesh.creation.icosphere(subdivisions=5)
    spiky.vertices *= 1.0 + 0.25 * np.random.default_rng(0).uniform(-1.0, 1.0, (len(spiky.vertices), 1))
    with pytest.raises(ValueError, match="it took longer than 10 s"):
        object_of_upload("bomb.stl", spiky.export(file_type="stl"), timeout_s=10.0)
