"""What a benchmark ran on."""

import os
import platform
from pathlib import Path
from typing import Any


def machine(load_before: list[float] | None = None) -> dict[str, Any]:
    """Cores, processor, architecture, Python, and the load averages before the run, for a benchmark's JSON."""
    found: dict[str, Any] = {"cpus": os.cpu_count(), "processor": processor()}
    found |= {"arch": platform.machine(), "python": platform.python_version()}
    return found if load_before is None else {**found, "load_before": load_before}


def processor() -> str | None:
    """Name of the processor's model; None where the system does not tell."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def load_average() -> list[float]:
    """Load averages now, to be given to `machine` after the run."""
    return [round(value, 2) for value in os.getloadavg()]


def memory_gb() -> dict[str, float]:
    """Resident memory of this process now and at its highest, GB (10^9 bytes); Linux only, empty elsewhere."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return {}
    rows = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return {name: round(float(rows[key].split()[0]) * 1024 / 1e9, 3) for name, key in _MEMORY.items()}


def proportional_gb(process: int | None = None) -> float | None:
    """Memory of a process, what it shares counted in parts, GB (10^9 bytes), so that those of several add up.

    Args:
        process: its number; this one when None.
    Returns:
        None where the system does not tell, or there is no such process any more.
    """
    try:
        rollup = Path(f"/proc/{process or 'self'}/smaps_rollup").read_text()
    except OSError:
        return None
    row = next((line for line in rollup.splitlines() if line.startswith("Pss:")), None)
    return None if row is None else float(row.split()[1]) * 1024 / 1e9


_MEMORY = {"now": "VmRSS", "highest": "VmHWM"}
