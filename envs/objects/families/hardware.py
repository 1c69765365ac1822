"""Hardware: knife, scissors, wrench, flashlight, bracket, spool."""

import numpy as np

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import Piece, along_x, arc, box, lathe, moved, rounded_rectangle, slab, sweep


@family(
    handle_length=(0.080, 0.115),
    handle_width=(0.020, 0.030),
    handle_thickness=(0.021, 0.028),
    blade_length=(0.055, 0.100),
    blade_width=(0.022, 0.042),
    blade_thickness=(0.0030, 0.0045),
)
def knife(p: Parameters) -> list[Piece]:
    """Kitchen knife: stout handle, blade that narrows to an edge and a point, in the xy plane."""
    length, blade, width = p["handle_length"], p["blade_length"], p["blade_width"]
    section = rounded_rectangle(p["handle_thickness"], p["handle_width"], 0.003)
    stations = [(-length, 0, 0), (-0.85 * length, 0, 0), (-0.35 * length, 0, 0), (0.002, 0, 0)]
    handle = sweep(stations, section, (0.85, 1.0, 0.92, 1.0))
    thick = p["blade_thickness"] / 2
    spine, edge = 0.5 * p["handle_width"] - 0.003, 0.5 * p["handle_width"] - 0.003 - width
    outline = [(-0.002, spine), (0.75 * blade, spine), (blade, spine - 0.25 * width), (0.62 * blade, edge)]
    outline += [(-0.002, edge)]
    share = [1.0, 1.0, 0.5, 0.35, 0.35]
    plate = [(x, y, s * k * thick) for (x, y), s in zip(outline, share, strict=True) for k in (-1, 1)]
    return [*handle, np.array(plate)]


@family(
    blade_length=(0.055, 0.095),
    loop_radius=(0.013, 0.020),
    loop_width=(0.0090, 0.0125),
    thickness=(0.018, 0.026),
    spread_angle=(0.30, 0.50),
)
def scissors(p: Parameters) -> list[Piece]:
    """Scissors, closed: one tapering pair of blades, two shanks that spread, each with a thick finger loop."""
    blade, radius, thickness = p["blade_length"], p["loop_radius"], p["thickness"]
    half = 0.25 * thickness
    root = np.array([(-0.004, y, z) for y in (-half, half) for z in (-0.011, 0.011)])
    tip = np.array([(blade, y, z) for y in (-0.5 * half, 0.5 * half) for z in (-0.0025, 0.0025)])
    pieces = [np.concatenate([root, tip])]
    section = rounded_rectangle(p["loop_width"], thickness, 0.0035, per_corner=2)
    reach = (radius + 0.35 * p["loop_width"]) / np.sin(p["spread_angle"])
    for side in (-1.0, 1.0):
        away = np.array([-np.cos(p["spread_angle"]), 0.0, side * np.sin(p["spread_angle"])])
        shank = sweep([(0.004, 0, -0.004 * side), away * (reach - radius + 0.002)], section, (0.75, 0.95))
        # A corner of the loop, not the middle of a side, points at the shank.
        turn = np.arctan2(-away[2], -away[0])
        loop = arc(1.15 * radius, radius, turn, turn + 2.0 * np.pi, 9)[:-1]
        # Lying flat the loop stands on its two thicker stations instead of on all 8 pieces.
        scales = np.where(np.arange(8) % 4 == 2, 1.0, 0.96)
        pieces += shank + moved(sweep(loop, section, scales, closed=True), reach * away)
    return pieces


@family(
    length=(0.090, 0.150),
    width=(0.016, 0.024),
    thickness=(0.016, 0.023),
    jaw_ratio=(0.45, 0.65),
    head_ratio=(1.8, 2.4),
)
def wrench(p: Parameters) -> list[Piece]:
    """Open-ended spanner: bar with a two-pronged jaw at one end and a smaller one at the other."""
    length, thickness = p["length"], p["thickness"]
    pieces = [slab((length, p["width"], 0.82 * thickness), 0.004, 0.002)]
    for side, share in ((1.0, 1.0), (-1.0, 0.78)):
        head = share * p["head_ratio"] * p["width"]
        gap = p["jaw_ratio"] * head
        base = np.array([(0.0, -0.3 * head), (0.0, 0.3 * head), (0.45 * head, 0.5 * head), (0.60 * head, 0.5 * head)])
        base = np.concatenate([base, [(0.60 * head, -0.5 * head), (0.45 * head, -0.5 * head)]])
        jaws = []
        for y in (-1.0, 1.0):
            prong = [(0.59, 0.5 * gap / head), (0.59, 0.5), (0.75, 0.5), (1.05, 0.40), (1.05, 0.5 * gap / head)]
            jaws.append(np.array([(head * a, y * head * b) for a, b in prong]))
        for outline in (base, *jaws):
            outline[:, 0] += length / 2 - 0.2 * head
            corners = np.concatenate([np.column_stack([outline, np.full(len(outline), z)]) for z in (-0.5, 0.5)])
            pieces.append(corners * np.array([side, 1.0, thickness]))
    return pieces


@family(radius=(0.0105, 0.0165), length=(0.070, 0.130), head_ratio=(1.25, 1.75), head_length=(0.018, 0.034))
def flashlight(p: Parameters) -> list[Piece]:
    """Torch: barrel with a knurled ring, flaring head, switch."""
    radius, length, head = p["radius"], p["length"], p["head_ratio"] * p["radius"]
    barrel = lathe([(0.92 * radius, 0.0), (radius, 0.004), (radius, length + 0.002)], sectors=16)
    ring = lathe([(1.08 * radius, 0.10 * length), (1.08 * radius, 0.22 * length)], sectors=12)
    start, stop = length, length + p["head_length"]
    flare = lathe([(radius, start), (head, start + 0.4 * p["head_length"]), (head, stop)], sectors=20)
    switch = box((0.005, 0.010, 0.018), (radius, 0.0, 0.6 * length))
    return along_x([*barrel, *ring, *flare, switch])


@family(
    leg_length=(0.036, 0.072),
    other_leg_ratio=(0.60, 1.0),
    depth=(0.020, 0.052),
    thickness=(0.0075, 0.0120),
    rib_ratio=(0.25, 0.60),
)
def bracket(p: Parameters) -> list[Piece]:
    """Angle bracket: two plates at a right angle with a triangular rib between them."""
    long, short, depth, thickness = p["leg_length"], p["leg_length"] * p["other_leg_ratio"], p["depth"], p["thickness"]
    flat = box((long, depth, thickness), (long / 2, 0.0, thickness / 2))
    upright = box((thickness, depth, short), (thickness / 2, 0.0, short / 2))
    reach, half = p["rib_ratio"] * short, 0.0025 + 0.04 * depth
    rib = [(thickness - 0.002, thickness - 0.002), (thickness + reach, thickness - 0.002)]
    rib += [(thickness - 0.002, thickness + reach)]
    return [flat, upright, np.array([(x, y, z) for x, z in rib for y in (-half, half)])]


@family(flange_radius=(0.016, 0.036), core_ratio=(0.40, 0.75), height=(0.030, 0.095), flange_thickness=(0.004, 0.009))
def spool(p: Parameters) -> list[Piece]:
    """Spool: core between two flanges, one of them with a hub."""
    radius, height, rim = p["flange_radius"], p["height"], p["flange_thickness"]
    core = lathe([(p["core_ratio"] * radius, rim - 0.001), (p["core_ratio"] * radius, height - rim + 0.001)], 20)
    flange = lathe([(0.96 * radius, 0.0), (radius, 0.25 * rim), (radius, rim)], sectors=20)
    other = lathe([(radius, height - rim), (radius, height - 0.25 * rim), (0.96 * radius, height)], sectors=20)
    hub = lathe([(0.35 * radius, height - 0.001), (0.35 * radius, height + 0.004)], sectors=12)
    return [*core, *flange, *other, *hub]
