"""Sizes of MJWarp's arrays."""

import pytest

from envs.physics.mjwarp.room import MIN_HULL_PAIRS, MIN_PAIRS, WarpRoom


def test_worlds_share_room_and_few_worlds_have_more_each() -> None:
    room = WarpRoom(pairs=100, hull_pairs=40)
    assert (room.all_pairs(1), room.all_hull_pairs(1)) == (MIN_PAIRS, MIN_HULL_PAIRS)
    assert (room.all_pairs(1000), room.all_hull_pairs(1000)) == (100_000, 40_000)


@pytest.mark.parametrize("field", ["max_pieces", "pairs", "hull_pairs", "rows"])
def test_no_room_at_all_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} is 0, expected at least 1"):
        WarpRoom(**{field: 0})


def test_more_hull_pairs_than_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="hull_pairs is 50, expected at most pairs, 40"):
        WarpRoom(pairs=40, hull_pairs=50)
