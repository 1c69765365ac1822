"""PLY files (Turk 1994), text and binary, of faces with any numbers of corners."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.objects.meshes.polygons import PolygonMesh

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_INDICES = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class _Property:
    """A column: its type, and the type of the number of values before them where it is a list."""

    name: str
    type: str
    length_type: str | None = None


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


Columns = dict[str, NDArray[np.float64]]
"""Values of each property, of a list one row after another; the lengths of a list's rows stand under ``NAME#``."""


def read_ply(content: bytes) -> PolygonMesh:
    """Vertices and faces; colours, normals and other elements are left out.

    Raises:
        ValueError: a header that cannot be read, a file that was cut, or faces that are given as strips.
    """
    order, elements, body = _header(content.removeprefix(b"\xef\xbb\xbf"))
    names = [element.name for element in elements]
    if "vertex" not in names or not {"x", "y", "z"} <= {one.name for one in elements[names.index("vertex")].properties}:
        raise ValueError(f"its header has the elements {', '.join(names) or 'none'}; expected 'vertex' with x, y and z")
    if "face" not in names:
        raise ValueError(
            f"its header has the elements {', '.join(names)} and no 'face': points or strips are no surface; export "
            "faces"
        )
    read = _read_text(body, elements) if not order else _read_binary(body, elements, order)
    vertices = np.stack([read["vertex"][axis] for axis in "xyz"], axis=1).astype(np.float64)
    faces = read["face"]
    column = next((name for name in _INDICES if name in faces), None)
    if column is None or f"{column}#" not in faces:
        raise ValueError(f"its faces have no list {' or '.join(_INDICES)}, but {', '.join(faces) or 'nothing'}")
    return PolygonMesh(vertices, faces[column].astype(np.int64), faces[f"{column}#"].astype(np.int64))


def _header(content: bytes) -> tuple[str, list[_Element], memoryview]:
    """Byte order (empty for text), elements, and what follows the header."""
    if not content.startswith((b"ply\n", b"ply\r", b"ply ")):
        raise ValueError("it does not begin with the line 'ply'")
    end = content.find(b"end_header", 0, 1_000_000)
    if end < 0:
        raise ValueError("its header has no line 'end_header'")
    order: str | None = None
    elements: list[_Element] = []
    for line in content[:end].decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        try:
            if not words or words[0] in ("comment", "obj_info"):
                continue
            if words[0] == "format":
                order = _ORDERS[words[1]]
            elif words[0] == "element":
                elements.append(_Element(words[1], _count(words[2])))
            elif words[:2] == ["property", "list"]:
                elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[0] == "property":
                elements[-1].properties.append(_Property(words[2], _TYPES[words[1]]))
            else:
                raise ValueError(words[0])
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"its header has the line {line.strip()[:60]!r}, which PLY does not know") from error
    if order is None:
        raise ValueError(f"its header has no line 'format' with one of {', '.join(_ORDERS)}")
    after = end + len(b"end_header")
    after += 2 if content[after : after + 2] == b"\r\n" else 1
    return order, elements, memoryview(content)[after:]


def _count(word: str) -> int:
    if not word.isdecimal():
        raise ValueError(word)
    return int(word)


def _read_text(body: memoryview, elements: Sequence[_Element]) -> dict[str, Columns]:
    """Columns of every element, of numbers that stand one after another."""
    text = bytes(body).decode("ascii", "replace")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy stops at a word that is no number, and warns
        try:
            numbers = np.fromstring(text, dtype=np.float64, sep=" ") if text.strip() else np.zeros(0)
        except (DeprecationWarning, ValueError) as error:
            raise ValueError(f"a value in it is not a number ({error})") from error
    read: dict[str, Columns] = {}
    at = 0
    for element in elements:
        width = len(element.properties)
        if not any(one.length_type for one in element.properties):
            block = numbers[at : at + width * element.count]
            if len(block) < width * element.count:
                raise ValueError(_cut(element))
            at += len(block)
            read[element.name] = {one.name: block[k::width] for k, one in enumerate(element.properties)}
        else:
            read[element.name], at = _text_rows(numbers, at, element)
    return read


def _text_rows(numbers: NDArray[np.float64], at: int, element: _Element) -> tuple[Columns, int]:
    """Columns of an element with lists, and where the next element begins."""
    if element.count > len(numbers):
        raise ValueError(_cut(element))
    values: dict[str, list[NDArray[np.float64]]] = {one.name: [] for one in element.properties}
    lengths: dict[str, list[int]] = {f"{one.name}#": [] for one in element.properties if one.length_type}
    for _ in range(element.count):
        for one in element.properties:
            size = 1
            if one.length_type:
                size = _length(numbers[at], element) if at < len(numbers) else 0
                lengths[f"{one.name}#"].append(size)
                at += 1
            if at + size > len(numbers):
                raise ValueError(_cut(element))
            values[one.name].append(numbers[at : at + size])
            at += size
    joined = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in values.items()}
    return joined | {name: np.array(sizes, dtype=np.float64) for name, sizes in lengths.items()}, at


def _length(number: float, element: _Element) -> int:
    if not (0 <= number < 2**31 and number == int(number)):
        raise ValueError(f"a list of element '{element.name}' has the length {number:g}")
    return int(number)


def _read_binary(body: memoryview, elements: Sequence[_Element], order: str) -> dict[str, Columns]:
    """Columns of every element."""
    read: dict[str, Columns] = {}
    at = 0
    for element in elements:
        first = _row_type(body, at, element, order)
        rows = None if first is None else _equal_rows(body, at, element, first)
        if rows is None:
            read[element.name], at = _binary_rows(body, at, element, order)
            continue
        at += rows.nbytes
        columns: Columns = {}
        for k, one in enumerate(element.properties):
            columns[one.name] = rows[f"v{k}"].astype(np.float64).ravel()
            if one.length_type:
                columns[f"{one.name}#"] = rows[f"n{k}"].astype(np.float64)
        read[element.name] = columns
    return read


def _row_type(body: memoryview, at: int, element: _Element, order: str) -> np.dtype | None:
    """Layout of the element's first row, which mostly is that of all; None where it does not fit."""
    columns: list[tuple[str, str, tuple[int, ...]]] = []
    for k, one in enumerate(element.properties if element.count else ()):
        shape: tuple[int, ...] = ()
        if one.length_type:
            columns.append((f"n{k}", order + one.length_type, ()))
            head = np.dtype(columns)
            if at + head.itemsize > len(body):
                return None
            shape = (_length(float(np.frombuffer(body, head, 1, at)[f"n{k}"][0]), element),)
            if shape[0] * np.dtype(one.type).itemsize > len(body):
                return None
        columns.append((f"v{k}", order + one.type, shape))
    return np.dtype(columns) if columns else None


def _equal_rows(body: memoryview, at: int, element: _Element, row: np.dtype) -> NDArray | None:
    """All rows, when they have this layout."""
    if element.count * row.itemsize > len(body) - at:
        return None
    rows = np.frombuffer(body, row, element.count, at)
    lists = [f"n{k}" for k, one in enumerate(element.properties) if one.length_type]
    return rows if all((rows[name] == rows[name][0]).all() for name in lists) else None


def _binary_rows(body: memoryview, at: int, element: _Element, order: str) -> tuple[Columns, int]:
    """Columns of an element whose rows differ in length, and where the next element begins."""
    if element.count > len(body) - at or (element.count and not element.properties):
        raise ValueError(_cut(element))
    types = [np.dtype(order + one.type) for one in element.properties]
    length_types = [np.dtype(order + one.length_type) if one.length_type else None for one in element.properties]
    values: list[bytearray] = [bytearray() for _ in element.properties]
    lengths: dict[str, list[int]] = {f"{one.name}#": [] for one in element.properties if one.length_type}
    for _ in range(element.count):
        for k, one in enumerate(element.properties):
            size, length_type = 1, length_types[k]
            if length_type is not None:
                if at + length_type.itemsize > len(body):
                    raise ValueError(_cut(element))
                size = _length(float(np.frombuffer(body, length_type, 1, at)[0]), element)
                lengths[f"{one.name}#"].append(size)
                at += length_type.itemsize
            after = at + size * types[k].itemsize
            if after > len(body):
                raise ValueError(_cut(element))
            values[k] += body[at:after]
            at = after
    named = zip(element.properties, values, types, strict=True)
    columns = {one.name: np.frombuffer(bytes(raw), kind).astype(np.float64) for one, raw, kind in named}
    return columns | {name: np.array(sizes, dtype=np.float64) for name, sizes in lengths.items()}, at


def _cut(element: _Element) -> str:
    return f"it ends before the {element.count} rows of element '{element.name}' that its header announces: it was cut"
