"""Household: dish, spray bottle, carrot, shoe, computer mouse, basket."""

import numpy as np
from numpy.typing import NDArray

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import (
    FLOOR_CLEARANCE,
    Piece,
    along_x,
    arc,
    at_height,
    box,
    circle,
    lathe,
    rounded_rectangle,
    sweep,
    wall_ring,
)


@family(radius=(0.036, 0.055), height=(0.023, 0.038), foot_ratio=(0.60, 0.80), wall=(0.0070, 0.0095))
def dish(p: Parameters) -> list[Piece]:
    """Deep plate with a thick, almost upright rim."""
    radius, height, foot, wall = p["radius"], p["height"], p["radius"] * p["foot_ratio"], p["wall"]
    floor = lathe([(foot - 0.001, 0.0), (foot + 0.001, 0.006)], sectors=24)
    outer = [(foot, FLOOR_CLEARANCE), (foot + 0.88 * (radius - foot), 0.45 * height), (radius, height)]
    return floor + wall_ring(outer, [(foot - wall, FLOOR_CLEARANCE), (radius - wall, height)])


@family(
    width=(0.040, 0.068),
    depth_ratio=(0.55, 0.85),
    body_height=(0.070, 0.120),
    neck_height=(0.012, 0.026),
    nozzle_length=(0.022, 0.040),
)
def spray_bottle(p: Parameters) -> list[Piece]:
    """Spray bottle: oval body with shoulders, neck, head with nozzle and trigger."""
    width, depth, body = p["width"], p["width"] * p["depth_ratio"], p["body_height"]
    oval = circle(20) * np.array([width, depth]) / 2
    shoulder = body + 0.45 * width
    levels = [(0.94, 0.0), (1.0, 0.004), (1.0, body)]
    lower = np.concatenate([at_height(scale * oval, z) for scale, z in levels])
    neck_radius = 0.24 * width
    upper = np.concatenate([at_height(oval, body), at_height(circle(20) * neck_radius, shoulder)])
    top = shoulder + p["neck_height"]
    neck = lathe([(neck_radius, shoulder - 0.001), (neck_radius, top + 0.002)], sectors=16)
    reach, half = p["nozzle_length"], 0.8 * neck_radius
    head = box((reach + 2.2 * neck_radius, 2 * half, 0.016), (0.5 * reach, 0.0, top + 0.008))
    trigger = sweep(
        [(neck_radius + 0.45 * reach, 0, top + 0.004), (neck_radius + 0.25 * reach, 0, top - 0.020)],
        rounded_rectangle(0.006, 0.012, 0.002),
    )
    return [lower, upper, *neck, head, *trigger]


@family(length=(0.085, 0.150), radius=(0.0145, 0.0220), tip_ratio=(0.28, 0.50), top_length=(0.012, 0.030))
def carrot(p: Parameters) -> list[Piece]:
    """Carrot: long cone with round ends and a stub of leaves."""
    length, radius = p["length"], p["radius"]
    stations = [(0.35 * p["tip_ratio"], 0.0), (p["tip_ratio"], 0.05), (0.93, 0.80), (1.0, 0.93), (0.55, 1.0)]
    root = lathe([(r * radius, z * length) for r, z in stations], sectors=14)
    leaves = lathe([(0.30 * radius, length - 0.002), (0.45 * radius, length + p["top_length"])], sectors=10)
    return along_x(root + leaves)


@family(
    length=(0.105, 0.165),
    width=(0.040, 0.060),
    sole=(0.008, 0.014),
    collar_height=(0.026, 0.050),
    wall=(0.0070, 0.0095),
    toe_height_ratio=(0.45, 0.70),
)
def shoe(p: Parameters) -> list[Piece]:
    """Shoe: sole, closed toe, open behind with walls at both sides and around the heel."""
    length, width, sole, wall = p["length"], p["width"], p["sole"], p["wall"]
    top, ridge = sole + p["collar_height"], sole + p["toe_height_ratio"] * p["collar_height"]
    waist = 0.06 * length  # x where the closed toe ends and the opening begins
    half_circle = circle(16)[[13, 14, 15, 0, 1, 2, 3]]
    tip = np.array([length / 2 - 0.45 * width, 0.0]) + half_circle * np.array([0.45, 0.5]) * width
    heel = np.array([(-0.42, 0.40), (-0.5, 0.22), (-0.5, -0.22), (-0.42, -0.40)]) * np.array([length, width])
    outline = np.concatenate([tip, heel])
    bottom = np.concatenate([at_height(0.97 * outline, 0.0), at_height(outline, 0.4 * sole), at_height(outline, sole)])

    side, back = np.array([waist, 0.46 * width]), heel[0]
    low = np.concatenate([tip, [side, side * (1, -1)]])
    saddle = [(waist, y * 0.40 * width, top - 0.004) for y in (-1, 1)]
    saddle += [(0.22 * length, y * 0.26 * width, ridge) for y in (-1, 1)]
    toe = [at_height(0.96 * low, sole - 0.001), at_height(0.82 * tip * (0.98, 1.0), sole + 0.010), np.array(saddle)]

    pieces = [bottom, np.concatenate(toe)]
    for y in (-1.0, 1.0):
        flank = np.array([side, back, back, side])
        flank += np.array([(0.004, 0.0), (0.0, 0.0), (0.004, -wall), (0.004, -wall)])
        pieces.append(_wall(flank * (1.0, y), 0.97, sole - 0.001, top))
    cup = np.concatenate([heel, heel + np.array([wall, 0.0])])
    return [*pieces, _wall(cup, 0.98, sole - 0.001, top + 0.002)]


def _wall(outline: NDArray[np.float64], foot: float, low: float, high: float) -> Piece:
    """Piece of a shoe's collar: `outline` (M, 2) times `foot` at height `low`, leaning inwards at height `high`."""
    return np.concatenate([at_height(foot * outline, low), at_height(outline * (1, 0.92), high)])


@family(
    length=(0.078, 0.120),
    width_ratio=(0.52, 0.68),
    height=(0.028, 0.044),
    hump_ratio=(-0.16, 0.02),
    taper_ratio=(0.62, 0.80),
)
def mouse(p: Parameters) -> list[Piece]:
    """Computer mouse: humped shell on a flat underside, with a wheel."""
    length, width, height = p["length"], p["length"] * p["width_ratio"], p["height"]
    outline = rounded_rectangle(length, width, 0.42 * width, per_corner=4)
    levels = [(0.93, 0.0, 0.0), (1.0, 0.22, 0.0), (0.94, 0.62, 0.5), (p["taper_ratio"], 1.0, 1.0)]
    hump = np.array([p["hump_ratio"] * length, 0.0, 0.0])
    shell = [at_height(s * outline, z * height) + k * hump for s, z, k in levels]
    front = rounded_rectangle(0.20 * length, 0.008, 0.003) + np.array([0.22 * length, 0.0])
    ridge = np.concatenate([at_height(front, 0.5 * height), at_height(front * (0.98, 0.8), 0.97 * height)])
    return [np.concatenate(shell), ridge]


@family(
    length=(0.062, 0.098),
    width=(0.046, 0.074),
    height=(0.028, 0.048),
    flare_ratio=(0.78, 0.95),
    wall=(0.0070, 0.0095),
    handle_height=(0.034, 0.058),
    handle_width=(0.011, 0.017),
)
def basket(p: Parameters) -> list[Piece]:
    """Basket: floor, four flaring walls, bow handle over the middle."""
    length, width, height, wall = p["length"], p["width"], p["height"], p["wall"]
    half, foot = np.array([length, width]) / 2, np.array([length, width]) / 2 * p["flare_ratio"]
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], dtype=float)
    floor = np.concatenate([at_height(signs * (foot - 0.001), 0.0), at_height(signs * (foot + 0.0005), 0.007)])
    pieces = [floor]
    for side in range(4):
        pair = signs[[side, (side + 1) % 4]]
        rim, root = pair * half, pair * foot
        corners = [at_height(root, FLOOR_CLEARANCE), at_height(rim, height)]
        corners += [at_height(root - pair * wall, FLOOR_CLEARANCE), at_height(rim - pair * wall, height)]
        pieces.append(np.concatenate(corners))
    bow = arc(length / 2 - wall / 2, p["handle_height"], 0.0, np.pi, 8) + np.array([0.0, 0.0, height - 0.006])
    return pieces + sweep(bow, rounded_rectangle(0.008, p["handle_width"], 0.002))
