"""Files within the page's limit of size that ask for far more than they have."""

import json
import struct

import numpy as np

from live.browser.settings import DemoSettings


def memory_bomb(uses: int = 40_000) -> bytes:
    """A GLB of 3 MB that shows the same 20,000 triangles so many times: 38 GB of vertices for 40,000."""
    points = np.random.default_rng(0).normal(size=(60_000, 3)).astype("<f4")
    corners = np.arange(60_000, dtype="<u4")
    numbers = points.tobytes() + corners.tobytes()
    views = ((0, points.nbytes), (points.nbytes, corners.nbytes))
    box = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": uses * [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 60_000, "type": "VEC3", **box},
            {"bufferView": 1, "componentType": 5125, "count": 60_000, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteOffset": start, "byteLength": size} for start, size in views],
        "buffers": [{"byteLength": len(numbers)}],
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = [struct.pack("<I4s", len(part), kind) + part for kind, part in ((b"JSON", text), (b"BIN\0", numbers))]
    content = struct.pack("<4sII", b"glTF", 2, 12 + sum(map(len, chunks))) + b"".join(chunks)
    assert len(content) < 1e6 * DemoSettings.max_upload_mb
    return content
