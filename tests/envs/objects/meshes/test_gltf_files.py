"""Which files hold the numbers of a glTF file, and what of its JSON is refused; more of both in test_mesh_content."""

import struct
from pathlib import Path

import pytest

from envs.objects.meshes.gltf_files import buffer_files, gltf_tree


def files_of(folder: Path, *uris: str) -> dict[str, str]:
    """Names of the files by address."""
    files = buffer_files(folder / "thing.gltf", {"buffers": [{"uri": uri} for uri in uris]})
    return {address: path.relative_to(folder).as_posix() for address, path in files.items()}


def test_addresses_may_be_encoded_or_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a b.bin", "c%20d.bin", "e f.bin", "e%20f.bin", "..g.bin", "sub/h.bin"):
        (tmp_path / name).write_bytes(b"x")
    assert files_of(tmp_path, "a%20b.bin", "a b.bin", "c%20d.bin", "e%20f.bin", "..g.bin", "sub/../sub/h.bin") == {
        "a%20b.bin": "a b.bin",
        "a b.bin": "a b.bin",
        "c%20d.bin": "c%20d.bin",
        "e%20f.bin": "e f.bin",  # as the format has it, where there are both
        "..g.bin": "..g.bin",
        "sub/../sub/h.bin": "sub/h.bin",
    }
    assert files_of(tmp_path, "data:;base64,AA==") == {}


@pytest.mark.parametrize(
    "uri", ["..", "../a.bin", "/a.bin", "//host/a.bin", "//a.bin", "C:/a.bin", "C:\\a.bin", "a%00b", "%2Fetc"]
)
def test_addresses_elsewhere_are_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lies outside its folder, where none is read; put it beside the \.gltf"):
        files_of(tmp_path, uri)


@pytest.mark.parametrize("uri", ["", ".", "sub", "gone.bin"])
def test_what_is_no_file_is_told(uri: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match=f"its file '{uri}' is not beside it; keep the files of a .gltf together"):
        files_of(tmp_path, uri)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "its JSON is too deep"),
        (b"[]", "its JSON is no object"),
        (struct.pack("<4sII", b"glTF", 2, 999) + b"\x02\0\0\0JSON{}", "it has 22 bytes and announces 999: it was cut"),
        (struct.pack("<4sII", b"glTF", 1, 22) + b"\x02\0\0\0\0\0\0\0{}", "it was cut or is no GLB of version 2"),
    ],
)
def test_files_that_are_no_gltf_are_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.gltf").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        gltf_tree(tmp_path / "a.gltf")


def test_json_is_read_with_a_byte_order_mark_and_out_of_a_binary_file(tmp_path: Path) -> None:
    (tmp_path / "a.gltf").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    (tmp_path / "b.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 30) + b"\x08\0\0\0JSON" + b'{"a": 1}' + b"  ")
    assert gltf_tree(tmp_path / "a.gltf") == gltf_tree(tmp_path / "b.glb") == {"a": 1}
