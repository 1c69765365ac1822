"""What a stranger's file may make this process take: as much as its size explains."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

BYTES_PER_BYTE = 64
"""Of memory for one of the file: an empty dictionary is written in one byte and takes 64."""

ALWAYS = 500_000_000
"""Bytes of memory that any file may make its reader take."""

_LOCK = threading.RLock()  # the limit is the whole process's: one at a time sets it and puts it back


class UnexplainedMemoryError(ValueError):
    """A file asks for more memory than its size explains."""


@contextmanager
def memory_of(path: str | Path) -> Iterator[None]:
    """A file is read meanwhile: a few bytes of a pickle, or kilobytes of an archive, may ask for gigabytes.

    The limit is the whole process's: read where nothing else begins that takes much. Where the system limits no memory
    (it is not Linux), forbids setting a limit, or has a lower one, nothing is changed.

    Args:
        path: the file, which decides how much more memory this process may take.
    Raises:
        UnexplainedMemoryError: the file asks for more; names it and the amount.
    """
    most = ALWAYS + BYTES_PER_BYTE * Path(path).stat().st_size
    with _LOCK, _at_most(most) as is_limited:
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_limited:
                raise
            if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):  # how torch says it
                raise
            told = f"{path} asks for more than {most / 1e6:.0f} MB of memory, which its size does not explain"
            raise UnexplainedMemoryError(f"{told}: it is damaged, or made to fill the memory; fetch it again") from None


@contextmanager
def _at_most(more: int) -> Iterator[bool]:
    """So much more memory at most; whether that is a limit."""
    try:
        import resource

        before = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = psutil.Process().memory_info().data + more
        is_lower = before[0] == resource.RLIM_INFINITY or wanted < before[0]
        if is_lower:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, before[1]))
    except (ImportError, AttributeError, ValueError, OSError):
        yield False
        return
    try:
        yield is_lower
    finally:
        if is_lower:
            resource.setrlimit(resource.RLIMIT_DATA, before)
