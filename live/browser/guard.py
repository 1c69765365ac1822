"""What the page's server lets in: its own page's messages, at a rate that hands move at, and files of a size.

viser serves the page and speaks with it by websockets. Here its connections are made of a class that looks at every
message before viser does, and at who opens them: a foreign web page must not move the wrist.
"""

import functools
import http
import logging
import math
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import websockets.asyncio.server
from websockets import Headers
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.typing import Data

from live.browser.scripts import with_script

_LOG = logging.getLogger(__name__)

HOST = "127.0.0.1"

NAMES = ("127.0.0.1", "localhost")
"""Names by which the page may be asked for: any other is a foreign site's that leads here."""

MAX_MESSAGE = 1_500_000
"""Bytes of one message: viser sends files in parts of half a megabyte."""

MAX_RATE = 400
"""Messages in a second: a gizmo sends some 60, a camera that is turned as many."""

NUM_UPLOADS = 10
"""Largest files that one connection may send in all, finished or not, all that is said about them included."""

MAX_NAME = 255
"""Characters of a file's name, kind, or mark of a transfer."""

MAX_PARTS = 256
"""Parts of a file: viser sends them in half megabytes."""

MAX_OPEN = 4
"""Files that one connection may send at the same time: the page has two buttons for them."""

OVERHEAD = 1000
"""Bytes by which a message about a file is longer than what it holds of it, at most."""

ALLOWED = {
    "ViewerCameraMessage", "TransformControlsUpdateMessage", "TransformControlsDragStartMessage",
    "TransformControlsDragEndMessage", "GuiUpdateMessage", "GuiButtonHoldMessage", "CommandTriggerMessage",
    "FileTransferStartUpload", "FileTransferPart", "FileTransferPartAck",
}  # fmt: skip
"""Kinds of messages that are passed on; not among them: the request to share the page on the internet."""


class RefusedError(ValueError):
    """A message that is not let in, with the reason."""


class MessageCheck:
    """Looks at the messages of one connection.

    Args:
        max_upload: bytes of a file that is taken.
        max_rate: messages a second.
    """

    def __init__(self, max_upload: int, max_rate: int = MAX_RATE) -> None:
        self._max_upload, self._uploaded = max_upload, 0
        self._open: dict[str, set[int]] = {}  # parts to come, by transfer, as viser counts them
        self._times: deque[float] = deque(maxlen=max_rate)

    def look(self, data: object, now_s: float) -> bool:
        """Whether to pass on a message that came at a time; those of other kinds are left out.

        Raises:
            RefusedError: too many, no message, a pose that is none, a file that is too large, too many files.
        """
        if len(self._times) == self._times.maxlen and now_s - self._times[0] < 1.0:
            raise RefusedError(f"more than {self._times.maxlen} messages a second")
        self._times.append(now_s)
        if not isinstance(data, bytes):
            raise RefusedError("text, where the page sends bytes")
        try:
            message: Any = msgspec.msgpack.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(f"no message: {error}") from error
        kind = message.get("type") if isinstance(message, dict) else None
        if not isinstance(kind, str):
            raise RefusedError("a message without a kind")
        if kind == "TransformControlsUpdateMessage":
            _check_numbers("position", message.get("position"), 3)
            _check_numbers("wxyz", message.get("wxyz"), 4)
        elif kind == "GuiUpdateMessage":
            _check_finite(message.get("updates"))
        elif kind.startswith("FileTransfer"):
            self._check_upload(message, len(data))
        return kind in ALLOWED

    def _check_upload(self, message: dict[str, Any], length: int) -> None:
        self._uploaded += length
        allowed = NUM_UPLOADS * (self._max_upload + OVERHEAD)
        if self._uploaded > allowed:
            raise RefusedError(f"{self._uploaded} bytes of files; allowed are {allowed}")
        for name in ("filename", "mime_type", "transfer_uuid", "source_component_uuid"):
            text = message.get(name, "")
            if not isinstance(text, str) or len(text) > MAX_NAME:
                raise RefusedError(f"{name} {str(text)[:60]!r}; allowed is text of {MAX_NAME} characters")
        if message["type"] == "FileTransferStartUpload":
            self._check_start(message)
        elif message["type"] == "FileTransferPart":
            self._check_part(message)

    def _check_start(self, message: dict[str, Any]) -> None:
        size, parts = message.get("size_bytes"), message.get("part_count")
        if not isinstance(size, int) or not 0 <= size <= self._max_upload:
            raise RefusedError(f"a file of {size} bytes; allowed are {self._max_upload}")
        if not isinstance(parts, int) or not 0 <= parts <= MAX_PARTS:
            raise RefusedError(f"a file of {parts} parts; allowed are {MAX_PARTS}")
        if parts:
            self._open[message.get("transfer_uuid", "")] = set(range(parts))
        if len(self._open) > MAX_OPEN:
            raise RefusedError(f"{len(self._open)} files at the same time; allowed are {MAX_OPEN}")

    def _check_part(self, message: dict[str, Any]) -> None:
        if not isinstance(message.get("content"), bytes):
            raise RefusedError("a part of a file without bytes")
        transfer, index = message.get("transfer_uuid", ""), message.get("part_index")
        if transfer not in self._open or not isinstance(index, int):
            raise RefusedError("a part of a file that was not begun")
        self._open[transfer].discard(index)  # the same one again is none of those to come
        if not self._open[transfer]:
            del self._open[transfer]


def _check_numbers(what: str, values: object, count: int) -> None:
    is_list = isinstance(values, list) and len(values) == count
    if not is_list or not all(isinstance(v, int | float) and math.isfinite(v) and abs(v) < 1e6 for v in values):  # type: ignore[attr-defined]
        raise RefusedError(f"{what} {str(values)[:60]}, where {count} finite numbers are expected")


def _check_finite(value: object) -> None:
    if isinstance(value, str) and _is_number(value):  # viser makes a number of it where one is expected: "nan"
        raise RefusedError(f"a setting that is the text {value[:20]!r}, where a number is expected")
    if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < 1e6):
        raise RefusedError(f"a setting that is {value}; expected a finite number below a million")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_finite(part)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def foreign(request: Request) -> str | None:
    """Why a request does not come from the page itself; None where it does.

    The name that was asked for has to be this machine's own (DNS may be told to lead others here), and a websocket has
    to be opened by a page that was served under the same name and port.
    """
    host = request.headers.get("Host", "")
    if urlsplit(f"//{host}").hostname not in NAMES:
        return f"asked for as {host!r}"
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return f"opened by {origin!r}"
    return None


class GuardedConnection(ServerConnection):
    """A connection that gives viser only what `MessageCheck` accepts; anything else ends it."""

    max_upload = 8_000_000

    async def recv(self, decode: bool | None = None) -> Data:  # type: ignore[override]  # overloads by value
        """The next message that is let in."""
        if not hasattr(self, "_check"):
            self._check = MessageCheck(self.max_upload)
        while True:
            data = await super().recv(decode)
            try:
                if self._check.look(data, time.monotonic()):
                    return data
            except RefusedError as error:
                _LOG.warning("a connection was closed: it sent %s", error)
                await self.close(1008, str(error)[:100])
                # the next turn raises that it is closed


@contextmanager
def guarded_serving(max_upload: int, script: str = "") -> Iterator[None]:
    """Whatever serves websockets within makes guarded connections, and has a script in its pages."""
    plain = websockets.asyncio.server.serve
    connection = type("Connection", (GuardedConnection,), {"max_upload": max_upload})

    def serve(*args: Any, process_request: Any = None, **options: Any) -> Any:
        def look(opened: ServerConnection, request: Request) -> Response | None:
            why = foreign(request)
            if why is not None:
                _LOG.warning("a request was refused: %s", why)
                return Response(http.HTTPStatus.FORBIDDEN, "Forbidden", Headers(), b"open http://127.0.0.1 instead\n")
            answer = None if process_request is None else process_request(opened, request)
            return with_script(answer, script) if script and answer is not None else answer

        options |= {"max_size": MAX_MESSAGE, "create_connection": connection, "process_request": look}
        return plain(*args, **options)

    websockets.asyncio.server.serve = functools.wraps(plain)(serve)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = plain  # type: ignore[misc]


def check_port(port: int) -> None:
    """Accept a port of the loopback that is free; 0 always is.

    Raises:
        OSError: it is taken; says what to do. viser itself would quietly take the next one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise OSError(
                f"cannot listen at {HOST}:{port}: {error.strerror}; end the program that listens there, or give "
                "another --port (0 takes a free one)"
            ) from error
