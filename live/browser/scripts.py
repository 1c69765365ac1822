"""A script of ours in viser's page, whose build cannot be extended: it is put into the page when it is served."""

import gzip
import logging
from functools import lru_cache
from pathlib import Path

from websockets import Headers
from websockets.http11 import Response

_LOG = logging.getLogger(__name__)

GAMEPAD = Path(__file__).with_name("gamepad.js").read_text(encoding="utf-8")
"""Reads gamepads in the visitor's browser."""

_END = b"</body>"


def with_script(response: Response, script: str) -> Response:
    """The response, with a script at the end of it if it is a page; anything else as it is."""
    if response.status_code != 200 or not response.headers.get("Content-Type", "").startswith("text/html"):
        return response
    body = _extended(bytes(response.body), script, response.headers.get("Content-Encoding") == "gzip")
    headers = Headers(response.headers)
    del headers["Content-Length"]
    headers["Content-Length"] = str(len(body))
    return Response(response.status_code, response.reason_phrase, headers, body)


@lru_cache(maxsize=4)  # packed and not, and no more than these
def _extended(body: bytes, script: str, is_packed: bool) -> bytes:
    page, end, rest = (gzip.decompress(body) if is_packed else body).rpartition(_END)
    if not end:
        _LOG.warning("viser's page has no %s: gamepads are not read", _END.decode())
        return body
    page += b"<script>" + script.encode() + b"</script>" + end + rest
    return gzip.compress(page) if is_packed else page
