"""The page's server, spoken to without a browser: who is let in, and that nobody disturbs another's world."""

import time
import urllib.request
from collections.abc import Callable, Iterator
from urllib.error import HTTPError

import msgspec
import numpy as np
import pytest

viser = pytest.importorskip("viser", reason="needs the extra demo")

from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import ClientConnection, connect  # noqa: E402
from websockets.typing import Subprotocol  # noqa: E402

from live.browser.settings import DemoSettings  # noqa: E402
from live.server import DemoServer, _settings, main  # noqa: E402
from tests.learning import ROOT  # noqa: E402

CAMERA = {
    "type": "ViewerCameraMessage", "wxyz": [1.0, 0.0, 0.0, 0.0], "position": [0.0, -1.0, 0.5], "fov": 0.8, "near": 0.01,
    "far": 100.0, "image_height": 400, "image_width": 600, "look_at": [0.0, 0.0, 0.0], "up_direction": [0.0, 0.0, 1.0],
}  # fmt: skip
"""What a tab says when it is open."""


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    policy, grasps = str(ROOT / "pretrained" / "residual_ppo.ckpt"), str(ROOT / "data" / "grasps.npz")
    objects = ("can_00106", "ball_00106")
    server = DemoServer(DemoSettings(policy=policy, grasps=grasps, objects=objects, port=0, max_visitors=2))
    yield server
    server.close()


def tab(server: DemoServer, origin: str | None = None) -> ClientConnection:
    """A connection as the page makes it."""
    version = Subprotocol(f"viser-v{viser.__version__}")
    address = server.address.replace("http", "ws")
    opened = connect(address, origin=origin, subprotocols=[version], max_size=None)  # type: ignore[arg-type]
    opened.send(msgspec.msgpack.encode(CAMERA))
    return opened


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def pose(x: float) -> bytes:
    content = {"name": "/wrist", "position": [x, 0.0, 0.3], "wxyz": [1.0, 0.0, 0.0, 0.0]}
    return msgspec.msgpack.encode({"type": "TransformControlsUpdateMessage", **content})


def read_to_the_end(opened: ClientConnection) -> None:
    while True:
        opened.recv(timeout=60.0)


def test_each_tab_has_a_world_that_ends_with_it(server: DemoServer) -> None:
    with tab(server, server.address):
        wait_for(lambda: len(server.visits.running) == 1)
        (first,) = server.visits.running
        with tab(server):
            wait_for(lambda: len(server.visits.running) == 2)
            second = server.visits.running[1]
            wait_for(lambda: second.world.targets is not None and first.world.targets is not None)
            second.do(lambda world: world.wrist.ask([0.1, 0.1, 0.4, 1.0, 0.0, 0.0, 0.0]))
            wait_for(lambda: abs(second.world.wrist.pose_w[0] - 0.1) < 1e-3)
            assert first.world.way is not None
            np.testing.assert_array_equal(first.world.wrist.pose_w, first.world.way.wrist_pose_w[0])
            with tab(server):  # no third place
                time.sleep(0.3)
                assert len(server.visits.running) == 2
        wait_for(lambda: len(server.visits.running) == 1 and not second.is_alive)
        assert first.is_alive
    wait_for(lambda: not first.is_alive and not server.visits.running)


def test_a_message_that_is_no_pose_ends_its_connection_and_no_other(server: DemoServer) -> None:
    with tab(server) as good, tab(server) as bad:
        wait_for(lambda: len(server.visits.running) == 2)
        bad.send(pose(float("nan")))
        with pytest.raises(ConnectionClosed, match="position"):
            read_to_the_end(bad)
        wait_for(lambda: len(server.visits.running) == 1)
        good.send(pose(0.1))
        assert server.visits.running[0].is_alive
    wait_for(lambda: not server.visits.running)


def test_a_foreign_page_cannot_open_a_connection(server: DemoServer) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        tab(server, "https://example.org")


@pytest.mark.parametrize("path", ["/../../setup.cfg", "/%2e%2e/_viser.py", "/etc/passwd", "/setup.cfg"])
def test_no_files_but_the_pages_own_are_served(server: DemoServer, path: str) -> None:
    with urllib.request.urlopen(f"{server.address}/", timeout=30) as answer:
        assert b"<!doctype html>" in answer.read(200)
    with pytest.raises(HTTPError, match="404"):
        urllib.request.urlopen(server.address + path, timeout=30)


def test_a_taken_port_is_told(server: DemoServer) -> None:
    with pytest.raises(SystemExit, match="give another --port"):
        main([f"--port={server.port}"])


@pytest.mark.parametrize(
    ("args", "why"),
    [(["--port=70000"], "port is 70000"), (["--objects=[]"], "objects is empty"), (["--max_visitors=0"], "above 0")],
)
def test_bad_settings_are_told(args: list[str], why: str) -> None:
    with pytest.raises(SystemExit, match=why):
        main(args)


def test_the_shipped_configuration_is_read() -> None:
    settings = _settings(["--config", str(ROOT / "configs" / "live.yaml"), "--port", "0"])
    assert settings.port == 0
    assert (ROOT / settings.policy).is_file()
    assert settings.max_visitors > 1
