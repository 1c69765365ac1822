"""A process of its own for code that may hang or crash, such as native mesh libraries.

``GuardedWorker.run(function, *args)`` runs a function there under a time limit; the process is kept for the next call
and replaced after it hung or died. The limit counts processor time, so that a busy machine does not make good tasks
late; a task that waits for ever instead of computing is ended after about PATIENCE times the limit.

The other end is this module's `main`: requests and replies are pickles between the two processes, each after its
length. What libraries print there is dropped.
"""

import contextlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

Result = TypeVar("Result")

PATIENCE = 20
"""Wall-clock seconds that a task may take for each second of its limit, beside START_S."""

START_S = 120.0
"""Wall-clock seconds that a process may take to start on a busy machine."""

_LENGTH = struct.Struct("<Q")


class WorkerDiedError(RuntimeError):
    """The worker process ended without a reply: a crash in native code, or killed for memory."""


class GuardedWorker:
    """One process that runs functions under a time limit.

    Args:
        timeout_s: processor seconds a call may take.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def __enter__(self) -> "GuardedWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """What ``function(*args)`` returns in the worker; function, arguments and result must be picklable.

        Raises:
            TimeoutError: it took longer than the limit.
            WorkerDiedError: the process crashed; carries its last words.
            Exception: whatever the function raised.
        """
        process = self._running()
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(START_S + PATIENCE * self.timeout_s, stop)
        timer.daemon = True
        timer.start()
        try:
            _send(process.stdin, (function, args, self.timeout_s))
            reply = _receive(process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise self._end(expired.is_set()) from error
        except BaseException:
            self.close()  # interrupted: the process may hold half a message
            raise
        finally:
            timer.cancel()
        succeeded, value = reply
        if not succeeded:
            raise value
        return value

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._process = self._stderr = None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            # one thread each: workers fill the cores, and a sum keeps its order
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
            self._process = subprocess.Popen(
                [sys.executable, "-m", "envs.objects.meshes.guarded_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
                start_new_session=True,  # an interrupt at the terminal is the parent's to deal with
            )
        return self._process

    def _end(self, expired: bool) -> Exception:
        """Why there was no reply; the process is gone afterwards."""
        code = self._process.wait() if self._process is not None else 0
        last_words = ""
        if self._stderr is not None:
            self._stderr.seek(0)
            last_words = " ".join(self._stderr.read().decode(errors="replace").split())[-200:]
        self.close()
        if expired or (hasattr(signal, "SIGPROF") and code == -signal.SIGPROF):
            return TimeoutError(f"it took longer than {self.timeout_s:g} s")
        cause = f"signal {-code}" if code < 0 else f"exit status {code}"
        return WorkerDiedError(f"the worker process died ({cause}){': ' if last_words else ''}{last_words}")


def _send(stream: IO[bytes] | None, message: Any) -> None:
    if stream is None:
        raise EOFError
    payload = pickle.dumps(message)
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def _receive(stream: IO[bytes] | None) -> Any:
    head = b"" if stream is None else stream.read(_LENGTH.size)
    if stream is None or len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length)
    if len(payload) < length:
        raise EOFError
    return pickle.loads(payload)  # from the child process that this one started


def _end_with_parent(parent: int) -> None:
    """Ends this process when its parent is gone, even in the middle of native code."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


@contextlib.contextmanager
def _processor_limit(seconds: float) -> Iterator[None]:
    """Ends this process by SIGPROF when the body computes for longer, be it in native code; Unix only."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def main() -> None:
    """The worker's side: runs what it is sent until its input ends."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # native code prints to standard output
    while True:
        try:
            function, args, timeout_s = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            with _processor_limit(timeout_s):
                reply = (True, function(*args))
        except Exception as error:  # any failure is the caller's to judge
            reply = (False, error)
        _send(replies, reply)


if __name__ == "__main__":
    main()
