"""STL files, text and binary; of a file whose size and number of facets disagree, what makes a closed surface."""

import re

import numpy as np
from numpy.typing import NDArray

from envs.objects.meshes.closedness import is_closed
from envs.objects.meshes.polygons import PolygonMesh

_HEAD, _FACET = 84, 50
_VERTEX = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.IGNORECASE)
_NAMES = re.compile(rb"\b(end)?solid\b[^\r\n]*", re.IGNORECASE)  # a name may hold the word vertex
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(content: bytes) -> PolygonMesh:
    """Facets, three vertices each of its own.

    Raises:
        ValueError: a file that was cut, or a number that cannot be read.
    """
    announced = int.from_bytes(content[80:84], "little")
    is_binary = len(content) >= _HEAD and len(content) == _HEAD + _FACET * announced
    if not is_binary and re.search(rb"\bfacet\b", content[:20_000], re.IGNORECASE):
        return _facets(_text_corners(content))
    if len(content) < _HEAD:
        raise ValueError(
            f"{len(content)} bytes are fewer than the {_HEAD} of a binary header, and no 'facet' is in them"
        )
    return _facets(_binary_corners(content, announced))


def _binary_corners(content: bytes, announced: int) -> NDArray[np.float64]:
    """Corners of all facets, (F, 3, 3)."""
    held = (len(content) - _HEAD) // _FACET
    if announced == held:
        return _records(content, held)
    several = _one_after_another(content)
    if several is not None:
        return several
    every = _records(content, held)
    if 0 < announced < held and is_closed(*_merged(every[:announced])):
        return every[:announced] if _is_other(content, every, announced) else _together(every, announced)
    if held and is_closed(*_merged(every)):
        return every
    raise ValueError(
        f"its header announces {announced} facets, it has room for {held}, and neither number makes a closed surface: "
        "it was cut or is not a binary STL file"
    )


def _one_after_another(content: bytes) -> NDArray[np.float64] | None:
    """Corners of all facets of several files that were joined to one, (F, 3, 3); None where they do not end with it."""
    parts, start = [], 0
    while start + _HEAD < len(content):
        count = int.from_bytes(content[start + 80 : start + _HEAD], "little")
        if not 0 < count <= (len(content) - start - _HEAD) // _FACET:
            return None
        parts.append(_records(content, count, start))
        start += _HEAD + _FACET * count
    return np.concatenate(parts) if start == len(content) else None


def _is_other(content: bytes, every: NDArray[np.float64], announced: int) -> bool:
    """Whether what follows the announced facets is something else: no whole facets, empty ones, or of another size."""
    facets, rest = every[:announced], every[announced:]
    with np.errstate(invalid="ignore"):
        is_like = np.abs(rest).max(initial=0.0) <= 10.0 * np.abs(facets).max()  # False for NaN
    return len(content) != _HEAD + _FACET * len(every) or not is_like or not rest.any()


def _together(every: NDArray[np.float64], announced: int) -> NDArray[np.float64]:
    """All facets, if they close a surface together, as those that are announced do."""
    if is_closed(*_merged(every)):
        return every
    raise ValueError(
        f"its header announces {announced} facets, {len(every) - announced} more follow, and together they are no "
        "closed surface: the header is wrong or the file was put together of several; export it anew"
    )


def _records(content: bytes, count: int, start: int = 0) -> NDArray[np.float64]:
    return np.frombuffer(content, _RECORD, count, start + _HEAD)["corners"].astype(np.float64)


def _text_corners(content: bytes) -> NDArray[np.float64]:
    """Corners of all facets, (F, 3, 3)."""
    found = _VERTEX.findall(_NAMES.sub(b"", content))
    try:
        numbers = np.array(found, dtype=np.bytes_).astype(np.float64)
    except ValueError as error:
        raise ValueError(f"a vertex is not three numbers: {error}") from error
    facets = len(re.findall(rb"\bendfacet\b", content, re.IGNORECASE))
    if len(numbers) != 3 * facets:
        raise ValueError(f"{facets} facets with an end have {len(numbers)} vertices in place of three each: it was cut")
    corners = numbers.reshape(-1, 3, 3)
    if not re.search(rb"\bendsolid\b", content, re.IGNORECASE) and not (facets and is_closed(*_merged(corners))):
        raise ValueError(
            f"it ends after {facets} facets without 'endsolid', and they are no closed surface: it was cut"
        )
    return corners


def _facets(corners: NDArray[np.float64]) -> PolygonMesh:
    count = len(corners)
    return PolygonMesh(corners.reshape(-1, 3), np.arange(3 * count), np.full(count, 3, dtype=np.int64))


def _merged(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3)
