"""How many worlds fit, before any is made."""

import psutil
import pytest

from envs.physics.memory import MemoryNeed, available_memory

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


def test_memory_of_this_machine_is_found() -> None:
    assert 10 * MB < available_memory() < psutil.virtual_memory().total
