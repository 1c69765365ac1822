"""Tabs without a browser: connections as the page makes them, to a page of a can and a ball."""

import time
from collections.abc import Callable, Iterator

import msgspec
import viser
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from live.browser.settings import DemoSettings
from live.server import DemoServer
from tests.learning import ROOT

CAMERA = {
    "type": "ViewerCameraMessage", "wxyz": [1.0, 0.0, 0.0, 0.0], "position": [0.0, -1.0, 0.5], "fov": 0.8, "near": 0.01,
    "far": 100.0, "image_height": 400, "image_width": 600, "look_at": [0.0, 0.0, 0.0], "up_direction": [0.0, 0.0, 1.0],
}  # fmt: skip
"""What a tab says when it is open."""


def demo_server() -> Iterator[DemoServer]:
    """A page with two places, as a fixture."""
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
