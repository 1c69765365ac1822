"""A visitor's mesh becomes an object, or he is told why not."""

import pytest
import trimesh

from live.browser.uploads import MAX_WIDTH, SIZE, object_of_upload


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
