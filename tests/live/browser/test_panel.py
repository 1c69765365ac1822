"""What the panel makes of its controls."""

import math

import pytest

pytest.importorskip("viser", reason="needs the extra demo")

from live.browser.panel import within


@pytest.mark.parametrize(
    ("value", "expected"), [(0.3, 0.3), (-1.0, 0.0), (1e9, 0.5), (math.inf, 0.5), (-math.inf, 0.0), (math.nan, 0.0)]
)
def test_a_slider_is_between_its_ends_whatever_a_page_sends(value: float, expected: float) -> None:
    assert within(value, 0.0, 0.5) == expected
