"""One process in a folder at a time."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no such locks: nothing is held there
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

_TRIES, _PAUSE_S = 10, 0.2
"""How often and how far apart: the child of a process that was just killed needs a moment to end."""


@contextmanager
def locked(folder: Path, file: str = "lock", remedy: str = "name another --folder") -> Iterator[IO[str]]:
    """Hold a folder until the block ends; a file in it names the process.

    The operating system gives a lock back when the process that holds it and the children that were handed it have
    ended, however they ended: the file of a killed process holds nobody up.

    Args:
        folder: made where it is not there.
        file: name of the lock: a folder may be held for several things.
        remedy: what else the user may do than wait, for the message.

    Raises:
        BlockingIOError: another process has it, which is named.
        OSError: nothing can be written there.
    """
    with _opened(folder, file, remedy) as stream:
        if not any(_take(stream) for _ in range(_TRIES)):
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise BlockingIOError(
                f"{folder} is in use by process {holder}; wait until it has ended, end it, or {remedy}"
            )
        stream.truncate(0)
        holder = f"{os.getpid()} on {os.uname().nodename if hasattr(os, 'uname') else 'this machine'}\n"
        with suppress(OSError):  # a full disk: the lock holds without a name
            os.write(stream.fileno(), holder.encode())
        yield stream


def _opened(folder: Path, file: str, remedy: str) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return open(folder / file, "a+", encoding="utf-8")
    except OSError as error:
        raise OSError(f"{folder} cannot be written to ({error.strerror}); make it writable, or {remedy}") from error


def _take(stream: IO[str]) -> bool:
    if not _HAS_LOCKS:
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_PAUSE_S)
        return False
    except OSError:  # a file system without locks
        return True
    return True
