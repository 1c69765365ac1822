"""What the page's server lets in."""

import msgspec
import pytest
from websockets import Headers
from websockets.http11 import Request

viser = pytest.importorskip("viser", reason="needs the extra demo")

from live.browser.guard import (  # noqa: E402
    ALLOWED,
    HOST,
    NUM_UPLOADS,
    MessageCheck,
    RefusedError,
    check_port,
    foreign,
)


def message(kind: str, **content: object) -> bytes:
    return msgspec.msgpack.encode({"type": kind, **content})


def pose(position: list[float], wxyz: list[float]) -> bytes:
    return message("TransformControlsUpdateMessage", name="/wrist", position=position, wxyz=wxyz, owner="1")


GOOD = pose([0.0, 0.1, 0.2], [1.0, 0.0, 0.0, 0.0])


def test_the_pages_own_messages_are_passed_on() -> None:
    check = MessageCheck(1000)
    assert check.look(GOOD, 0.0)
    for value in (0.5, True, "ours", "spray bottle 00106"):
        assert check.look(message("GuiUpdateMessage", uuid="a", updates={"value": value}), 0.0)
    assert all(hasattr(viser._messages, kind) for kind in ALLOWED)


def test_a_request_to_share_the_page_on_the_internet_is_left_out() -> None:
    assert not MessageCheck(1000).look(message("ShareUrlRequest"), 0.0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("text", "text"),
        (b"\xc1\x00", "no message"),
        (b"", "no message"),
        (b"\x91" * 100_000, "no message"),
        (pose([0.0, float("nan"), 0.0], [1.0, 0.0, 0.0, 0.0]), "position"),
        (pose([0.0, 0.0], [1.0, 0.0, 0.0, 0.0]), "position"),
        (pose([0.0, 0.0, 1e9], [1.0, 0.0, 0.0, 0.0]), "position"),
        (pose([0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]), "wxyz"),
        (message("TransformControlsUpdateMessage", position="up", wxyz=[1, 0, 0, 0]), "position"),
        (message("GuiUpdateMessage", updates={"value": [1.0, float("inf")]}), "finite"),
        (message("GuiUpdateMessage", updates={"value": "nan"}), "the text 'nan'"),
        (message("GuiUpdateMessage", updates={"value": [0.5, " 1e9"]}), "the text ' 1e9'"),
        (message("GuiUpdateMessage", updates={"value": 1e9}), "below a million"),
        (message("GuiUpdateMessage", updates={"value": -(2**62)}), "below a million"),
        (message("FileTransferStartUpload", size_bytes=1001), "1001 bytes"),
        (message("FileTransferStartUpload", size_bytes="many"), "many bytes"),
        (message("FileTransferStartUpload", size_bytes=5, part_count=257), "257 parts"),
        (message("FileTransferStartUpload", size_bytes=5, part_count="x"), "x parts"),
        (message("FileTransferStartUpload", size_bytes=5, part_count=1, filename=256 * "x"), "filename"),
        (message("FileTransferStartUpload", size_bytes=5, part_count=1, transfer_uuid=[1]), "transfer_uuid"),
        (message("FileTransferPart", content=3), "without bytes"),
        (message("FileTransferPart", content=b"3", transfer_uuid="a"), "not begun"),
        (msgspec.msgpack.encode({"type": [1]}), "without a kind"),
        (msgspec.msgpack.encode(3), "without a kind"),
    ],
)
def test_what_is_no_pose_no_setting_and_no_small_file_is_refused(data: object, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        MessageCheck(1000).look(data, 0.0)


def test_more_messages_than_hands_make_are_refused() -> None:
    check = MessageCheck(1000, max_rate=50)
    for number in range(200):  # 49 a second
        assert check.look(GOOD, number / 49.0)
    with pytest.raises(RefusedError, match="more than 50"):
        check.look(GOOD, 4.0)


def start(transfer: str, parts: int = 1, **more: object) -> bytes:
    content = {"transfer_uuid": transfer, "part_count": parts, "size_bytes": 1000, "filename": "mesh.stl", **more}
    return message("FileTransferStartUpload", **content)


def part(transfer: str, size: int = 1000) -> bytes:
    return message("FileTransferPart", transfer_uuid=transfer, part_index=0, content=bytes(size))


def test_files_that_are_never_finished_do_not_add_up() -> None:
    check = MessageCheck(100_000)
    assert check.look(start("a", parts=100), 0.0)
    for _ in range(NUM_UPLOADS):
        assert check.look(part("a", 100_000), 0.0)
    with pytest.raises(RefusedError, match="bytes of files"):
        check.look(part("a", 100_000), 0.0)


@pytest.mark.parametrize("kind", ["FileTransferStartUpload", "FileTransferPart", "FileTransferPartAck"])
def test_whatever_is_said_of_files_counts(kind: str) -> None:
    check = MessageCheck(1000)
    with pytest.raises(RefusedError, match="bytes of files; allowed are 20000"):
        check.look(message(kind, other=bytes(20_000)), 0.0)


def test_so_many_files_at_the_same_time_and_more_one_after_another() -> None:
    check = MessageCheck(1000)
    for number in range(4):
        assert check.look(start(f"{number}", parts=1 + number), 0.0)
    for _ in range(4):  # the same part of four
        assert check.look(part("3", 100), 0.0)
    assert check.look(part("0"), 0.0)
    assert check.look(start("empty", parts=0), 0.0)  # which ends with its beginning
    assert check.look(start("4"), 0.0)
    with pytest.raises(RefusedError, match="5 files at the same time; allowed are 4"):
        check.look(start("5"), 0.0)


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"Host": "127.0.0.1:8080"}, True),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, True),
        ({"Host": "127.0.0.1:8080", "Origin": "https://example.org"}, False),
        ({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:9000"}, False),
        ({"Host": "127.0.0.1:8080", "Origin": "null"}, False),
        ({"Host": "rebound.example.org:8080", "Origin": "http://rebound.example.org:8080"}, False),
        ({}, False),
    ],
)
def test_only_pages_served_here_may_open_a_connection(headers: dict[str, str], is_own: bool) -> None:
    assert (foreign(Request("/", Headers(headers))) is None) is is_own


def test_a_port_that_is_taken_is_told_with_the_remedy() -> None:
    import socket

    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(OSError, match="give another --port"):
            check_port(other.getsockname()[1])
    check_port(0)
