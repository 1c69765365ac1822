"""Boxes, fruit, toys and devices."""

import numpy as np

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import Piece, along_x, arc, circle, lathe, slab, sweep
from envs.objects.families.solids import box as box_piece


@family(width=(0.016, 0.075), depth=(0.025, 0.100), height=(0.040, 0.190))
def box(p: Parameters) -> list[Piece]:
    """Carton of any proportion, from a matchbox to a cereal box."""
    return [box_piece((p["width"], p["depth"], p["height"]))]


@family(thickness=(0.014, 0.034), width=(0.062, 0.098), length=(0.105, 0.180))
def book(p: Parameters) -> list[Piece]:
    """Pocket book: thin, and just narrow enough to be held across."""
    return [box_piece((p["width"], p["length"], p["thickness"]))]


@family(radius=(0.016, 0.044))
def ball(p: Parameters) -> list[Piece]:
    """Ball, from a marble to a tennis ball and beyond."""
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, 10)
    profile = [(p["radius"] * float(np.cos(a)), p["radius"] * float(np.sin(a))) for a in latitudes]
    profile[0], profile[-1] = (0.0, -p["radius"]), (0.0, p["radius"])
    return lathe(profile, sectors=20)


@family(radius=(0.016, 0.034), length_ratio=(1.2, 1.9), tip_ratio=(0.05, 0.35))
def egg(p: Parameters) -> list[Piece]:
    """Egg: an ellipsoid of revolution, slimmer towards one end."""
    radius, half = p["radius"], p["radius"] * p["length_ratio"]
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, 9)
    profile = [
        (radius * float(np.cos(a) * (1.0 - p["tip_ratio"] * 0.5 * np.sin(a))), half * float(np.sin(a)))
        for a in latitudes
    ]
    profile[0], profile[-1] = (0.0, -half), (0.0, half)
    return lathe(profile, sectors=20)


@family(length=(0.110, 0.190), radius=(0.0145, 0.0215), bend_angle=(0.8, 1.7))
def banana(p: Parameters) -> list[Piece]:
    """Banana: tapered tube bent in a plane."""
    bend = p["bend_angle"]
    curvature_radius = p["length"] / bend
    path = arc(curvature_radius, curvature_radius, -np.pi / 2 - bend / 2, -np.pi / 2 + bend / 2, 9)
    scales = (0.35, 0.50, 0.85, 0.98, 1.0, 0.98, 0.88, 0.62, 0.30)
    return sweep(path, circle(10, np.pi / 10) * p["radius"], scales)


@family(width=(0.048, 0.078), length=(0.100, 0.160), thickness=(0.012, 0.021))
def phone(p: Parameters) -> list[Piece]:
    """Telephone in its case: thin slab with rounded corners."""
    return [slab((p["width"], p["length"], p["thickness"]), 0.009, 0.0015)]


@family(width=(0.024, 0.048), length=(0.110, 0.210), thickness=(0.013, 0.024), belly_ratio=(0.25, 0.60))
def remote(p: Parameters) -> list[Piece]:
    """Remote control: long slab with a thicker belly under one end."""
    width, length, thickness = p["width"], p["length"], p["thickness"]
    top = slab((width, length, thickness), 0.008, 0.002)
    bulge = p["belly_ratio"] * thickness
    belly = slab((0.9 * width, 0.45 * length, thickness), 0.008, 0.003, (0, -0.24 * length, -bulge))
    return [top, belly]


@family(radius=(0.020, 0.040), base_radius=(0.009, 0.014), neck_height=(0.012, 0.030), base_height=(0.018, 0.028))
def light_bulb(p: Parameters) -> list[Piece]:
    """Light bulb: screw base, widening neck, round glass."""
    radius, base = p["radius"], p["base_radius"]
    centre = p["base_height"] + p["neck_height"] + 0.8 * radius
    profile = [(0.6 * base, 0.0), (base, 0.004), (base, p["base_height"])]
    profile += [(radius * float(np.cos(a)), centre + radius * float(np.sin(a))) for a in (-0.7, -0.2, 0.25, 0.65, 1.05)]
    return lathe([*profile, (0.0, centre + radius)], sectors=20)


@family(radius=(0.024, 0.042), height_ratio=(2.1, 2.7), neck_ratio=(0.42, 0.60))
def pear(p: Parameters) -> list[Piece]:
    """Pear: round belly, concave shoulder, narrow top with a stalk."""
    radius, neck = p["radius"], p["radius"] * p["neck_ratio"]
    height = radius * p["height_ratio"]
    stations = [(0.45, 0.0), (0.82, 0.08), (1.0, 0.30), (0.93, 0.45)]
    profile = [(r * radius, z * height) for r, z in stations]
    profile += [(1.15 * neck, 0.68 * height), (neck, 0.84 * height), (0.55 * neck, 0.97 * height)]
    stalk = lathe([(0.002, 0.96 * height), (0.002, 0.97 * height + 0.014)], sectors=8)
    return lathe(profile, sectors=20) + stalk


@family(radius=(0.028, 0.050), tube_radius=(0.0105, 0.0165))
def ring(p: Parameters) -> list[Piece]:
    """Toy ring (torus); `radius` is that of the tube's centre line."""
    path = arc(p["radius"], p["radius"], 0.0, 2.0 * np.pi, 17)[:-1]
    # Four stations are a little thicker: lying flat the ring stands on them instead of on all 16 pieces.
    scales = np.where(np.arange(16) % 4 == 0, 1.0, 0.95)
    return sweep(path, circle(10, np.pi / 10) * p["tube_radius"], scales, closed=True)


@family(
    width=(0.070, 0.115),
    height=(0.045, 0.070),
    depth=(0.024, 0.040),
    lens_radius=(0.015, 0.026),
    lens_length=(0.016, 0.050),
)
def camera(p: Parameters) -> list[Piece]:
    """Camera: rounded body, lens along x, viewfinder on top."""
    width, height, depth = p["width"], p["height"], p["depth"]
    body = slab((depth, width, height), 0.008, 0.002)
    radius, reach = min(p["lens_radius"], 0.45 * height), depth / 2 + p["lens_length"]
    lens = along_x(lathe([(radius, depth / 2 - 0.003), (radius, reach - 0.003), (0.88 * radius, reach)], sectors=20))
    finder = box_piece((0.7 * depth, 0.3 * width, 0.014), (0.0, 0.0, height / 2 + 0.005))
    return [body, *lens, finder]


@family(base=(0.036, 0.072), height=(0.060, 0.125), top_ratio=(0.10, 0.35))
def pyramid(p: Parameters) -> list[Piece]:
    """Truncated pyramid with a square base."""
    half = p["base"] / 2
    foot, top = circle(4, np.pi / 4) * half * np.sqrt(2), circle(4, np.pi / 4) * half * np.sqrt(2) * p["top_ratio"]
    return [np.concatenate([np.column_stack([foot, np.zeros(4)]), np.column_stack([top, np.full(4, p["height"])])])]
