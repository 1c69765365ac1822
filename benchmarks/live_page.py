"""What a visitor of the page costs, and how smooth the page is. Prints JSON.

    step_ms   processor time of a control step of a visitor's world: policy, controller, physics, tries
    look_ms   processor time to find out where everything is that is drawn
    share     seconds of the world in a second while the wrist goes its way in a browser; 1 is real time
    updates   of the scene in a second that the server sent
    frames    that the browser drew in a second, in software on the processor (an ordinary browser has a graphics card)

Needs Chromium; without one it only says so.

    python benchmarks/live_page.py
"""

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from _machine import load_average, machine

from live.browser.chromium import opened_page, why_no_chromium
from live.browser.settings import DemoSettings
from live.server import DemoServer

if TYPE_CHECKING:  # it needs viser, whose absence the server tells
    from live.browser.visit import Visit

COUNT_FRAMES = """seconds => new Promise(done => {
    let count = 0;
    const end = performance.now() + 1000 * seconds;
    const tick = () => { count += 1; performance.now() < end ? requestAnimationFrame(tick) : done(count / seconds); };
    requestAnimationFrame(tick);
})"""


def processor_ms(visit: "Visit") -> dict[str, float]:
    """Medians over one way; for whoever holds the turn."""
    world, steps, looks = visit.world, [], []
    world.follow()
    while world.wrist.is_playing:
        began = time.thread_time()
        state = world.step()
        stepped = time.thread_time()
        world.look(state)
        steps.append(stepped - began)
        looks.append(time.thread_time() - stepped)
    return {"step_ms": 1e3 * float(np.median(steps)), "look_ms": 1e3 * float(np.median(looks))}


def in_a_browser(server: DemoServer, seconds: float) -> dict[str, float]:
    """All that is measured of one visitor."""
    with opened_page(server.address, 1280, 720, timeout_s=600.0) as page:
        while not server.visits.running or server.visits.running[0].world.targets is None:
            page.wait_for_timeout(100)
        visit = server.visits.running[0]
        visit.do(lambda world: world.follow())
        page.wait_for_timeout(1000)
        began, steps = time.monotonic(), visit.num_steps
        frames = float(page.evaluate(COUNT_FRAMES, seconds))
        updates = (visit.num_steps - steps) / (time.monotonic() - began)
        with visit.turn:
            found = processor_ms(visit)
    return {**found, "share": updates * visit.world.period_s, "updates": updates, "frames": frames}


def main(args: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--object", default="mug_00106")
    parser.add_argument("--seconds", type=float, default=3.0, help="for which frames are counted")
    given = parser.parse_args(args)
    torch.set_num_threads(1)
    load = load_average()
    found: dict[str, Any] = {"left_out": why_no_chromium()}
    if found["left_out"] is None:
        server = DemoServer(DemoSettings(objects=(given.object,), port=0))
        try:
            found = in_a_browser(server, given.seconds)
        finally:
            server.close()
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()}
    print(json.dumps({**rounded, "machine": machine(load)}, indent=2))


if __name__ == "__main__":
    main()
