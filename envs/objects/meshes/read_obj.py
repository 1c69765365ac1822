"""OBJ files: vertices, faces of any number of corners, absolute and relative indices."""

from array import array

import numpy as np

from envs.objects.meshes.polygons import PolygonMesh

_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def read_obj(content: bytes) -> PolygonMesh:
    """Vertices and faces; groups, materials, normals and texture coordinates are left out.

    A negative index counts back from the last vertex that stands before it in the file (Wavefront's specification).

    Raises:
        ValueError: a line that cannot be read; names it.
    """
    vertices, corners, sizes, others = array("d"), array("q"), array("q"), array("q")
    for number, line in enumerate(_text(content).splitlines(), start=1):
        fields = line.partition(b"#")[0].split()
        if not fields or fields[0] not in (b"v", b"f", b"fo", b"l", b"p"):
            continue
        try:
            if b"_" in line.partition(b"#")[0]:  # Python reads 1_0 as ten
                raise ValueError("an underscore")
            if fields[0] == b"v":
                if len(fields) < 4:
                    raise ValueError("fewer than three numbers")
                vertices.extend(map(float, fields[1:4]))
                continue
            indices = _indices(fields[1:], len(vertices) // 3)
        except (ValueError, OverflowError) as error:
            shown = line.strip()[:60].decode("ascii", "replace")
            raise ValueError(
                f"line {number} is {shown!r}, not 'v' with three numbers or 'f' with indices: {error}"
            ) from error
        if fields[0] in (b"f", b"fo"):
            corners.extend(indices)
            sizes.append(len(indices))
        else:
            others.extend(indices)
    return PolygonMesh(
        np.array(vertices, dtype=np.float64).reshape(-1, 3),
        np.array(corners, dtype=np.int64),
        np.array(sizes, dtype=np.int64),
        np.array(others, dtype=np.int64),
    )


def _indices(fields: list[bytes], num_vertices: int) -> list[int]:
    """Vertices of a face's corners, counted from 0; of ``vertex/texture/normal`` the first counts."""
    given = [int(field.partition(b"/")[0]) for field in fields]
    found = [index - 1 if index > 0 else num_vertices + index for index in given]
    for index, vertex in zip(given, found, strict=True):
        if index == 0 or vertex < 0:
            raise ValueError(
                f"index {index} with {num_vertices} vertices before it; indices begin at 1, or at -1 backwards"
            )
    return found


def _text(content: bytes) -> bytes:
    """Plain bytes of the text: without byte-order mark, continued lines as one."""
    if content.startswith(_UTF16_MARKS):
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(_UTF8_MARK)
    if b"\\" in content:
        content = content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    return content
