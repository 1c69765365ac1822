"""OFF files (Geomview), text, with colours, normals and texture coordinates left out."""

import re
from array import array

import numpy as np

from envs.objects.meshes.polygons import PolygonMesh

_HEADER = re.compile(r"(ST)?C?N?OFF", re.IGNORECASE)


def read_off(content: bytes) -> PolygonMesh:
    """Vertices and faces of any number of corners.

    Raises:
        ValueError: another dimension, the binary form, counts that are not kept, or a line that cannot be read.
    """
    text = content.removeprefix(b"\xef\xbb\xbf").decode("ascii", "replace")
    lines = [line for line in (line.partition("#")[0].split() for line in text.splitlines()) if line]
    is_plain = True  # no colours or normals, of which only line ends tell how many there are
    if lines and not lines[0][0].lstrip("+-").isdigit():
        keyword = lines[0].pop(0)
        if not _HEADER.fullmatch(keyword) or lines[0][:1] == ["BINARY"]:
            kind = " ".join([keyword[:20], *lines[0][:1]])
            raise ValueError(f"it begins with {kind!r}; read are text files that begin with OFF, COFF, NOFF or STOFF")
        is_plain = keyword.upper() == "OFF"
        if not lines[0]:
            lines.pop(0)
    counts = lines[0][:2] if lines else []
    if len(counts) < 2 or not all(count.isdecimal() for count in counts):
        raise ValueError(f"its counts are {' '.join(counts)[:40]!r}; expected numbers of vertices, faces and edges")
    num_vertices, num_faces = map(int, counts)
    if len(lines) - 1 < num_vertices + num_faces and is_plain:
        rows = _rows_of([field for line in lines for field in line][3:], num_vertices, num_faces)
        lines = [lines[0], *rows] if rows else lines
    if len(lines) - 1 < num_vertices + num_faces:
        raise ValueError(
            f"it announces {num_vertices} vertices and {num_faces} faces, but has {len(lines) - 1} lines for them: it "
            "was cut"
        )
    vertices, corners, sizes = array("d"), array("q"), array("q")
    for number, fields in enumerate(lines[1 : num_vertices + num_faces + 1]):
        try:
            if any("_" in field for field in fields):  # Python reads 1_0 as ten
                raise ValueError("an underscore")
            if number < num_vertices:
                if len(fields) < 3:
                    raise ValueError("fewer than three numbers")
                vertices.extend(map(float, fields[:3]))
            else:
                size = int(fields[0])
                if size < 0 or len(fields) <= size:
                    raise ValueError(f"{size} corners announced, {len(fields) - 1} numbers given")
                corners.extend(map(int, fields[1 : size + 1]))
                sizes.append(size)
        except (ValueError, OverflowError) as error:
            kind = f"vertex {number + 1}" if number < num_vertices else f"face {number - num_vertices + 1}"
            raise ValueError(f"{kind} is {' '.join(fields)[:60]!r}: {error}") from error
    return PolygonMesh(
        np.array(vertices, dtype=np.float64).reshape(-1, 3),
        np.array(corners, dtype=np.int64),
        np.array(sizes, dtype=np.int64),
    )


def _rows_of(fields: list[str], num_vertices: int, num_faces: int) -> list[list[str]]:
    """The rows of a file without line ends, which are blanks like others; none where numbers are lacking or left."""
    if 3 * num_vertices + num_faces > len(fields):
        return []
    at, rows = 3 * num_vertices, [fields[3 * row : 3 * row + 3] for row in range(num_vertices)]
    for _ in range(num_faces):
        size = int(fields[at]) if at < len(fields) and fields[at].isdecimal() else len(fields)
        rows.append(fields[at : at + 1 + size])
        at += 1 + size
    return rows if at == len(fields) else []
