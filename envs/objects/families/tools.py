"""Tools: things with a handle and a working end, laid along x."""

import numpy as np

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import Piece, along_x, arc, box, circle, lathe, moved, rounded_rectangle, slab, sweep


@family(
    handle_length=(0.110, 0.200),
    handle_radius=(0.008, 0.014),
    head_length=(0.060, 0.110),
    head_radius=(0.010, 0.018),
)
def hammer(p: Parameters) -> list[Piece]:
    """Hammer: tapered handle along x, head across it along z."""
    length, radius, head = p["handle_length"], p["handle_radius"], p["head_radius"]
    handle = along_x(lathe([(1.15 * radius, 0.0), (radius, 0.3 * length), (0.8 * radius, length)], sectors=12))
    half = p["head_length"] / 2
    block = box((2.0 * head, 1.8 * head, half), (length, 0.0, 0.0))
    face = moved(lathe([(0.8 * head, half / 2 - 0.001), (head, half / 2 + 0.006), (head, half)], 16), (length, 0, 0))
    peen = np.concatenate(
        [
            box((1.6 * head, 1.6 * head, 0.002), (length, 0.0, -half / 2)),
            box((0.004, 1.6 * head, 0.002), (length, 0.0, -half)),
        ]
    )
    return [*handle, block, peen, *face]


@family(
    handle_length=(0.065, 0.110),
    handle_radius=(0.0130, 0.0190),
    shaft_length=(0.050, 0.120),
    shaft_radius=(0.0025, 0.0045),
)
def screwdriver(p: Parameters) -> list[Piece]:
    """Screwdriver: bulging handle, thin shaft, flat tip."""
    length, radius, shaft = p["handle_length"], p["handle_radius"], p["shaft_radius"]
    profile = [(0.75 * radius, 0.0), (radius, 0.15 * length), (radius, 0.6 * length)]
    profile += [(0.62 * radius, 0.85 * length), (0.72 * radius, length)]
    stop = length + p["shaft_length"]
    rod = lathe([(shaft, length - 0.004), (shaft, stop)], sectors=12)
    tip = np.concatenate(
        [box((2 * shaft, 2 * shaft, 0.001), (0, 0, stop)), box((0.003, 2.6 * shaft, 0.001), (0, 0, stop + 0.01))]
    )
    return along_x([*lathe(profile, sectors=12), *rod, tip])


@family(length=(0.075, 0.155), radius=(0.0108, 0.0165), cap_ratio=(0.28, 0.45))
def marker(p: Parameters) -> list[Piece]:
    """Felt pen with a slightly thicker cap."""
    length, radius, cap = p["length"], p["radius"], p["length"] * (1.0 - p["cap_ratio"])
    barrel = lathe([(0.7 * radius, 0.0), (0.88 * radius, 0.004), (0.88 * radius, cap + 0.002)], sectors=16)
    lid = lathe([(radius, cap), (radius, length - 0.006), (0.7 * radius, length)], sectors=16)
    return along_x(barrel + lid)


@family(
    handle_length=(0.110, 0.165),
    handle_width=(0.016, 0.028),
    handle_thickness=(0.014, 0.022),
    blade_length=(0.060, 0.085),
    blade_width=(0.045, 0.080),
    blade_thickness=(0.003, 0.005),
)
def spatula(p: Parameters) -> list[Piece]:
    """Turner: bar handle, rising neck, thin flat blade."""
    length, blade = p["handle_length"], p["blade_length"]
    plate = slab(
        (blade, p["blade_width"], p["blade_thickness"]), 0.010, 0.0006, (blade / 2, 0, p["blade_thickness"] / 2)
    )
    rise = 0.012 + 0.5 * p["handle_thickness"]
    section = rounded_rectangle(p["handle_thickness"], p["handle_width"], 0.004)
    neck = sweep([(0.010, 0, 0.002), (-0.022, 0, rise)], circle(8, np.pi / 8) * np.array([0.0022, 0.006]))
    handle = sweep([(-0.018, 0, rise), (-0.5 * length, 0, rise + 0.004), (-length, 0, rise)], section, (0.8, 1.0, 0.9))
    return [plate, *neck, *handle]


@family(length=(0.120, 0.200), handle_radius=(0.0105, 0.0140), scoop_length=(0.044, 0.070), scoop_ratio=(0.60, 0.80))
def spoon(p: Parameters) -> list[Piece]:
    """Wooden spoon: stout round handle with a filled oval scoop."""
    scoop, thickness = p["scoop_length"], 0.36 * p["scoop_length"]
    rim = circle(16) * np.array([scoop, scoop * p["scoop_ratio"]]) / 2
    levels = [(0.50, 0.0), (0.92, 0.35 * thickness), (1.0, thickness)]
    head = np.concatenate([np.column_stack([s * rim, np.full(16, z)]) for s, z in levels])
    radius = p["handle_radius"]
    start, stop = 0.5 * scoop - 0.008, p["length"] - 0.5 * scoop
    height = max(0.85 * thickness, radius)
    path = [(start, 0, 0.75 * thickness), (0.5 * (start + stop), 0, height + 0.008), (stop, 0, height + 0.010)]
    return [head, *sweep(path, circle(10) * radius, (0.65, 1.0, 0.95))]


@family(
    handle_length=(0.080, 0.120), handle_radius=(0.010, 0.017), head_radius=(0.020, 0.042), head_width=(0.018, 0.036)
)
def dumbbell(p: Parameters) -> list[Piece]:
    """Hexagonal hand weight."""
    length, width = p["handle_length"], p["head_width"]
    handle = lathe([(p["handle_radius"], -0.002), (p["handle_radius"], length + 0.002)], sectors=16)
    profile = [(0.86, 0.0), (1.0, 0.14), (1.0, 0.86), (0.86, 1.0)]
    head = lathe([(r * p["head_radius"], z * width) for r, z in profile], sectors=6)
    return along_x([*handle, *moved(head, (0, 0, -width)), *moved(head, (0, 0, length))], (-length / 2, 0, 0))


@family(
    handle_length=(0.090, 0.140),
    handle_radius=(0.006, 0.012),
    head_length=(0.050, 0.090),
    head_width=(0.022, 0.045),
    bristle_height=(0.014, 0.030),
)
def brush(p: Parameters) -> list[Piece]:
    """Scrubbing brush: handle, flat head, block of bristles below."""
    length, head = p["handle_length"], p["head_length"]
    back = slab((head, p["head_width"], 0.010), 0.010, 0.0015, (head / 2, 0, 0))
    block = box(
        (0.9 * head, 0.8 * p["head_width"], p["bristle_height"]), (head / 2, 0, -0.004 - p["bristle_height"] / 2)
    )
    profile = [(0.75, 0.0), (1.0, 0.15), (0.9, 0.6), (0.55, 1.0)]
    grip = lathe([(r * p["handle_radius"], z * (length + 0.006)) for r, z in profile], sectors=12)
    return [back, block, *along_x(grip, (-length, 0, 0))]


@family(
    body_width=(0.032, 0.055), body_height=(0.028, 0.048), thickness=(0.018, 0.030), shackle_radius=(0.0045, 0.0065)
)
def padlock(p: Parameters) -> list[Piece]:
    """Padlock: rounded body with a U-shaped shackle."""
    width, height, radius = p["body_width"], p["body_height"], p["shackle_radius"]
    body = slab((width, p["thickness"], height), 0.004, 0.002)
    reach = 0.5 * width - radius - 0.004
    bend = arc(reach, reach, 0.0, np.pi, 6) + np.array([0.0, 0.0, 0.5 * height + 0.010])
    feet = np.array([[reach, 0.0, 0.5 * height - 0.003], [-reach, 0.0, 0.5 * height - 0.003]])
    return [body, *sweep(np.concatenate([feet[:1], bend, feet[1:]]), circle(8, np.pi / 8) * radius)]


@family(length=(0.090, 0.150), width=(0.022, 0.038), height=(0.035, 0.060))
def stapler(p: Parameters) -> list[Piece]:
    """Desk stapler: flat base, arm rising from the hinge."""
    length, width, height = p["length"], p["width"], p["height"]
    base = slab((length, width, 0.010), 0.006, 0.0015, (0, 0, 0.005))
    hinge = box((0.22 * length, 0.8 * width, 0.5 * height), (-0.36 * length, 0, 0.25 * height + 0.004))
    low, high = 0.45 * height, height
    outline = [
        (-0.48, low),
        (-0.48, high * 0.82),
        (-0.30, high),
        (0.30, high * 0.92),
        (0.47, 0.78 * high),
        (0.47, 0.52 * high),
    ]
    arm = np.array([(x * length, y * 0.9 * width / 2, z) for x, z in outline for y in (-1, 1)])
    return [base, hinge, arm]
