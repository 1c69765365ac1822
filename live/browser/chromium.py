"""A Chromium without a screen in which the page is tried and photographed, driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from live.poses import Array, rotation_matrix

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--no-sandbox",  # none in containers
    "--use-gl=angle",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage",
    "--disable-extensions",
)


def why_no_chromium() -> str | None:
    """Why the page cannot be opened here; None where it can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ModuleNotFoundError:
        return "playwright is not installed: pip install -e '.[dev]'"
    if not any(shutil.which(name) for name in NAMES):
        return f"no Chromium on the path ({', '.join(NAMES)}): apt-get install chromium"
    return None


@contextmanager
def opened_page(address: str, width: int, height: int, timeout_s: float = 120.0) -> Iterator[Any]:
    """The page at an address (a playwright ``Page``), in a window of so many pixels.

    Raises:
        RuntimeError: there is no Chromium, or no playwright; says what to install.
    """
    why = why_no_chromium()
    if why is not None:
        raise RuntimeError(why)
    from playwright.sync_api import sync_playwright

    path = next(found for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS), timeout=1e3 * timeout_s)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(1e3 * timeout_s)
            page.goto(address, wait_until="commit")
            page.get_by_text("Show me", exact=True).first.wait_for()
            yield page
        finally:
            browser.close()


def pixel_of(camera: Any, point_w: Array) -> Array:
    """Where a point (3,), m, is seen in the window (2,), pixels from the upper left, by a viser camera."""
    at = rotation_matrix(np.asarray(camera.wxyz, dtype=float)).T @ (point_w - camera.position)
    focal = 0.5 * camera.image_height / np.tan(0.5 * camera.fov)
    return np.array([0.5 * camera.image_width, 0.5 * camera.image_height]) + focal * at[:2] / at[2]
