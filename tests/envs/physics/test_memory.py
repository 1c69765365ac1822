"""How many worlds fit, before any is made."""

from pathlib import Path

import pytest

from envs.physics.memory import MemoryNeed, _left, _system_memory, available_memory

MB = 1_000_000


def test_worlds_share_what_is_left_beside_the_objects() -> None:
    need = MemoryNeed(world=4 * MB, shared=100 * MB)
    # (1000 - 100) / 4
    assert need.worlds_that_fit(1000 * MB) == 225
    assert need.worlds_that_fit(50 * MB) == 0


def test_as_many_worlds_as_fit_are_accepted_and_one_more_is_not() -> None:
    need = MemoryNeed(world=4 * MB, shared=100 * MB)
    need.check(225, 1000 * MB)
    message = (
        r"num_worlds is 226, which may need 1\.0 GB of memory \(4\.0 MB a world and 100\.0 MB for the objects\); "
        r"1\.0 GB are available, enough for 225 worlds\. Lower num_worlds, or free memory"
    )
    with pytest.raises(ValueError, match=message):
        need.check(226, 1000 * MB)


def test_nothing_is_refused_where_memory_is_unknown() -> None:
    MemoryNeed(world=4 * MB, shared=0).check(10**9, None)


def test_memory_of_this_machine_is_found() -> None:
    found = available_memory()
    assert found is None or found > 10 * MB


def test_available_memory_is_read_from_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:       24600000 kB\nMemFree:  1 kB\nMemAvailable:   23062480 kB\n")
    assert _system_memory(table) == 23062480 * 1024


def test_without_the_kernels_table_the_built_in_memory_counts(tmp_path: Path) -> None:
    found = _system_memory(tmp_path / "none")
    assert found is None or found > 100 * MB


@pytest.mark.parametrize(("limit", "expected"), [("5000", 3000), ("max", None), ("1000", 0)])
def test_a_containers_limit_leaves_what_it_has_not_used(limit: str, expected: int | None, tmp_path: Path) -> None:
    (tmp_path / "max").write_text(limit + "\n")
    (tmp_path / "current").write_text("2000\n")
    assert _left(tmp_path / "max", tmp_path / "current") == expected


def test_no_container_no_limit(tmp_path: Path) -> None:
    assert _left(tmp_path / "max", tmp_path / "current") is None
