"""The page in a real browser: someone drags the wrist, the fingers close, and the object comes along."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from live.browser.chromium import opened_page, pixel_of, why_no_chromium
from live.browser.settings import DemoSettings
from live.poses import angle_between, rotation_matrix
from live.server import DemoServer
from tests.learning import ROOT

if TYPE_CHECKING:  # it needs viser
    from live.browser.visit import Visit

pytest.importorskip("viser", reason="needs the extra demo")

AWAY = 0.12
"""Metres before the grasp at which the visitor's wrist begins, along the axis that points out of the palm."""


def wait_for(what: Callable[[], bool], page: Any, seconds: float = 240.0) -> None:
    """The page goes on meanwhile; a busy machine gets its time."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        page.wait_for_timeout(100)


PAD = """() => {
  const buttons = Array(17).fill(0).map(() => ({value: 0}));
  const pad = {connected: true, mapping: "standard", axes: [0, 0, 0, 0], buttons};
  window.pad = pad;
  navigator.getGamepads = () => [null, pad];
}"""
"""Pretends that a gamepad is there: Chromium without a screen sees none."""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    files = {name: str(ROOT / name) for name in ("pretrained/residual_ppo.ckpt", "data/grasps.npz")}
    policy, grasps = files.values()
    server = DemoServer(DemoSettings(policy=policy, grasps=grasps, objects=("can_00106",), port=0))
    yield server
    server.close()


def the_visit(server: DemoServer, page: Any) -> "Visit":
    """What the server holds for the one page that is open."""
    wait_for(lambda: bool(server.visits.running), page)
    (visit,) = server.visits.running
    return visit


needs_chromium = pytest.mark.skipif(why_no_chromium() is not None, reason=str(why_no_chromium()))


@needs_chromium
def test_a_gamepad_and_keys_move_the_wrist_and_not_the_camera(server: DemoServer) -> None:
    with opened_page(server.address, 600, 400, timeout_s=240.0) as page:
        visit = the_visit(server, page)
        world = visit.world
        visit.do(lambda world: world.place(world.thing, None))
        wait_for(lambda: world.targets is not None and world.way is None, page)

        def goes(axis: int, sign: float) -> Callable[[], bool]:
            before = world.wrist.wanted_w[axis]
            return lambda: bool(sign * (world.wrist.wanted_w[axis] - before) > 0.015)

        page.evaluate(PAD)
        camera = tuple(np.round(visit.camera.position, 6))
        for press, axis, sign in (("axes[0] = 1", 0, 1.0), ("axes[0] = -1", 0, -1.0), ("axes[1] = -1", 1, 1.0),
                                  ("buttons[7].value = 1", 2, 1.0), ("buttons[6].value = 1", 2, -1.0)):  # fmt: skip
            has_gone = goes(axis, sign)
            page.evaluate(f"() => {{ pad.{press}; }}")
            wait_for(has_gone, page)
            page.evaluate(f"() => {{ pad.{press.split(' ')[0]} = 0; }}")
            page.wait_for_timeout(300)
        turned = world.wrist.wanted_w[3:].copy()
        page.evaluate("() => { pad.axes[3] = -0.6; }")
        wait_for(lambda: angle_between(turned, world.wrist.wanted_w[3:]) > 0.1, page)
        page.evaluate("() => { pad.axes[3] = 0.1; }")  # a stick that does not rest in the middle
        page.wait_for_timeout(300)
        rests = world.wrist.wanted_w.copy()
        page.wait_for_timeout(1000)
        np.testing.assert_array_equal(world.wrist.wanted_w, rests)
        has_gone = goes(1, 1.0)
        for _ in range(3):
            page.keyboard.press("w", delay=1000)  # with which viser's camera flies some metres
        wait_for(has_gone, page)
        page.wait_for_timeout(500)
        assert tuple(np.round(visit.camera.position, 6)) == camera


@needs_chromium
def test_a_visitor_drags_the_wrist_to_the_object_and_lifts_it(server: DemoServer) -> None:
    with opened_page(server.address, 900, 560, timeout_s=240.0) as page:
        visit = the_visit(server, page)
        world = visit.world
        wait_for(lambda: world.way is not None, page)
        way = world.way
        assert way is not None
        # the same grasp, from where one axis of the handles leads to it: -y points out of the palm
        grasp_w = way.wrist_pose_w[way.grasp_step]
        axis_w = rotation_matrix(grasp_w[3:]) @ [0.0, 1.0, 0.0]
        start_w = grasp_w.copy()
        start_w[:3] += AWAY * axis_w
        visit.do(lambda world: world.place(world.thing, replace(way, wrist_pose_w=start_w[None], grasp_step=0)))
        wait_for(lambda: np.allclose(world.wrist.pose_w, start_w), page)
        page.wait_for_timeout(500)
        # along the arrow, at the pace of the recorded way
        left = np.linalg.norm(way.wrist_pose_w[: way.grasp_step + 1, :3] - grasp_w[:3], axis=1)
        shares = 1.0 - left[:: max(1, len(left) // 10)] / left[0]
        camera = visit.camera
        tip_w = start_w[:3] + 0.06 * axis_w

        def is_near(place_w: Any, metres: float) -> bool:
            return float(np.linalg.norm(world.wrist.pose_w[:3] - place_w)) < metres

        for patience_ms in (300, 2000, 8000):  # a busy page draws the arrow late, and is then taken hold of again
            page.mouse.move(*pixel_of(camera, tip_w + 0.02 * axis_w))
            page.mouse.move(*pixel_of(camera, tip_w))
            page.wait_for_timeout(patience_ms)
            page.mouse.down()
            for share in (*shares, 1.0):
                page.mouse.move(*pixel_of(camera, tip_w - share * AWAY * axis_w))
                page.wait_for_timeout(60)
            page.mouse.up()
            page.wait_for_timeout(patience_ms)
            if not is_near(start_w[:3], 0.01):
                break
        wait_for(lambda: is_near(grasp_w[:3], 0.015), page, 60.0)
        wait_for(lambda: world.tries.is_held, page)
        for _ in range(22):  # 1 cm each
            page.keyboard.press("r")
            page.wait_for_timeout(30)
        page.get_by_text("Lifted!").first.wait_for()
        assert world.tries.num_lifted == 1
        assert world.tries.is_held
    end = time.monotonic() + 30.0
    while visit.is_alive and time.monotonic() < end:
        time.sleep(0.05)
    assert not visit.is_alive, "a closed tab frees its world"
