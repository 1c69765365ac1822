"""What headers of arrays claim, which damage and malice may set to anything."""

import io
from typing import Any

import numpy as np
import pytest

from envs.wrist.plain_arrays import read_numbers


def stored(array: np.ndarray, **header: Any) -> bytes:
    """An .npy file whose header says something else of the array."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array) | header)
    return stream.getvalue() + array.tobytes()


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.array(7), np.array(["a", "bc"])])
def test_what_is_there_is_read(array: np.ndarray) -> None:
    content = stored(array)
    np.testing.assert_array_equal(read_numbers(io.BytesIO(content), len(content)), array)


def test_a_header_of_more_than_is_there_takes_no_memory() -> None:
    content = stored(np.zeros(4), shape=(10**6, 10**6))  # of 8 bytes each
    with pytest.raises(ValueError, match=rf"tells of 8{12 * '0'} bytes of numbers, of {len(content)} that are there"):
        read_numbers(io.BytesIO(content), len(content))


def test_objects_are_none() -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_numbers(io.BytesIO(stream.getvalue()), len(stream.getvalue()))
