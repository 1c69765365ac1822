"""What a visitor asks for happens, and the panel says what is there, step by step."""

import threading
from collections import deque
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

pytest.importorskip("viser", reason="needs the extra demo")

from envs.objects.grasp_object import GraspObject
from live.browser.recordings import Recording, read_recording
from live.browser.visit import Exhibits, Visit
from live.server import DemoServer
from tests.live.browser.tabs import demo_server, tab, wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    yield from demo_server()


@pytest.fixture
def visit(server: DemoServer) -> Iterator[Visit]:
    """A visitor's, whose world stands still between `Visit.advance`."""
    with tab(server):
        wait_for(lambda: len(server.visits.running) == 1)
        (visit,) = server.visits.running
        wait_for(lambda: visit.world.targets is not None)
        with visit.turn:
            yield visit
    wait_for(lambda: not server.visits.running)


def advance(visit: Visit, steps: int) -> None:
    for _ in range(steps):
        visit.advance()


@pytest.fixture
def said(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the panel says."""
    said: list[str] = []
    monkeypatch.setattr(visit.panel, "say", lambda text, is_wrong=False: said.append(text))
    return said


@pytest.fixture
def files(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the visitor gets."""
    files: list[bytes] = []
    monkeypatch.setattr(visit._client, "send_file_download", lambda _, content: files.append(content))
    return files


def test_a_recording_that_is_full_is_saved_and_can_be_replayed(
    visit: Visit, said: list[str], files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit.world.log, "_steps", deque(maxlen=20))
    visit._record()
    advance(visit, 1)
    assert visit.panel._record.label == "Stop and save"
    advance(visit, 24)
    assert visit.panel._record.label == "Record"
    assert not visit.world.log.is_on
    assert said == ["Stopped after 0.5 s, as long as a recording lasts."]
    (content,) = files
    assert len(read_recording(content, visit.world.hand, visit.world.period_s).wrist_pose_w) == 20
    visit._record()  # a click at "Stop and save" that came too late
    advance(visit, 1)
    assert not visit.world.log.is_on
    monkeypatch.setattr("live.browser.visit.STILL_STOP_S", 0.0)
    visit._record()
    advance(visit, 1)
    assert visit.world.log.is_on
    visit.world.log.is_on = False
    visit._replay()
    advance(visit, 1)
    assert visit.world.wrist.is_playing


def test_a_recording_too_short_to_replay_is_saved_and_forgets_the_one_before(
    visit: Visit, said: list[str], files: list[bytes]
) -> None:
    for steps in (20, 3):
        visit._record()
        advance(visit, steps)
        visit._record()
        advance(visit, 1)
    assert len(files) == 2
    assert said == ["log.npz is saved, but it cannot be replayed: the movement lasts 0.05 s; expected 0.18 to 120 s"]
    visit._replay()
    advance(visit, 1)
    assert said[1].startswith("There is no recording to replay")
    assert not visit.world.wrist.is_playing


def test_the_choice_of_the_object_follows_a_replay(visit: Visit, said: list[str]) -> None:
    way = visit.world.way
    assert (visit.panel._object.value, visit.world.thing.name) == ("can", "can_00106")
    assert way is not None
    for name, text in (("ball_00106", ""), ("mug_00000", "Recorded with mug_00000, which is not here.")):
        visit.do(partial(visit._play, recording=Recording(name, None, way.wrist_pose_w)))
        advance(visit, 2)
        assert said.pop() == text
        assert (visit.panel._object.value, visit.world.thing.name) == ("ball", "ball_00106")
        assert visit.world.way is not None
        assert visit.world.way.wrist_pose_w is way.wrist_pose_w  # none of the ball's own


def test_uploads_wait_on_no_thread_of_the_server_and_one_at_a_time(
    visit: Visit, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, built = threading.Event(), list[str]()

    def build(name: str, _: bytes) -> GraspObject:
        assert may_end.wait(60.0)
        built.append(name)
        return visit._exhibits.things["ball_00106"]

    monkeypatch.setattr(visit._exhibits, "_build", build)
    for number in range(40):  # the server has 32 threads
        visit._upload(f"mesh_{number}.stl", b"")
    told = "Another mesh of yours is still being built; wait for it, then try again."
    assert said == ["building mesh_0.stl ...", *39 * [told]]
    may_end.set()
    wait_for(lambda: not visit._wishes.empty())
    advance(visit, 1)
    assert (built, visit.world.thing.name) == (["mesh_0.stl"], "ball_00106")
    visit._upload("mesh_40.stl", b"")
    wait_for(lambda: len(built) == 2 and not visit._is_building.locked())


def test_who_left_before_his_turn_gets_nothing_built() -> None:
    exhibits = Exhibits({}, lambda _: pytest.fail("no way is asked for"), lambda *_: pytest.fail("it was built"), 1.0)
    left = threading.Event()
    left.set()
    with exhibits._building:  # somebody else's
        assert exhibits.build("mesh.stl", b"", left) is None
    assert exhibits.build("mesh.stl", b"", left) is None
    assert not exhibits._building.locked()


def test_a_visitor_chooses_another_object(server: DemoServer) -> None:
    with tab(server) as opened:
        wait_for(lambda: len(server.visits.running) == 1)
        (visit,) = server.visits.running
        wait_for(lambda: visit.world.targets is not None)
        told = {"type": "GuiUpdateMessage", "uuid": visit.panel._object._impl.uuid, "updates": {"value": "ball"}}
        opened.send(msgspec.msgpack.encode(told))
        wait_for(lambda: visit.world.thing.name == "ball_00106")
    wait_for(lambda: not server.visits.running)
