"""What a benchmark ran on."""

import os
import platform
from typing import Any


def machine(load_before: list[float] | None = None) -> dict[str, Any]:
    """Cores, architecture, Python, and the load averages before the run, for a benchmark's JSON."""
    found: dict[str, Any] = {"cpus": os.cpu_count(), "arch": platform.machine(), "python": platform.python_version()}
    return found if load_before is None else {**found, "load_before": load_before}
