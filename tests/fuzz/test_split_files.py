import json

from envs.objects.split_file import load_splits
from tests.envs.objects.mesh_examples import block, obj_text
from tests.fuzz.inputs import changed, check_clear, edited, given, many

ORIGINAL = {
    "schema": "object_split",
    "version": 1,
    "meshes": {"folder": "split_meshes", "unit": "mm", "max_pieces": 8, "leave_out": ["b.obj"], "pattern": "*"},
    "splits": {"train": ["mesh_a", "box_00001"], "unseen_families": ["egg_00003"], "unseen_instances": []},
}


CONTENTS = changed(ORIGINAL).map(lambda tree: json.dumps(tree).encode()) | edited([json.dumps(ORIGINAL).encode()])


@given(CONTENTS)
@many(0.1)
def test_a_malformed_split_file_names_known_objects_or_is_a_clear_error(tmp_path_factory, content: bytes) -> None:
    root = tmp_path_factory.getbasetemp()
    (root / "split_meshes").mkdir(exist_ok=True)
    mesh = block()
    (root / "split_meshes" / "a.obj").write_text(obj_text((mesh.vertices.tolist(), mesh.faces.tolist())))
    path = root / "malformed_split.json"
    path.write_bytes(content)
    try:
        splits = load_splits(path)
    except (ValueError, FileNotFoundError) as error:
        check_clear(error, path)
        return
    named = [name for names in splits.names.values() for name in names]
    assert len(set(named)) == len(named) > 0
    assert all(splits.family(name) for name in named)
