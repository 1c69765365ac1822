"""Vessels: cans, bottles and jars are solid; mugs, cups, bowls, pans and glasses are open."""

import numpy as np

from envs.objects.families.base import Parameters, family
from envs.objects.families.solids import FLOOR_CLEARANCE, Piece, arc, circle, lathe, moved, sweep, wall_ring


@family(radius=(0.016, 0.042), height=(0.040, 0.160))
def can(p: Parameters) -> list[Piece]:
    """Cylinder, from a coin roll to a tall drink can."""
    return lathe([(p["radius"], 0.0), (p["radius"], p["height"])], sectors=30)


@family(
    radius=(0.016, 0.041),
    body_height=(0.060, 0.140),
    shoulder_height=(0.012, 0.035),
    neck_ratio=(0.30, 0.60),
    neck_height=(0.015, 0.045),
)
def bottle(p: Parameters) -> list[Piece]:
    """Round bottle with shoulder, neck and cap."""
    body, shoulder = p["body_height"], p["body_height"] + p["shoulder_height"]
    neck, top = p["radius"] * p["neck_ratio"], p["body_height"] + p["shoulder_height"] + p["neck_height"]
    middle = (0.55 * p["radius"] + 0.45 * neck, body + 0.62 * p["shoulder_height"])
    solid = lathe([(p["radius"], 0.0), (p["radius"], body), middle, (neck, shoulder), (neck, top)])
    cap = lathe([(neck + 0.002, top - 0.012), (neck + 0.002, top)], sectors=16)
    return solid + cap


@family(radius=(0.024, 0.044), height=(0.045, 0.110), lid_height=(0.010, 0.022), waist_ratio=(0.72, 0.92))
def jar(p: Parameters) -> list[Piece]:
    """Squat jar whose lid is as wide as its body, with a waist between."""
    radius, height, waist = p["radius"], p["height"], p["radius"] * p["waist_ratio"]
    body = lathe([(0.93 * radius, 0.0), (radius, 0.006), (radius, height - 0.012), (waist, height - 0.002)])
    neck = lathe([(waist, height - 0.002), (waist, height + 0.004)])
    lid = lathe([(0.97 * radius, height + 0.003), (0.97 * radius, height + p["lid_height"])], sectors=24)
    return body + neck + lid


@family(
    radius=(0.028, 0.044),
    height=(0.060, 0.110),
    wall=(0.0032, 0.0050),
    handle_reach=(0.026, 0.036),
    handle_ratio=(0.30, 0.38),
    handle_thickness=(0.007, 0.011),
)
def mug(p: Parameters) -> list[Piece]:
    """Straight mug with a C-shaped handle in the xz plane."""
    radius, height, wall = p["radius"], p["height"], p["wall"]
    floor = lathe([(radius - 0.001, 0.0), (radius - 0.001, 0.0055)], sectors=24)
    walls = wall_ring(
        [(radius, FLOOR_CLEARANCE), (radius, height)], [(radius - wall, FLOOR_CLEARANCE), (radius - wall, height)]
    )
    thickness = p["handle_thickness"]
    # Both ends of the C lie in the middle of the wall; its stations bulge to handle_reach outside of it.
    root = radius * np.cos(np.pi / 12) - 0.5 * wall
    stations = arc(p["handle_reach"], height * p["handle_ratio"], -np.pi / 2, np.pi / 2, 7)
    stations[:, 0] += root
    section = circle(8, np.pi / 8) * np.array([0.5 * thickness, 0.65 * thickness])
    handle = moved(sweep(stations, section), (0.0, 0.0, 0.52 * height))
    return floor + walls + handle


@family(radius=(0.041, 0.057), height_ratio=(0.64, 0.90), foot_ratio=(0.56, 0.70), wall=(0.0070, 0.0090))
def bowl(p: Parameters) -> list[Piece]:
    """Bowl with a curved outside; its rim or its whole width can be held."""
    radius, height, foot, wall = p["radius"], p["radius"] * p["height_ratio"], p["radius"] * p["foot_ratio"], p["wall"]
    floor = lathe([(foot - 0.001, 0.0), (foot + 0.001, 0.006)], sectors=24)
    shoulder = (foot + 0.87 * (radius - foot), 0.55 * height)
    outer = [(foot, FLOOR_CLEARANCE), shoulder, (radius, height)]
    return floor + wall_ring(outer, [(foot - wall, FLOOR_CLEARANCE), (radius - wall, height)])


@family(radius=(0.026, 0.046), height=(0.055, 0.130), taper_ratio=(0.62, 0.88), wall=(0.003, 0.004))
def cup(p: Parameters) -> list[Piece]:
    """Open tumbler that widens upwards."""
    radius, foot, wall = p["radius"], p["radius"] * p["taper_ratio"], p["wall"]
    floor = lathe([(foot - 0.001, 0.0), (foot - 0.001, 0.0055)], sectors=24)
    outer = [(foot, FLOOR_CLEARANCE), (radius, p["height"])]
    inner = [(foot - wall, FLOOR_CLEARANCE), (radius - wall, p["height"])]
    return floor + wall_ring(outer, inner)


@family(
    radius=(0.042, 0.060),
    height=(0.024, 0.040),
    handle_length=(0.080, 0.115),
    handle_width=(0.014, 0.024),
    handle_thickness=(0.011, 0.017),
)
def pan(p: Parameters) -> list[Piece]:
    """Small frying pan with a flat straight handle."""
    radius, height, foot = p["radius"], p["height"], p["radius"] - 0.008
    floor = lathe([(foot - 0.001, 0.0), (foot + 0.001, 0.006)], sectors=24)
    outer = [(foot, FLOOR_CLEARANCE), (radius, height)]
    walls = wall_ring(outer, [(foot - 0.004, FLOOR_CLEARANCE), (radius - 0.004, height)])
    section = circle(8, np.pi / 8) * np.array([p["handle_thickness"], p["handle_width"]]) / 2
    start, stop = radius - 0.008, radius + p["handle_length"]
    path = [(start, 0.0, 0.62 * height), (0.55 * start + 0.45 * stop, 0.0, height), (stop, 0.0, height + 0.004)]
    return floor + walls + sweep(path, section, (0.8, 1.0, 1.1))


@family(
    bowl_radius=(0.026, 0.040),
    bowl_height=(0.050, 0.080),
    stem_height=(0.045, 0.085),
    stem_radius=(0.0035, 0.0060),
    foot_radius=(0.026, 0.038),
)
def wine_glass(p: Parameters) -> list[Piece]:
    """Stemmed glass: foot, stem, open bowl."""
    radius, stem, base = p["bowl_radius"], p["stem_radius"], 0.004 + p["stem_height"]
    top = base + p["bowl_height"]
    foot = lathe([(p["foot_radius"], 0.0), (p["foot_radius"], 0.003), (2.0 * stem, 0.006)])
    rod = lathe([(stem, 0.003), (stem, base + 0.003)], sectors=12)
    bottom = lathe([(stem, base), (0.62 * radius, base + 0.012)], sectors=24)
    outer = [(0.62 * radius - 0.0005, base + 0.010), (radius, base + 0.4 * p["bowl_height"]), (0.90 * radius, top)]
    inner = [(0.62 * radius - 0.004, base + 0.010), (0.90 * radius - 0.0035, top)]
    return foot + rod + bottom + wall_ring(outer, inner)
