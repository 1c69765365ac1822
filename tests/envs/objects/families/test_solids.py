import numpy as np
import pytest
from scipy.spatial import ConvexHull

from envs.objects.families.solids import arc, box, circle, lathe, slab, sweep, wall_ring


def test_box_has_its_corners_around_its_centre() -> None:
    corners = box((2.0, 4.0, 6.0), (1.0, 0.0, 0.0))
    np.testing.assert_allclose(corners.min(axis=0), [0, -2, -3])
    np.testing.assert_allclose(corners.max(axis=0), [2, 2, 3])


def test_slab_keeps_its_size_and_loses_its_edges() -> None:
    piece = slab((0.06, 0.14, 0.01), 0.009, 0.0015)
    np.testing.assert_allclose(np.ptp(piece, axis=0), [0.06, 0.14, 0.01])
    assert ConvexHull(piece).volume < 0.06 * 0.14 * 0.01


def test_lathed_cylinder_is_one_prism() -> None:
    (piece,) = lathe([(1.0, 0.0), (1.0, 2.0)], sectors=20)
    # Regular 20-gon in the unit circle: area 10 sin(18 deg).
    assert ConvexHull(piece).volume == pytest.approx(2 * 10 * np.sin(np.pi / 10))


def test_lathe_splits_where_the_profile_is_concave() -> None:
    hourglass = [(1.0, 0.0), (0.5, 1.0), (1.0, 2.0)]
    lower, upper = lathe(hourglass)
    assert lower[:, 2].max() == 1.0 == upper[:, 2].min()


def test_lathe_splits_before_a_piece_has_too_many_corners() -> None:
    angle = np.linspace(-1.4, 1.4, 8)
    pieces = lathe([(float(np.cos(a)), float(np.sin(a))) for a in angle], sectors=20)
    assert [len(piece) for piece in pieces] == [60, 60, 60, 40]


def test_lathe_refuses_falling_heights() -> None:
    with pytest.raises(ValueError, match=r"heights must strictly increase, got \[0.0, 2.0, 1.0\]"):
        lathe([(1.0, 0.0), (1.0, 2.0), (1.0, 1.0)])


def test_wall_ring_stands_on_every_third_piece_when_upturned() -> None:
    walls = wall_ring([(1.0, 0.0), (1.0, 1.0)], [(0.9, 0.0), (0.9, 1.0)], segments=12)
    at_rim = [wall[:, 2].max() == 1.0 for wall in walls]
    assert at_rim == [True, False, False] * 4


def test_closed_sweep_is_a_torus() -> None:
    path = arc(1.0, 1.0, 0.0, 2 * np.pi, 33)[:-1]
    pieces = sweep(path, 0.1 * circle(32), closed=True)
    volume = sum(ConvexHull(piece).volume for piece in pieces)
    # 2 pi^2 R r^2, less what 32 chords and a 32-gon leave out (about 1 % each).
    assert len(pieces) == 32
    assert volume == pytest.approx(2 * np.pi**2 * 0.01, rel=0.03)
