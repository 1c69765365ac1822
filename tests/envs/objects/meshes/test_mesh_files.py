"""Files as programs write them: each is the right mesh, or an error that says what is wrong with it."""

import os
from pathlib import Path

import pytest
import trimesh

from envs.objects.meshes.mesh_files import load_mesh
from tests.envs.objects.mesh_examples import (
    U_CORNERS,
    Polygons,
    block,
    obj_text,
    off_text,
    open_bowl,
    ply_bytes,
    prism,
    stl_bytes,
)  # fmt: skip

BOX = prism([(0, 0), (60, 0), (60, 40), (0, 40)], 50)
"""12 cl: 60 by 40 by 50."""


def check(path: Path, content: bytes | str, volume: float = 120_000, area: float = 14_800) -> None:
    """The file holds that closed solid."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    mesh = load_mesh(path)
    mesh.merge_vertices()
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(volume, rel=1e-6)
    assert mesh.area == pytest.approx(area, rel=1e-6)


def refused(path: Path, content: bytes | str, message: str) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match=message):
        load_mesh(path)


def split_quad(polygons: Polygons) -> Polygons:
    """One quad as two triangles, the others as they are."""
    vertices, (first, *others) = polygons
    return vertices, [first[:3], (first[0], first[2], first[3]), *others]


@pytest.mark.parametrize("name", ["u.obj", "u.off", "u.ply", "little.ply", "big.ply"])
def test_concave_caps_are_read_from_every_format(name: str, tmp_path: Path) -> None:
    order = {"little": "<", "big": ">"}.get(name[:-4], "")
    write = {".obj": obj_text, ".off": off_text, ".ply": lambda polygons: ply_bytes(polygons, order)}[name[-4:]]
    # Rotated by two, as a fan the caps overlap themselves.
    check(tmp_path / name, write(prism(U_CORNERS[2:] + U_CORNERS[:2])), 67_500, 14_400)


def test_negative_indices_count_back_from_the_vertices_so_far(tmp_path: Path) -> None:
    box = prism([(0, 0), (40, 0), (40, 40), (0, 40)], 40)
    faces = "".join(f"f {' '.join(str(k - 8) for k in face)}\n" for face in box[1])
    blocks = [
        "".join(f"v {x + shift} {y} {z}\n" for x, y, z in box[0]) + f"{faces}l -1 -2\n" for shift in (0, 42)
    ]  # fmt: skip
    check(tmp_path / "two.obj", "".join(blocks), 2 * 40**3, 2 * 6 * 40**2)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", "\t"),
        lambda text: "".join(f"  {line}  \n" for line in text.splitlines()),
        lambda text: "\ufeff" + text,
        lambda text: "".join(f"{line} # a remark\n" for line in text.splitlines()),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("f ", "f \\\n "),
        lambda text: text.rstrip(),
        lambda text: "# caf\xe9\nmtllib a_b.mtl\no one_two\ng a\ns off\nusemtl red\nvn 0 0 1\nvt 0 0\n" + text,
        lambda text: "".join(
            " ".join(f"{w}/1/1" if k else w for k, w in enumerate(line.split())) + "\n"
            if line[0] == "f"
            else line + "\n"
            for line in text.splitlines()
        ),
        lambda text: "".join(f"{line} 0.5 0.5 0.5\n" if line[0] == "v" else f"{line}\n" for line in text.splitlines()),
    ],
    ids=["tabs", "blanks", "mark", "remarks", "crlf", "cr", "continued", "no_newline", "extras", "slashes", "colours"],
)
def test_an_obj_file_may_be_written_in_many_ways(change, tmp_path: Path) -> None:
    check(tmp_path / "box.obj", change(obj_text(BOX)))


def test_an_obj_file_may_be_utf_16(tmp_path: Path) -> None:
    check(tmp_path / "box.obj", obj_text(BOX).encode("utf-16"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("v 1,5 2,0 3,0", r"line 1 is 'v 1,5 2,0 3,0', not 'v' with three numbers .*'1,5'"),
        ("v 1 2", r"line 1 is 'v 1 2', .*fewer than three numbers"),
        ("v 1_0 2 3", r"line 1 is 'v 1_0 2 3'"),
        ("f 1 2 x", r"line 1 is 'f 1 2 x'"),
        ("f 0 1 2", r"index 0 with 0 vertices before it; indices begin at 1"),
        ("f -1 -2 -3", r"index -1 with 0 vertices before it"),
        ("f 1 2 99", r"face 1 to vertex 98 of 8"),
    ],
)
def test_a_bad_line_of_an_obj_file_is_named(line: str, message: str, tmp_path: Path) -> None:
    refused(tmp_path / "bad.obj", f"{line}\n{obj_text(BOX)}", rf"bad.obj: .*{message}")


def test_an_obj_file_that_was_cut_is_told(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=30)
    text = obj_text((ball.vertices.tolist(), ball.faces.tolist()))
    refused(
        tmp_path / "cut.obj", text[: len(text) * 3 // 4], r"vertices belong to no face, and the surface is open: faces"
    )


def test_vertices_of_no_face_do_no_harm_where_the_surface_is_whole(tmp_path: Path) -> None:
    check(tmp_path / "loose.obj", obj_text(BOX) + "v 500 0 0\nv 501 0 0\nl 9 10\nv 1 1 1\n")


def test_faces_twice_beside_vertices_of_none_are_told(tmp_path: Path) -> None:
    vertices, faces = BOX
    text = obj_text((vertices + [(x + 70, y, z) for x, y, z in vertices], [*faces, *faces]))
    refused(tmp_path / "twice.obj", text, r"8 of 16 vertices belong to no face, and 12 faces are there twice")


@pytest.mark.parametrize("order", ["", "<", ">"])
def test_a_ply_file_may_mix_triangles_and_quads(order: str, tmp_path: Path) -> None:
    check(tmp_path / "mixed.ply", ply_bytes(split_quad(BOX), order))
    check(tmp_path / "mark.ply", b"\xef\xbb\xbf" + ply_bytes(split_quad(BOX), order))


def test_a_ply_file_may_have_other_columns_and_elements(tmp_path: Path) -> None:
    text = ply_bytes(split_quad(BOX), "").decode()
    head, body = text.split("end_header\n")
    head = head.replace("property float z\n", "property double z\nproperty uchar red\n").replace("comment", "obj_info")
    head = head.replace("property list", "property uchar flag\nproperty list").replace(
        "element face", "element edge 1\nproperty int a\nproperty int b\nelement face"
    )
    rows = body.splitlines()
    rows = [f"{row} 7" for row in rows[:8]] + ["0 1"] + [f"255 {row}" for row in rows[8:]]
    check(tmp_path / "more.ply", head + "end_header\r\n" + "\n".join(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-5], r"ends before the 6 rows of element 'face' .*: it was cut"),
        (lambda raw: raw[:200], r"it was cut|no line 'end_header'"),
        (lambda raw: raw.replace(b"element face 6", b"element face 999999999999"), "it was cut"),
        (
            lambda raw: raw.replace(b"vertex_indices", b"colours"),
            r"no list vertex_indices or vertex_index, but colours",
        ),
        (lambda raw: raw.replace(b"element face", b"element strip"), "no 'face': points or strips are no surface"),
        (lambda raw: raw.replace(b"property float x", b"property floot x"), r"the line 'property floot x', which PLY"),
        (lambda raw: raw.replace(b"binary_little_endian", b"binary_middle_endian"), "the line 'format binary_middle"),
        (lambda raw: raw.replace(b"property float x\n", b""), "expected 'vertex' with x, y and z"),
    ],
)
def test_a_bad_ply_file_is_told(change, message: str, tmp_path: Path) -> None:
    refused(tmp_path / "bad.ply", change(ply_bytes(BOX)), rf"bad.ply: cannot be read as .ply \(.*({message})")


def test_a_word_among_the_numbers_of_a_text_ply_is_told(tmp_path: Path) -> None:
    refused(tmp_path / "bad.ply", ply_bytes(BOX, "").replace(b" 50\n", b" fifty\n", 1), "a value in it is not a number")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("OFF\n", "OFF "),
        lambda text: text.removeprefix("OFF\n"),
        lambda text: "# made up\n" + text.replace("0\n", "0 # remark\n\n", 1),
        lambda text: "\n".join(f"{line} 255 0 0" if line.startswith("4 ") else line for line in text.splitlines()),
        lambda text: text.replace("OFF\n", "NOFF\n").replace(".0\n", ".0 0 0 1\n"),
        lambda text: " ".join(text.split()),
        lambda text: "OFF\n" + " ".join(text.split()[1:4]) + "\n" + " ".join(text.split()[4:]),
    ],
    ids=["one_line", "no_keyword", "remarks", "colours", "normals", "no_line_ends", "numbers_in_one_line"],
)
def test_an_off_file_may_be_written_in_many_ways(change, tmp_path: Path) -> None:
    check(tmp_path / "box.off", change(off_text(BOX)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-20], "announces 8 vertices and 6 faces, but has 1[23] lines|corners announced"),
        (lambda text: text.replace("OFF", "4OFF"), "it begins with '4OFF'|counts are"),
        (lambda text: text.replace("OFF", "OFF BINARY"), "it begins with 'OFF BINARY'"),
        (lambda text: text.replace("8 6 0", "8 x 0"), "its counts are '8 x'"),
        (lambda text: text.replace("\n4 ", "\n9 ", 1), r"face 1 is '9 .*9 corners announced, 4 numbers given"),
        (lambda text: text.replace("60 0", "60 zero", 1), "."),
        (lambda text: " ".join(text.split()[:-1]), "has 0 lines for them: it was cut"),
        (lambda text: "OFF 999999999999 6 0 " + " ".join(text.split()[4:]), "has 0 lines for them: it was cut"),
        (lambda text: "COFF " + " ".join(text.split()[1:]), "has 0 lines for them: it was cut"),
    ],
)
def test_a_bad_off_file_is_told(change, message: str, tmp_path: Path) -> None:
    refused(tmp_path / "bad.off", change(off_text(BOX)), message)


@pytest.mark.parametrize(
    "content",
    [
        stl_bytes(block()) + b"made by a scanner",
        stl_bytes(block()) + b"x" * 200,
        stl_bytes(block(), announced=0),
        stl_bytes(block(), announced=2**32 - 1),
        b"solid binary".ljust(80) + stl_bytes(block())[80:],
        trimesh.exchange.stl.export_stl_ascii(block()).replace("solid", "solid a vertex of facet", 1),
        trimesh.exchange.stl.export_stl_ascii(block()).upper(),
        trimesh.exchange.stl.export_stl_ascii(block()).rpartition("endsolid")[0],
    ],
    ids=["trailing", "trailing_facets", "no_count", "great_count", "solid", "named", "upper", "no_end"],
)
def test_an_stl_file_may_be_written_in_many_ways(content: bytes | str, tmp_path: Path) -> None:
    check(tmp_path / "block.stl", content, 60**3, 6 * 60**2)


@pytest.mark.parametrize("announced", [None, 12])
def test_bodies_in_one_stl_file_are_all_read(announced: int | None, tmp_path: Path) -> None:
    one, other = block(), block()
    other.apply_translation([100, 0, 0])
    joined = stl_bytes(trimesh.util.concatenate([one, other]), announced) if announced else None
    check(tmp_path / "two.stl", joined or stl_bytes(one) + stl_bytes(other), 2 * 60**3, 12 * 60**2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            stl_bytes(trimesh.util.concatenate([block(), open_bowl()]), announced=12),
            r"announces 12 facets, \d+ more follow, and together they are no closed surface: the header is wrong",
        ),
        (
            stl_bytes(block())[:-70],
            r"announces 12 facets, it has room for 10, and neither number makes a closed surface",
        ),
        (stl_bytes(block())[:-100], r"announces 12 facets, it has room for 10"),
        (trimesh.exchange.stl.export_stl_ascii(block())[:-300], "it was cut"),
        (
            trimesh.exchange.stl.export_stl_ascii(block()).replace("vertex", "vertex x", 1),
            "not three numbers|two numbers",
        ),
        (b"solid", "fewer than the 84 of a binary header"),
    ],
)
def test_a_bad_stl_file_is_told(content: bytes | str, message: str, tmp_path: Path) -> None:
    refused(tmp_path / "bad.stl", content, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "a Git LFS pointer .*git lfs pull"),
        ("\n <!DOCTYPE html><html></html>", r"a web page \(HTML\) in place of the mesh: .*download it again"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "what macOS keeps about another file"),
        (b"\x00" * 5000, "first bytes are all zero"),
    ],
)
@pytest.mark.parametrize("suffix", [".obj", ".stl", ".glb"])
def test_what_stands_in_place_of_a_mesh_has_a_sentence(
    content: bytes | str, message: str, suffix: str, tmp_path
) -> None:
    refused(tmp_path / f"a{suffix}", content, message)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.obj")
    with pytest.raises(ValueError, match="no regular file"):
        load_mesh(tmp_path / "a.obj")
