"""Pictures of the page: ``python -m live.browser.pictures --output docs/pictures``.

Opens the page in Chromium without a screen, lets the wrist go its way, and writes ``live_page.png`` (the fingers close)
and ``live.gif`` (the whole way). The world stands still for each picture, so that a slow machine draws the same.
"""

import argparse
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from tqdm import tqdm

from envs.files import write_atomically
from live.browser.chromium import opened_page
from live.browser.settings import DemoSettings
from live.server import DemoServer

if TYPE_CHECKING:  # it needs viser, whose absence the server tells
    from live.browser.visit import Visit

_LOG = logging.getLogger("pictures")

SIZE = (1180, 660)
"""Pixels of the window."""

GIF_WIDTH, GIF_COLOURS = 880, 160

EVERY = 5
"""Control steps between two frames, 0.125 s."""

SETTLE_MS = 700
"""Milliseconds for which the browser may draw what it was sent."""


def photographed(page: Any) -> Image.Image:
    """The page as it is now, without messages on it that the browser is slow."""
    page.evaluate("document.querySelectorAll('.mantine-Notification-root').forEach(each => each.remove())")
    page.wait_for_timeout(SETTLE_MS)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def filmed(page: Any, visit: "Visit") -> tuple[Image.Image, list[Image.Image]]:
    """A picture of the fingers as they close, with the field, and frames of the whole way; for whoever holds the turn.

    Raises:
        RuntimeError: the object was not lifted.
    """
    world = visit.world
    visit.do(lambda world: world.follow())
    visit.advance()
    way = world.way
    if way is None:
        raise RuntimeError("there is no way to follow; name an object of the grasp set")
    visit.pace = 1.0
    frames, still = [], None
    for step in tqdm(range(len(way.wrist_pose_w) + 4 * EVERY), unit="step"):
        visit.panel.shows_field = still is None
        visit.advance()
        done = world.assistants.last
        if still is None and step < way.grasp_step and done is not None and done.a_s.mean() > 0.9:
            for _ in range(3):
                visit.advance()
            still = photographed(page)
        if step % EVERY == 0:
            visit.panel.shows_field = False
            frames.append(photographed(page))
    if still is None or world.tries.last != "success":
        raise RuntimeError(
            f"the object was not lifted ({world.tries.last or 'no try'}); give another --object or --seed"
        )
    return still, frames


def write_gif(frames: list[Image.Image], path: Path) -> None:
    """An animation of frames in real time, the last one for two seconds."""
    height = round(GIF_WIDTH * frames[0].height / frames[0].width)
    small = [frame.resize((GIF_WIDTH, height), Image.Resampling.LANCZOS) for frame in frames]
    drawn = [frame.quantize(GIF_COLOURS, dither=Image.Dither.NONE) for frame in small]
    durations = [25 * EVERY] * (len(drawn) - 1) + [2000]
    content = io.BytesIO()
    drawn[0].save(content, "GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=True)
    write_atomically(path, content.getvalue())


def main(args: list[str] | None = None) -> None:
    """Command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--object", default="mug_00106", help="an object of the grasp set")
    parser.add_argument("--seed", type=int, default=0, help="of the way")
    given = parser.parse_args(args)
    torch.set_num_threads(1)
    server = DemoServer(DemoSettings(objects=(given.object,), port=0, seed=given.seed))
    try:
        with opened_page(server.address, *SIZE, timeout_s=600.0) as page:
            while not server.visits.running or server.visits.running[0].world.targets is None:
                page.wait_for_timeout(100)
            visit = server.visits.running[0]
            with visit.turn:
                still, frames = filmed(page, visit)
    except RuntimeError as error:
        parser.error(str(error))
    finally:
        server.close()
    content = io.BytesIO()
    still.quantize(256).save(content, "PNG", optimize=True)
    write_atomically(given.output / "live_page.png", content.getvalue())
    write_gif(frames, given.output / "live.gif")
    _LOG.info("wrote live_page.png and live.gif (%.1f MB)", (given.output / "live.gif").stat().st_size / 1e6)


if __name__ == "__main__":
    main()
