"""The page's server, spoken to without a browser: who is let in, and that nobody disturbs another's world."""

import time
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import msgspec
import numpy as np
import pytest

pytest.importorskip("viser", reason="needs the extra demo")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from live.browser import uploads
from live.browser.recordings import read_recording
from live.browser.visit import Visit
from live.server import DemoServer, _settings, main
from tests.learning import ROOT
from tests.live.browser.bombs import memory_bomb
from tests.live.browser.tabs import demo_server, tab, wait_for

SHIPPED = (f"--policy={ROOT}/pretrained/residual_ppo.ckpt", f"--grasps={ROOT}/data/grasps.npz")


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    yield from demo_server()


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


def upload(opened: ClientConnection, visit: Visit, label: str, name: str, content: bytes) -> list[str]:
    """Send a file as the page does; what the panel says from then on."""
    said: list[str] = []
    visit.panel.say = lambda text, is_wrong=False: said.append(text)  # type: ignore[method-assign,misc]
    handles = visit._client.gui._gui_input_handle_from_uuid.items()
    (button,) = (uuid for uuid, handle in handles if label in str(getattr(handle, "label", "")))
    ends = {"source_component_uuid": button, "transfer_uuid": name}
    size = 400_000
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    start = {"filename": name, "mime_type": "", "part_count": len(parts), "size_bytes": len(content)}
    opened.send(msgspec.msgpack.encode({"type": "FileTransferStartUpload", **ends, **start}))
    for number, part in enumerate(parts):
        told = {"type": "FileTransferPart", **ends, "part_index": number, "content": part}
        opened.send(msgspec.msgpack.encode(told))
    return said


def test_parts_of_strangers_files_do_not_become_parts_of_the_page(server: DemoServer) -> None:
    with tab(server):
        wait_for(lambda: len(server.visits.running) == 1)
        (visit,) = server.visits.running
        visit.panel.say("<img src=x onerror=alert(1)>", is_wrong=True)
        assert "&lt;img src=x onerror=alert(1)&gt;" in visit.panel._note.content
    wait_for(lambda: not server.visits.running)


def test_a_mesh_bomb_is_told_and_every_world_goes_on(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_MEMORY_GB", 1.0)
    with tab(server) as opened:
        wait_for(lambda: len(server.visits.running) == 1)
        (visit,) = server.visits.running
        wait_for(lambda: visit.world.targets is not None)
        said = upload(opened, visit, "mesh", "bomb.glb", memory_bomb())
        wait_for(lambda: len(said) > 1, 240.0)
        assert said[0] == "building bomb.glb ..."
        assert said[1].startswith("This mesh cannot be used: it took more than 1 GB of memory")
        steps = visit.num_steps
        with tab(server):
            wait_for(lambda: len(server.visits.running) == 2 and visit.num_steps > steps + 5)
        assert visit.world.thing.name == "can_00106"
    wait_for(lambda: not server.visits.running)


def test_what_one_tab_recorded_another_one_replays(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with tab(server) as first, tab(server) as second:
        wait_for(lambda: len(server.visits.running) == 2)
        one, other = server.visits.running
        wait_for(lambda: one.world.targets is not None and other.world.targets is not None)
        files: list[bytes] = []
        monkeypatch.setattr(one._client, "send_file_download", lambda _, content: files.append(content))
        one._show_object("ball_00106")
        one._record()
        wait_for(lambda: one.world.log.is_on)
        first.send(pose(0.1))
        wait_for(lambda: len(one.world.log) > 40)
        one._record()
        wait_for(lambda: bool(files))
        recorded = read_recording(files[0], one.world.hand, one.world.period_s)
        said = upload(second, other, "log.npz", "log.npz", files[0])
        wait_for(lambda: bool(said))
        assert said == [""]
        assert other.world.thing.name == "ball_00106"
        way = other.world.way
        assert way is not None
        np.testing.assert_array_equal(way.wrist_pose_w, recorded.wrist_pose_w)
        np.testing.assert_array_equal(way.object_pose_w, recorded.object_start_w)
        wait_for(lambda: not other.world.wrist.is_playing)
        np.testing.assert_allclose(other.world.wrist.pose_w, recorded.wrist_pose_w[-1])
        said = upload(second, other, "log.npz", "half.npz", files[0][:-100])
        wait_for(lambda: bool(said))
        assert said[0].startswith("half.npz cannot be replayed: it is no npz file")
        assert other.is_alive
    wait_for(lambda: not server.visits.running)


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
    [
        (["--port=70000"], "port is 70000"),
        (["--objects=[]"], "objects is empty"),
        (["--max_visitors=0"], "above 0"),
        ([*SHIPPED, "--patterns=no_such.npy"], "no_such.npy does not exist"),
    ],
)
def test_bad_settings_are_told(args: list[str], why: str) -> None:
    with pytest.raises(SystemExit, match=why):
        main(args)


def test_the_shipped_configuration_is_read() -> None:
    settings = _settings(["--config", str(ROOT / "configs" / "live.yaml"), "--port", "0"])
    assert settings.port == 0
    assert (ROOT / settings.policy).is_file()
    assert settings.max_visitors > 1
