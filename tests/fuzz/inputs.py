"""How inputs are generated, how many, and what a clear answer is."""

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis, which the extra dev brings")
from hypothesis import HealthCheck, given, settings, strategies  # after the package is known to be there

__all__ = ["TOTAL", "Trap", "as_array", "changed", "check_clear", "edited", "given", "many", "strategies"]

TOTAL = int(os.environ.get("FUZZ_INPUTS", "200"))
"""Inputs of all tests together."""

CALL_S = 20.0
"""Seconds that one input may take, on a busy machine; it takes milliseconds."""

_WORDS = (
    b"", b"nan", b"-nan", b"inf", b"1e999", b"-1", b"0", b"1", b"7", b"99999999999999999999", b"1_0", b"x", b"1,5",
    b"-0", b"0x10", b"\x00", b"\xff\xfe", b"3.5", b"#", b"\\", b"null", b"true", b"[]", b"{}", b'"',
)  # fmt: skip

_NUMBERS = (0, 1, -1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"))


def many(share: float) -> Any:
    """Decorator: a test looks at that share of all inputs."""
    return settings(
        max_examples=max(1, round(share * TOTAL)),
        deadline=timedelta(seconds=CALL_S),
        derandomize="FUZZ_INPUTS" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def check_clear(error: BaseException, path: Path) -> None:
    """The error names the file, and says something about it that people can read."""
    text = str(error)
    assert isinstance(error, ValueError | OSError), f"{type(error).__name__}: {text}"
    assert path.name in text, text
    assert len(text) > len(str(path)) + 15, text
    assert not re.search(r"Traceback|object at 0x", text), text


@strategies.composite
def edited(draw: Callable[[Any], Any], originals: list[bytes]) -> bytes:
    """One of these contents after one to four edits, or anything at all."""
    content = draw(strategies.sampled_from(originals))
    for _ in range(draw(strategies.integers(1, 4))):
        at = int(draw(strategies.floats(0, 1)) * len(content))
        kind = draw(strategies.sampled_from(["word", "word", "word", "flip", "cut", "drop", "double", "insert", "any"]))
        if kind == "word":
            words = list(re.finditer(rb"[^\s,:\[\]{}]+", content[at : at + 200]))
            if words:
                start, end = (at + words[0].start(), at + words[0].end())
                content = content[:start] + draw(strategies.sampled_from(_WORDS)) + content[end:]
        elif kind == "flip":
            content = content[:at] + bytes([draw(strategies.integers(0, 255))]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "drop":
            content = content[:at] + content[at + draw(strategies.integers(1, 60)) :]
        elif kind == "double":
            content = content[:at] + content[at : at + draw(strategies.integers(1, 200))] + content[at:]
        elif kind == "insert":
            content = content[:at] + draw(strategies.binary(max_size=8)) + content[at:]
        elif draw(strategies.integers(0, 9)) == 0:
            content = draw(strategies.binary(max_size=300))
    return content


json_values = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.sampled_from(_NUMBERS) | strategies.text(max_size=8),
    lambda inner: (
        strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@strategies.composite
def changed(draw: Callable[[Any], Any], original: Any) -> Any:
    """A tree of plain values with one to three places changed, dropped or added."""
    tree = json.loads(json.dumps(original))
    for _ in range(draw(strategies.integers(1, 3))):
        place = tree
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(strategies.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(strategies.booleans()):
                place = place[key]
                continue
            if isinstance(place, dict) and draw(strategies.integers(0, 3)) == 0:
                del place[key]
            else:
                place[key] = draw(json_values)
            break
    return tree


def as_array(value: Any) -> np.ndarray:
    """As ``numpy.save`` takes a value: an array of its numbers, or of the object itself."""
    try:
        return np.asarray(value)
    except (ValueError, OverflowError):  # rows of unequal lengths, whole numbers beyond all types
        return np.array([value], dtype=object)


class Trap:
    """Unpickled it makes a file, whose absence shows that nothing was unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)
