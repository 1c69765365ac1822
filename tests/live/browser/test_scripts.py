"""A script of ours is in the page that viser serves, whatever way it is packed, and in nothing else."""

import gzip
import re

import pytest

pytest.importorskip("viser", reason="needs the extra demo")

from websockets import Headers
from websockets.http11 import Response

from live.browser.panel import KEYS
from live.browser.scripts import GAMEPAD, with_script

PAGE = b"<html><body><p>a</p></body></html>\n"


def answer(
    body: bytes, packing: str = "identity", kind: str = "text/html; charset=utf-8", status: int = 200
) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Encoding": packing, "Content-Length": str(len(body))})
    return Response(status, "OK", headers, body)


@pytest.mark.parametrize("packing", ["identity", "gzip"])
def test_a_page_gets_it_at_its_end(packing: str) -> None:
    packed = gzip.compress(PAGE) if packing == "gzip" else PAGE
    found = with_script(answer(packed, packing), "run()")
    body = gzip.decompress(found.body) if packing == "gzip" else found.body
    assert body == b"<html><body><p>a</p><script>run()</script></body></html>\n"
    assert found.headers.get_all("Content-Length") == [str(len(found.body))]
    assert found.headers["Content-Encoding"] == packing


def test_other_files_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    for response in (answer(PAGE, kind="image/png"), answer(PAGE, status=404), Response(404, "NOT FOUND", Headers())):
        assert with_script(response, "run()") is response
    assert with_script(answer(b"nothing"), "run()").body == b"nothing"
    assert "gamepads are not read" in caplog.text


def test_a_gamepad_presses_keys_that_the_page_has() -> None:
    pressed = set(re.findall(r'"([a-z])"', GAMEPAD))
    assert pressed == {key.lower() for key in KEYS}
